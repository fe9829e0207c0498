"""How maps are drawn: opacity, box, and the scale that says what a colour is worth."""

import base64
from dataclasses import dataclass
from html import escape
from typing import Final

import streamlit as st

from app.screens.explanation import words
from core.explanation import OverlayStyle, Target, draw_scale_bar
from core.explanation.cam import MEASURED_SCALE_LOGIT
from core.pictures import png_bytes

ZOOM: Final = 4
"""Two pictures and the words fit side by side without the browser shrinking a pixel."""


@dataclass(frozen=True)
class Scale:
    """What value gets the full colour.

    Attributes:
        value: In the map's unit; None where each map has its own.
        words: Whose scale it is.
    """

    value: float | None
    words: str


OWN_SCALE: Final = Scale(None, words.OWN_SCALE)
MEASURED_SCALE: Final = Scale(MEASURED_SCALE_LOGIT, words.MEASURED_SCALE)


def look_of_maps() -> tuple[OverlayStyle, bool]:
    """Draw the settings of the picture, folded; return them, and whether all maps share a scale."""
    with st.popover("Display", icon=":material/palette:"):
        box = _toggle("Mark the centre", "box", words.BOX_HELP, value=True)
        smooth = _toggle("Smooth map", "interpolate", words.SMOOTH_HELP, value=True)
        contour = _toggle("Contour", "contour", words.CONTOUR_HELP, value=True)
        pixels = _toggle("Smooth zoom", "soft", words.ZOOM_HELP, value=True)
        shared = _toggle("One scale for all", "shared", words.SHARED_HELP)
        opacity = st.slider(
            "Opacity", 0.0, 1.0, 0.6, 0.05, key="explain-opacity", persist_state="session"
        )
    style = OverlayStyle(
        zoom=ZOOM,
        opacity=opacity,
        smooth=smooth,
        contour=contour,
        smooth_patch=pixels,
        centre_box=box,
    )
    return style, shared


def _toggle(label: str, name: str, meaning: str, *, value: bool = False) -> bool:
    key = f"explain-{name}"
    return st.toggle(label, value=value, key=key, persist_state="session", help=meaning)


def scale_bar(target: Target, most: str, whose: str, style: OverlayStyle) -> str:
    """Return the colours with what they mean, as HTML."""
    bar = png_bytes(draw_scale_bar(opacity=style.opacity))
    high = f"for {words.TARGETS[target]}"
    most = f"+{most} " if most else ""
    return (
        f'<div class="nl-scale"><img alt="Colours from nothing to {high}" '
        f'src="data:image/png;base64,{base64.b64encode(bar).decode()}">'
        f"<div><span>0</span><span>{most}{high}</span></div>"
        f"logits per square · {escape(whose)}</div>"
    )
