"""The slider that drives the threshold page, and the marks that it moves over the figures.

Own component, because Streamlit's slider (1.67) tells the server only when the hand lets go, and
because Plotly needs longer to draw its figures again than a reader should wait.
"""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import streamlit as st

from app.charts.threshold import Mark
from app.state import widgets

STEP: Final = 0.001
_KEY: Final = "nl-slider"
_SCRIPT: Final = Path(__file__).with_name("slider.js")
_HTML: Final = f"""
<label><span>Call a patch tumour if its score is at least</span><output></output>
<input type="range" min="0" max="1" step="{STEP}" aria-label="Threshold"></label>
<p><span>not called tumour</span><span>called tumour</span></p>
"""
_TRACK: Final = """{height:8px;border-radius:4px;background:linear-gradient(to right,
  var(--nl-no-tumour) 0 var(--lower),var(--nl-grey-zone) var(--lower) var(--upper),
  var(--nl-tumour) var(--upper) 100%)}"""
_CSS: Final = (
    f"""
input::-webkit-slider-runnable-track{_TRACK}
input::-moz-range-track{_TRACK}
"""
    + """
label{display:grid;grid-template-columns:1fr auto;gap:.3rem .75rem;align-items:baseline;
  font:500 .92rem/1.3 var(--st-font);color:var(--nl-ink)}
output{font-weight:650;font-size:1.3rem;font-variant-numeric:tabular-nums}
input{grid-column:1/-1;width:100%;margin:.15rem 0;height:26px;background:none;cursor:grab;
  appearance:none;-webkit-appearance:none}
input:active{cursor:grabbing}
input::-webkit-slider-thumb{-webkit-appearance:none;width:22px;height:22px;margin-top:-7px;
  border-radius:50%;background:var(--nl-paper);border:3px solid var(--nl-ink)}
input::-moz-range-thumb{width:16px;height:16px;border-radius:50%;background:var(--nl-paper);
  border:3px solid var(--nl-ink)}
input:focus-visible{outline:2px solid var(--nl-accent);outline-offset:2px;border-radius:6px}
p{display:flex;justify-content:space-between;margin:0;font:.78rem/1.2 var(--st-font);
  color:var(--nl-muted)}
"""
)

Moved = Callable[[float, bool], None]
"""Takes a threshold, and whether the hand has let go."""


@cache
def _component() -> Callable[..., Any]:
    return st.components.v2.component(
        "nodelens_threshold", html=_HTML, css=_CSS, js=_SCRIPT.read_text("utf-8")
    )


def threshold_slider(
    threshold: float, lower: float | None, marks: Sequence[Mark], on_moved: Moved
) -> None:
    """Draw the slider at a threshold and the marks on the figures.

    Args:
        threshold: Where it stands.
        lower: Start of a grey zone; None without one.
        marks: Where the threshold lies on each figure that the page shows.
        on_moved: Called before the next run with the threshold that was chosen.
    """

    def moved() -> None:
        found = widgets.component_value(_KEY, "moved")
        if found:
            widgets.choose(f"{_KEY}-count", int(found["count"]))
            on_moved(float(found["threshold"]), bool(found["settled"]))

    _component()(
        key=_KEY,
        data={
            "threshold": threshold,
            "lower": lower,
            "marks": [mark.as_dict() for mark in marks],
            "figures": [mark.figure for mark in marks],
            "count": widgets.chosen(f"{_KEY}-count", 0),
        },
        on_moved_change=moved,
        height="content",
    )
