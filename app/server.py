"""The app behind its own guard, for an installation that serves several people.

`streamlit run app/server.py` serves what `streamlit run app/Home.py` does; in front of it stand
the checks of `app.guard`. Log in by a proxy or by Streamlit's own OpenID Connect.
"""

import os
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from app.guard import HTTP_ONLY, Guard

os.environ[HTTP_ONLY] = "1"
app = st.App(Path(__file__).with_name("Home.py"), middleware=[Middleware(Guard)])
