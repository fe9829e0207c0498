"""Another name for `Home.py`: `streamlit run app/server.py` serves the same, guarded the same."""

from pathlib import Path

import streamlit as st

from app.starting import parts

serving = st.App(Path(__file__).with_name("Home.py"), **parts())
