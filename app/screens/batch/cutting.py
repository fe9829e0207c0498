"""How to cut patches from a slide: three steps, and a script for QuPath."""

from pathlib import Path
from typing import Final

import streamlit as st

from app.screens.batch import words
from app.screens.shared.parts import download

SCRIPT: Final = Path(__file__).with_name("cut_patches.groovy")


def how_to_cut_patches() -> None:
    """Draw the steps and the script, folded."""
    with st.expander("How to cut patches from slides", icon=":material/content_cut:"):
        lines = "".join(f"<li>{step}</li>" for step in words.CUT_STEPS)
        st.html(f'<ol class="nl-steps">{lines}</ol>')
        script = SCRIPT.read_text("utf-8")
        download("Script for QuPath", script.encode(), SCRIPT.name, "cut-script")
        st.code(script, language="groovy", height=260)
        st.caption(words.CUT_NOTE)
