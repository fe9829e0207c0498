"""The slide with its scores laid over it, in the browser, and the cell that is looked at."""

import hashlib
import math
from html import escape
from pathlib import Path
from typing import Final

import streamlit as st

from app import resources
from app.screens.shared.component import component
from app.screens.shared.parts import badge, empty, facts, patch_line
from app.screens.shared.words import MAP_HELP, MAP_OTHER_MODEL, UNLIKE
from app.screens.slides import words
from app.state import address, widgets
from core.bundle import same_model
from core.errors import NodelensError
from core.explanation import OverlayStyle, draw_overlay
from core.jobs import Job
from core.patches import ImageU8
from core.pictures import png_bytes, png_uri
from core.scoring import Classifier
from core.scoring.results import Outcome
from core.slides.cells import Cells, CellState
from core.slides.exports import Placing
from core.slides.outlines import find_regions
from core.slides.store import SlideStore
from core.slides.view import TILE_PX
from core.wording import call_text, number, percent

_SCRIPT: Final = Path(__file__).with_name("viewer.js")
_MAP: Final = "slide-map"
_STYLE: Final = OverlayStyle(zoom=4, smooth_patch=True, centre_box=False)


def chosen_cell(cells: Cells) -> tuple[int, int] | None:
    """Return row and column of the cell that is looked at; None if there is no such cell."""
    row, _, column = (address.slide_cell.now() or "").partition("-")
    if not (row.isdecimal() and column.isdecimal()):
        return None
    at, shape = (int(row), int(column)), cells.tissue.shape
    return at if at[0] < shape[0] and at[1] < shape[1] else None


def viewer(store: SlideStore, job: Job, *, threshold: float, scored: bool) -> None:
    """Draw a slide with its cells; a click looks at one.

    The threshold is where it stands at first; without scores, what would be scored is shown.
    """
    key = f"viewer-{job.id}"

    def clicked() -> None:
        row, column = (widgets.component_value(key, "cell") or {})["value"]
        address.slide_cell.look_at(f"{int(row)}-{int(column)}")

    tiles, cells = resources.slide_tiles(store, job), resources.slide_cells(store, job)
    view = resources.slide_view(store, job)
    placing = Placing.on(view)
    outlines = find_regions(cells, placing.cell_um, placing.extent) if scored else []
    component("nodelens_slide", _SCRIPT)(
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
            "cellPx": placing.cell_px,
            "umPerPx": placing.um_px,
            "threshold": threshold,
            "scored": scored,
            "partly": "" if store.choices(job).all_cells else words.PARTLY,
            "outlines": [ring.tolist() for region in outlines for ring in region.rings],
            "selected": chosen_cell(cells),
        },
        on_cell_change=clicked,
        height="content",
    )


def cell_panel(store: SlideStore, job: Job, classifier: Classifier | None) -> None:
    """Draw the cell that is looked at."""
    cells = resources.slide_cells(store, job)
    at = chosen_cell(cells)
    if at is None:
        empty(*words.CHOOSE_CELL)
        return
    row, column = at
    scored = cells.state[at] == CellState.SCORED
    st.html(cell_line(cells, at))
    try:
        patch, around = resources.slide_patch(store, job, row, column)
    except NodelensError as error:
        st.warning(str(error))
        return
    shown = png_uri(patch)
    if scored and classifier is not None:
        scored_by = resources.slide_summary(store, job)["spec"]["model_id"]
        other = not same_model(scored_by, classifier.model_id)
        about = MAP_OTHER_MODEL.format(what="slide") if other else MAP_HELP
        on = st.toggle(words.MAP, key=_MAP, help=about, disabled=other, persist_state="session")
        if on and not other:
            shown = _map(classifier, patch) or shown
    st.html(
        f'<div class="nl-cell"><figure><img src="{shown}" alt="Patch of the '
        f'cell"><i></i></figure><figure class="nl-around"><img src="{png_uri(around)}" '
        'alt="Surroundings of the patch"><i></i></figure></div>'
    )
    st.caption(words.SURROUNDINGS)
    if scored:
        facts(_facts(store, job, cells, at))


def cell_line(cells: Cells, at: tuple[int, int]) -> str:
    """Return what is known of the cell in a row and a column, in one line of HTML."""
    row, column = at
    where = f"<small>row {row + 1:,}, column {column + 1:,}</small>"
    if cells.state[at] != CellState.SCORED:
        tissue, done = bool(cells.tissue[at]), bool((cells.state != CellState.UNSCORED).any())
        why = words.PASSED_OVER if tissue and done else words.NOT_STARTED
        if not tissue:
            why = words.NOT_TISSUE
        if cells.state[at] == CellState.FAILED:
            why = call_text(Outcome.FAILED)
        return f'<div class="nl-patchline"><span>{escape(why)}</span>{where}</div>'
    called = {1: Outcome.TUMOUR, 0: Outcome.NO_TUMOUR}.get(int(cells.call[at]), Outcome.GREY_ZONE)
    unlike = badge(UNLIKE, "bad") if cells.domain_distance[at] > 1 else ""
    return patch_line(float(cells.prob_tumour[at]), called, f"{unlike}{where}")


def _facts(store: SlideStore, job: Job, cells: Cells, at: tuple[int, int]) -> dict[str, str]:
    side = store.cell_px(job)
    distance = float(cells.domain_distance[at])
    known = {
        "Place": f"x {at[1] * side:,.0f}, y {at[0] * side:,.0f} px of the full resolution",
        "Tissue": percent(float(cells.tissue_share[at]), 0),
    }
    if math.isfinite(distance):
        known["Distance from the training data"] = f"{number(distance, 2)} (above 1: unlike)"
    return known


def _map(classifier: Classifier, patch: ImageU8) -> str | None:
    """Return the patch under its Grad-CAM as a data URI, None if it cannot be made."""
    explainer = resources.explainer(classifier)

    def draw() -> bytes:
        (explained,) = explainer.explain(patch[None])
        return png_bytes(
            draw_overlay(patch, explained.cam, style=_STYLE, strength=explained.strength)
        )

    try:
        pixels = hashlib.sha256(patch.tobytes()).hexdigest()
        return resources.picture_uri(draw, f"slide-map {classifier.model_id} {pixels}")
    except NodelensError as error:
        widgets.notify(str(error))
        return None
