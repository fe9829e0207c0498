"""The slide with its scores laid over it, in the browser."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final

import streamlit as st

from app import resources
from app.screens.slides import words
from app.state import address, widgets
from core.jobs import Job
from core.slides.cells import Cells
from core.slides.outlines import find_regions
from core.slides.store import SlideStore
from core.slides.tiles import TILE_PX
from core.slides.tissue import CELL_PX

_HERE: Final = Path(__file__).parent


@cache
def _viewer() -> Callable[..., Any]:
    return st.components.v2.component(
        "nodelens_slide",
        html=(_HERE / "viewer.html").read_text("utf-8"),
        css=(_HERE / "viewer.css").read_text("utf-8"),
        js=(_HERE / "viewer.js").read_text("utf-8"),
    )


def chosen_cell(cells: Cells) -> tuple[int, int] | None:
    """Return row and column of the cell that is looked at; None if there is no such cell."""
    row, _, column = (address.slide_cell.now() or "").partition("-")
    if not (row.isdecimal() and column.isdecimal()):
        return None
    at, shape = (int(row), int(column)), cells.tissue.shape
    return at if at[0] < shape[0] and at[1] < shape[1] else None


def viewer(store: SlideStore, job: Job, *, threshold: float, scored: bool) -> None:
    """Draw a slide with its cells; a click looks at one.

    Args:
        store: Of the slide.
        job: The slide.
        threshold: Where the threshold stands at first.
        scored: Whether there are scores; else what would be scored is shown.
    """
    key = f"viewer-{job.id}"

    def clicked() -> None:
        row, column = (widgets.component_value(key, "cell") or {})["value"]
        address.slide_cell.look_at(f"{int(row)}-{int(column)}")

    tiles, cells = resources.slide_tiles(store, job), resources.slide_cells(store, job)
    view = resources.slide_view(store, job)
    cell_um = CELL_PX * view.spacing_um_px
    outlines = find_regions(cells, cell_um) if scored else []
    _viewer()(
        key=key,
        data={
            "name": words.NAME,
            "address": resources.slide_address(store, job),
            "stamp": resources.slide_stamp(store, job),
            "width": tiles.width_px,
            "height": tiles.height_px,
            "first": tiles.first_level,
            "last": tiles.last_level,
            "tile": TILE_PX,
            "rows": cells.tissue.shape[0],
            "columns": cells.tissue.shape[1],
            "cellPx": CELL_PX * view.full_px,
            "umPerPx": view.spacing.um_px,
            "threshold": threshold,
            "scored": scored,
            "partly": "" if store.choices(job).all_cells else words.PARTLY,
            "outlines": [ring.tolist() for region in outlines for ring in region.rings],
            "selected": chosen_cell(cells),
        },
        on_cell_change=clicked,
        height="content",
    )
