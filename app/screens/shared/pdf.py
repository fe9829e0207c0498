"""A PDF that takes a while: made with a bar that shows how far it is, then saved."""

from collections.abc import Callable

import streamlit as st

from app.screens.shared.parts import download, show_problem
from app.state import widgets
from core.errors import NodelensError
from core.wording import percent

MakePdf = Callable[[Callable[[float], None]], bytes]
"""Makes it; tells the share that is done, 0..1."""


def pdf_button(label: str, name: str, make: MakePdf, key: str, *, help: str = "") -> None:
    """Draw the button that makes a PDF; once it is made, the one that saves it.

    Args:
        label: On the first button.
        name: Of the file.
        make: Makes it.
        key: Names what it is made of, so that another state of that is made anew.
        help: What is in it.
    """
    made = f"{key}-made"
    place = st.empty()
    if not isinstance(widgets.chosen(made), bytes):
        with place:
            pressed = st.button(label, icon=":material/picture_as_pdf:", key=key, help=help)
        if not pressed:
            return
        with place:
            bar = st.progress(0.0, text="Preparing …")
        try:
            content = make(lambda share: _tell(bar, share))
        except NodelensError as error:
            place.empty()
            show_problem(error)
            return
        widgets.choose(made, content)
    kept = widgets.chosen(made)
    if not isinstance(kept, bytes):
        return
    with place:
        size = f"{len(kept) / 2**20:.1f} MiB"
        download(
            f"Save PDF, {size}",
            kept,
            name,
            f"{key}-save",
            mime="application/pdf",
            type="primary",
            help=help,
        )


def _tell(bar: "st.delta_generator.DeltaGenerator", share: float) -> None:
    text = f"Drawing the Grad-CAMs, {percent(share, 0)}" if share < 1 else "Setting the pages …"
    bar.progress(share, text=text)
