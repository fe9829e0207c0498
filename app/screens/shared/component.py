"""Own components of the pages: a script, with its HTML and CSS in files of the same name."""

from functools import cache
from pathlib import Path
from typing import Any

import streamlit as st


@cache
def component(name: str, script: Path, *, isolate_styles: bool = True) -> Any:  # noqa: ANN401 - Streamlit's
    """Return an own component, made once.

    Args:
        name: Of the component.
        script: Its JavaScript; HTML and CSS lie beside it, where it has any.
        isolate_styles: Whether the page's styles stay outside.
    """
    texts = {
        kind: file.read_text("utf-8")
        for kind in ("html", "css", "js")
        if (file := script.with_suffix(f".{kind}")).is_file()
    }
    return st.components.v2.component(name, isolate_styles=isolate_styles, **texts)
