"""The look of the review pages, beside the shell's."""

from pathlib import Path
from typing import Final

import streamlit as st

_STYLE: Final = Path(__file__).with_name("review.css")


def review_style() -> None:
    """Load the style; called once by each page of the review."""
    with st.container(key="nl-keep-style"):
        st.html(_STYLE)
