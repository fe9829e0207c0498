"""One patch of a batch, enlarged: with its heat map at once, and with what is known of it."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from html import escape
from typing import Final

import streamlit as st

from app import resources
from app.screens.batch import words
from app.screens.batch.rows import BatchRows
from app.screens.shared.pager import step_buttons
from app.screens.shared.parts import badge, button, facts, patch_line
from app.screens.shared.words import CENTRE_ONLY, MAP_HELP, MAP_OTHER_MODEL, UNLIKE
from app.state import address, widgets
from core.bundle import same_model
from core.errors import NodelensError
from core.explanation import Decisive, MapState, Measurement, OverlayStyle, draw_overlay
from core.explanation.explained import ExplainedPatches
from core.explanation.words import badge_text, plain_line
from core.pictures import png_bytes
from core.scoring import Classifier, ScoreRow, Status, outcome
from core.wording import NOTHING, label_text

_SMOOTH: Final = "batch-smooth"
_OUTLINE: Final = "batch-outline"
_LARGE: Final = "batch-large"


def patch_detail(batch: BatchRows, positions: Sequence[int], *, done: bool) -> int | None:
    """Draw the patch that is looked at, or the first of the list, and return its position.

    Maps ahead are made once the batch is done, so that they take nothing from its scoring.
    """
    position = address.row()
    if position is None or position >= len(batch.rows):
        if not positions:
            return None
        position = positions[0]
    row = batch.rows[position]
    mapper = _mapper(row, batch.classifier)
    with st.container(horizontal=True, vertical_alignment="center", key="nl-walk"):
        place, before, after = step_buttons(positions, position, address.look_at_row)
        mapped = _map_toggle(row, possible=mapper is not None)
        with st.popover("View", icon=":material/visibility:"):
            st.toggle("Smooth zoom", value=True, key=_SMOOTH, persist_state="session")
            st.toggle("Outline the centre", value=True, key=_OUTLINE, persist_state="session")
    where = f"{place + 1:,} of {len(positions):,}" if place >= 0 else "not in this list"
    decides = batch.rests_on.get(position)
    st.html(_line(row, where, around=decides is Decisive.RING))
    map_picture = below = None
    if mapped and mapper is not None:
        try:
            map_picture = _map_of(batch, mapper, position)
        except NodelensError as error:
            st.warning(str(error))
        if map_picture is not None:
            below = partial(_badge_below, batch, mapper, position, decides)
    picture = resources.patch_uri(batch.store, batch.job, position)
    with st.container(key="nl-view"):
        if picture is None:
            st.html(f'<div class="nl-nopicture">{words.NO_PICTURE}</div>')
        else:
            st.html(_figure(map_picture or picture, row.path))
            enlarge, about = partial(widgets.choose, _LARGE, batch.job.id), words.ENLARGE_HELP
            button("Enlarge", "enlarge", "", enlarge, shortcut="Z", help=about)
            # Not by the click: while the dialog is open, keys walk on and the page is drawn anew.
            if widgets.chosen(_LARGE) == batch.job.id:
                _enlarged([picture, *([map_picture] if map_picture else [])], row, below)
    if below is not None:
        below()
    if done and mapper is not None:
        near = [at for at in (position, after, before) if at is not None]
        _AHEAD.submit(_prepare, batch, mapper, near)  # this one first, then its neighbours
    st.caption(" ".join([MAP_HELP] * (map_picture is not None) + [words.SIZE, CENTRE_ONLY]))
    with st.expander("Details", key=f"details-{batch.job.id}"):
        patch_facts(row)
    return position


def _line(row: ScoreRow, where: str, *, around: bool = False) -> str:
    """Return score, call and label in one line."""
    label = ""
    if row.label is not None:
        wrong = " nl-wrong" if row.predicted_label not in {None, row.label} else ""
        label = f'<span class="nl-labelled{wrong}">label {label_text(row.label)}</span>'
    warnings = ((UNLIKE, row.unlike_training), (words.AROUND_BADGE, around))
    doubts = "".join(
        f'<span class="nl-labelled nl-wrong">{text}</span>' for text, holds in warnings if holds
    )
    return patch_line(row.prob_tumour, outcome(row), f"{label}{doubts}<small>{where}</small>")


def _figure(source: str, path: str) -> str:
    soft = "nl-soft" if widgets.chosen(_SMOOTH, True) else "nl-sharp"
    box = "<i></i>" if widgets.chosen(_OUTLINE, True) else ""
    return (
        f'<figure class="nl-picture {soft}"><img src="{source}" alt="Patch {escape(path)}">'
        f"{box}</figure>"
    )


@st.dialog("Patch", width="large", on_dismiss=partial(widgets.forget, _LARGE))
def _enlarged(
    pictures: Sequence[str], row: ScoreRow, below: Callable[[], None] | None = None
) -> None:
    with st.container(key="nl-large"):
        st.html("".join(_figure(picture, row.path) for picture in pictures))
    st.html(_line(row, escape(row.path)))
    if below is not None:
        below()


def patch_facts(row: ScoreRow) -> None:
    """Draw what is known of a scored input."""
    known: dict[str, str | None] = {"File": row.path}
    if row.status is Status.SCORED and row.prob_tumour is not None:
        side = "above" if row.prob_tumour >= row.threshold else "below"
        distance = abs(row.prob_tumour - row.threshold)
        point = f"{row.threshold:.4f} ({row.operating_point})"
        known["Threshold"] = f"{point}; the score is {distance:.3f} {side} it"
    spread, label = row.d4_sd_logit, row.label
    known |= {
        "Remark": row.reason,
        "Note": row.note,
        "Orientations": "" if spread is None else f"SD of the logits {spread:.2f}",
        "Reference label": "" if label is None else label_text(label),
        "Slide": row.slide,
        "Split": row.split,
        "Model": row.model_id,
        "SHA-256": f"{row.sha256[:16]}…" if row.sha256 else NOTHING,
    }
    facts({name: text for name, text in known.items() if text})


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


def _mapper(row: ScoreRow, classifier: Classifier | None) -> Classifier | None:
    """Return the model that made a score, which alone can explain it; None if there is none."""
    own = classifier is not None and same_model(row.model_id, classifier.model_id)
    return classifier if own and row.status is Status.SCORED else None


def _map_toggle(row: ScoreRow, *, possible: bool) -> bool:
    """Draw the switch of the map, which holds from patch to patch, and return whether it is on."""
    on, other = bool(widgets.chosen(_WANTED)), row.status is Status.SCORED and not possible
    button(
        "Hide Grad-CAM" if on else "Grad-CAM",
        "map",
        "layers",
        partial(widgets.choose, _WANTED, not on),
        shortcut="M",
        type="primary" if on else "secondary",
        disabled=not possible,
        help=MAP_OTHER_MODEL.format(what="batch") if other else None,
    )
    return on and possible


def _known(batch: BatchRows, classifier: Classifier) -> ExplainedPatches:
    return resources.explained(resources.explainer(classifier), batch.collection)


def _map_of(batch: BatchRows, classifier: Classifier, position: int) -> str | None:
    """Return a patch under its map as a data URI, made unless it was; None if it cannot be."""
    known, collection = _known(batch, classifier), batch.collection
    known.measure([position], Measurement())
    row, image = known.row(position), collection.image(position)
    if row is None or row.explanation is None or image is None:
        return None
    cam, strength = row.explanation.cam, row.explanation.strength

    def draw() -> bytes:
        return png_bytes(draw_overlay(image, cam, style=_STYLE, strength=strength))

    key = f"batch-map {classifier.model_id} {collection.key} {position} {cam.layer} {_STYLE}"
    return resources.picture_uri(draw, key)


def _prepare(batch: BatchRows, classifier: Classifier, positions: Sequence[int]) -> None:
    """Have maps drawn meanwhile."""
    for position in positions:
        _map_of(batch, classifier, position)


def _badge_below(
    batch: BatchRows, classifier: Classifier, position: int, decides: Decisive | None
) -> None:
    """Draw how far the map can be trusted; the check begins once the reader stays at the patch."""
    known = _known(batch, classifier)
    row = known.row(position)
    waits = row is not None and row.map_state is MapState.UNTESTED and not known.untestable
    widgets.choose(_STAYED, None)
    st.fragment(_badge, run_every=_LOOK_EVERY_S if waits else None)(known, batch, position, decides)


def _badge(
    known: ExplainedPatches, batch: BatchRows, position: int, decides: Decisive | None
) -> None:
    row = known.row(position)
    if row is None or row.explanation is None:
        return
    if row.map_state is MapState.UNTESTED and not known.untestable:
        if widgets.chosen(_STAYED) == position and known.twins is not None:
            known.prepare([position], Measurement(twins=known.twins))
        widgets.choose(_STAYED, position)
    turned = bool(row.explanation.cam.values.max() <= 0)
    line = plain_line(row, decides) + f" {words.MAP_TURNED}" * turned
    st.html(
        f'<div class="nl-mapline"><span>{escape(line)}</span>'
        f"{badge(badge_text(row), _TONES[row.map_state])}</div>"
    )
