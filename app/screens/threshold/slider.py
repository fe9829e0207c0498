"""The slider that drives the threshold page, and the marks that it moves over the figures.

Own component, because Streamlit's slider (1.67) tells the server only when the hand lets go, and
because Plotly needs longer to draw its figures again than a reader should wait.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from app.charts.threshold import Mark
from app.screens.shared.component import component
from app.state import widgets

_KEY: Final = "nl-slider"
_SCRIPT: Final = Path(__file__).with_name("slider.js")
Moved = Callable[[float, bool], None]
"""Takes a threshold, and whether the hand has let go."""


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

    component("nodelens_threshold", _SCRIPT)(
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
