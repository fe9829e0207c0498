"""How the maps are drawn: what a reader sets of it, and the scale of their colours."""

import base64
from dataclasses import dataclass
from html import escape
from typing import Final

import streamlit as st

from app.screens.explanation import words
from core.explanation import OverlayStyle, Target, draw_scale_bar
from core.pictures import png_bytes

ZOOM: Final = 4
"""Two pictures and the words fit side by side without the browser shrinking a pixel."""


@dataclass(frozen=True)
class Look:
    """How maps are drawn.

    Attributes:
        style: Of the pictures.
        scale: What value gets the full colour, in the map's unit; None where each has its own.
        whose: Whose scale it is, in words.
    """

    style: OverlayStyle
    scale: float | None = None
    whose: str = words.OWN_SCALE


_TOGGLES: Final = (
    ("centre_box", "Mark the centre", words.BOX_HELP, True),
    ("smooth", "Smooth map", words.SMOOTH_HELP, True),
    ("contour", "Contour", words.CONTOUR_HELP, True),
    ("smooth_patch", "Smooth zoom", words.ZOOM_HELP, True),
    ("shared", "One scale for all", words.SHARED_HELP, False),
)
"""Field of the style, label, help, and whether it is on at first; the last is no field."""


def look_of_maps() -> tuple[OverlayStyle, bool]:
    """Draw the settings of the picture, folded; return them, and whether all maps share a scale."""
    with st.popover("Display", icon=":material/palette:"):
        on = {
            name: st.toggle(
                label, usual, key=f"explain-{name}", persist_state="session", help=meaning
            )
            for name, label, meaning, usual in _TOGGLES
        }
        opacity = st.slider(
            "Opacity", 0.0, 1.0, 0.6, 0.05, key="explain-opacity", persist_state="session"
        )
    shared = on.pop("shared")
    return OverlayStyle(zoom=ZOOM, opacity=opacity, **on), shared


def scale_bar(target: Target, most: str, look: Look) -> str:
    """Return the colours with what they mean, as HTML."""
    bar = png_bytes(draw_scale_bar(opacity=look.style.opacity))
    high = f"for {words.TARGETS[target]}"
    most = f"+{most} " if most else ""
    return (
        f'<div class="nl-scale"><img alt="Colours from nothing to {high}" '
        f'src="data:image/png;base64,{base64.b64encode(bar).decode()}">'
        f"<div><span>0</span><span>{most}{high}</span></div>"
        f"logits per square · {escape(look.whose)}</div>"
    )
