"""The Grad-CAM of the patch in the viewer: at once, with how far it can be trusted to follow."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from html import escape
from typing import Final

import streamlit as st

from app import resources
from app.screens.batch import words
from app.screens.shared.listing import badge, is_drawn
from app.state import widgets
from core.bundle import same_model
from core.errors import NodelensError
from core.explanation import Decisive, MapState, Measurement, OverlayStyle, Target, draw_overlay
from core.explanation.explained import ExplainedPatches, PatchCollection
from core.explanation.words import badge_text, plain_line
from core.jobs import Job, JobStore
from core.pictures import png_bytes
from core.scoring import Classifier, ScoreRow, Status

_WANTED: Final = "batch-map"
_STAYED: Final = "batch-map-stayed"
_LOOK_EVERY_S: Final = 1.0
_TONES: Final = {
    MapState.NONE: "",
    MapState.UNTESTED: "",
    MapState.RELIABLE: "good",
    MapState.UNRELIABLE: "bad",
}
_AHEAD: Final = ThreadPoolExecutor(max_workers=1, thread_name_prefix="maps-ahead")
_STYLE: Final = OverlayStyle(zoom=4, smooth_patch=True, centre_box=False)


@dataclass(frozen=True)
class HeatMap:
    """A map that is drawn.

    Attributes:
        picture: The patch under it, as a data URI.
    """

    picture: str


def can_be_mapped(row: ScoreRow, classifier: Classifier | None) -> bool:
    """Return whether there is a map: of a score, by the model that made it."""
    return row.status is Status.SCORED and not _of_another(row, classifier)


def _of_another(row: ScoreRow, classifier: Classifier | None) -> bool:
    return classifier is None or not same_model(row.model_id, classifier.model_id)


def map_toggle(row: ScoreRow, classifier: Classifier | None) -> bool:
    """Draw the switch of the map, which holds from patch to patch, and return whether it is on."""
    on, possible = bool(widgets.chosen(_WANTED)), can_be_mapped(row, classifier)
    other = _of_another(row, classifier)
    st.button(
        "Hide heat map" if on else "Heat map",
        key="map",
        shortcut="M",
        icon=":material/layers:",
        type="primary" if on else "secondary",
        disabled=not possible,
        help=words.MAP_OTHER_MODEL if other else words.MAP_HELP,
        on_click=widgets.choose,
        args=(_WANTED, not on),
    )
    return on and possible


def _known(
    store: JobStore, job: Job, classifier: Classifier
) -> tuple[ExplainedPatches, PatchCollection]:
    collection = resources.job_collection(store, job, drawn=is_drawn(job))
    chosen = resources.explainer(classifier, None, None, Target.TUMOUR)
    return resources.explained(chosen, collection), collection


def map_of(store: JobStore, job: Job, classifier: Classifier, position: int) -> HeatMap | None:
    """Return the map of a patch, made now unless it was before; None if it cannot be made."""
    try:
        return _map_of(store, job, classifier, position)
    except NodelensError as error:
        st.warning(str(error))
        return None


def _map_of(store: JobStore, job: Job, classifier: Classifier, position: int) -> HeatMap | None:
    known, collection = _known(store, job, classifier)
    known.measure(collection.source, [position], Measurement())
    row, image = known.row(position), collection.image(position)
    if row is None or row.explanation is None or image is None:
        return None
    cam, strength = row.explanation.cam, row.explanation.strength

    def draw() -> bytes:
        return png_bytes(draw_overlay(image, cam, style=_STYLE, strength=strength))

    key = f"batch-map {classifier.model_id} {collection.key} {position} {cam.layer} {_STYLE}"
    return HeatMap(resources.picture_uri(draw, key))


def prepare_maps(
    store: JobStore, job: Job, classifier: Classifier, positions: Sequence[int]
) -> None:
    """Have maps drawn meanwhile: of the patch that is looked at first, then of its neighbours."""
    _AHEAD.submit(_prepare, store, job, classifier, positions)


def _prepare(store: JobStore, job: Job, classifier: Classifier, positions: Sequence[int]) -> None:
    for position in positions:
        _map_of(store, job, classifier, position)


def badge_below(
    store: JobStore,
    job: Job,
    classifier: Classifier,
    position: int,
    decides: Decisive | None,
) -> None:
    """Draw how far the map can be trusted; the check begins once the reader stays at the patch."""
    known, _ = _known(store, job, classifier)
    row = known.row(position)
    waits = row is not None and row.map_state is MapState.UNTESTED and not known.untestable
    widgets.choose(_STAYED, None)
    st.fragment(_badge, run_every=_LOOK_EVERY_S if waits else None)(
        store, job, classifier, position, decides
    )


def _badge(
    store: JobStore,
    job: Job,
    classifier: Classifier,
    position: int,
    decides: Decisive | None,
) -> None:
    known, collection = _known(store, job, classifier)
    row = known.row(position)
    if row is None or row.explanation is None:
        return
    if row.map_state is MapState.UNTESTED and not known.untestable:
        if widgets.chosen(_STAYED) == position and known.twins is not None:
            known.prepare(collection.source, [position], Measurement(twins=known.twins))
        widgets.choose(_STAYED, position)
    turned = bool(row.explanation.cam.values.max() <= 0)
    line = plain_line(row, decides) + f" {words.MAP_TURNED}" * turned
    st.html(
        f'<div class="nl-mapline"><span>{escape(line)}</span>'
        f"{badge(badge_text(row), _TONES[row.map_state])}</div>"
    )
