"""How maps are drawn: colours, opacity, box, and the scale that says what a colour is worth."""

import base64
from dataclasses import dataclass
from html import escape
from typing import Final

import streamlit as st

from app.screens.explanation.words import target_words
from core.explanation import OverlayStyle, Palette, Target, Unit, draw_scale_bar, png_bytes
from core.explanation.cam import MEASURED_SCALE_LOGIT

ZOOM: Final = 4
"""Two pictures and the words fit side by side without the browser shrinking a pixel."""
_PALETTES: Final = {
    Palette.BLUE_ORANGE: "Blue – orange",
    Palette.TEAL_YELLOW: "Teal – yellow",
    Palette.DARK_LIGHT: "Dark – light",
}


@dataclass(frozen=True)
class Scale:
    """What value gets the full colour.

    Attributes:
        value: In the map's unit; None where each map has its own.
        words: Whose scale it is.
    """

    value: float | None
    words: str


OWN_SCALE: Final = Scale(None, "each map on its own scale: weak evidence looks strong")
MEASURED_SCALE: Final = Scale(
    MEASURED_SCALE_LOGIT, "one scale for every patch: full colour changes the odds about 20-fold"
)


@dataclass(frozen=True)
class Look:
    """How maps are drawn.

    Attributes:
        style: Colours, opacity, zoom, box.
        own: Each map has a scale of its own.
    """

    style: OverlayStyle
    own: bool


def look_of_maps() -> Look:
    """Draw the settings of the picture, in the row that is open, and return them."""
    box = _toggle("Mark the centre", "box", value=True)
    cells = _toggle("Smooth map", "interpolate", value=False)
    pixels = _toggle("Smooth zoom", "soft", value=False)
    own = _toggle("Own scale", "own", value=False)
    with st.popover("Opacity and colours", icon=":material/palette:"):
        opacity = st.slider(
            "Opacity", 0.0, 1.0, 0.6, 0.05, key="explain-opacity", persist_state="session"
        )
        palette = st.radio(
            "Colours, against and for",
            list(Palette),
            format_func=lambda found: _PALETTES[found],
            key="explain-palette",
            persist_state="session",
            help="All three can be told apart by colour-blind readers.",
        )
    style = OverlayStyle(
        zoom=ZOOM,
        opacity=opacity,
        palette=palette or Palette.BLUE_ORANGE,
        smooth=cells,
        smooth_patch=pixels,
        centre_box=box,
    )
    return Look(style, own)


def _toggle(label: str, name: str, *, value: bool) -> bool:
    return st.toggle(
        label,
        value=value,
        key=f"explain-{name}",
        persist_state="session",
        help=_HELP[name],
    )


_HELP: Final = {
    "box": "The centre 32 × 32 is the only region that decides the question.",
    "interpolate": "Blends between the cells. Off shows the cells, which is all the network knows.",
    "soft": "Enlarges the patch smoothly instead of in squares.",
    "own": "Stretches this map to full colour. Weak evidence then looks strong: do not compare.",
}


def scale_bar(target: Target, unit: Unit, most: str, whose: str, style: OverlayStyle) -> str:
    """Return the colours with what they mean, as HTML.

    Args:
        target: What the map speaks for.
        unit: Of its values.
        most: The value of the full colour, as text.
        whose: Whose scale it is.
        style: How maps are drawn.
    """
    bar = png_bytes(draw_scale_bar(style.palette, opacity=style.opacity))
    said = target_words(target)
    low, high = f"against {said}", f"for {said}"
    if unit is Unit.ACTIVATION:
        low, high = "below", "above"
    least, most = (f"−{most} ", f"+{most} ") if most else ("", "")
    alt = f"Colours from {low} to {high}"
    return (
        f'<div class="nl-scale"><img alt="{alt}" '
        f'src="data:image/png;base64,{base64.b64encode(bar).decode()}">'
        f"<div><span>{least}{low}</span><span>0</span><span>{most}{high}</span></div>"
        f"{unit.value}s a cell · {escape(whose)}</div>"
    )
