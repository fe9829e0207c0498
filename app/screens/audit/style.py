"""The look of the data-set page, beside the shell's."""

from pathlib import Path
from typing import Final

import streamlit as st

from app.state import widgets

_STYLE: Final = Path(__file__).with_name("audit.css")


def audit_style() -> None:
    """Load the style; called once by the page."""
    with st.container(key="nl-keep-style"):
        st.html(_STYLE)
        # Dialogs lie outside of what Streamlit gives the theme's colour scheme to.
        scheme = "dark" if widgets.is_dark() else "light"
        st.html(f'<style>[data-testid="stDialog"]{{color-scheme:{scheme}}}</style>')
