"""What is explained and how: the patches, the method, the list."""

import hashlib
from pathlib import Path
from typing import Final

import streamlit as st

from app import resources
from app.screens.shared.listing import is_drawn, when
from app.screens.shared.parts import show_problem
from app.state import address, identity, widgets
from core.errors import NodelensError, RunError
from core.explanation import Explainer, Method, Target
from core.explanation.explained import PatchCollection
from core.explanation.listing import ORDERS, MeasureOrder
from core.jobs import Job, JobStore
from core.patches import PATCH_SUFFIXES, PatchEntry, PatchSource, stem
from core.patches.naming import shown_path
from core.scoring import Classifier
from core.settings import SAMPLES_TABLE, Settings

BATCH: Final = "A batch"
ONE: Final = "An upload"
SAMPLES: Final = "Drawn samples"
_UPLOAD_MIB: Final = 10
_METHODS: Final = {
    Method.REPLACEMENT: "Replacement (measured)",
    Method.CAM: "CAM, exact for this model",
    Method.GRAD_CAM: "Grad-CAM",
    Method.GRAD_CAM_PLUS_PLUS: "Grad-CAM++",
}


class _OneUpload(PatchSource):
    """One uploaded file in memory."""

    kind = "files"

    def __init__(self, name: str, data: bytes) -> None:
        self.name = name
        self.entries = [PatchEntry(stem(name), name)]
        self._data = data

    def read_bytes(self, index: int) -> bytes:
        return self._data


def patches_to_explain(store: JobStore, settings: Settings) -> PatchCollection | None:
    """Draw the choice of patches and return them, None while there are none."""
    done = [job for job in store.jobs(identity.owner()) if resources.progress(store, job).total]
    done = [job for job in done if resources.progress(store, job).state == "done"]
    key = "explain-what"
    if widgets.chosen(key) is None:
        widgets.choose(key, BATCH if done else SAMPLES)
    kind_part, which_part = st.columns([1, 2])
    with kind_part:
        kind = st.segmented_control(
            "Patches", [BATCH, ONE, SAMPLES], key=key, persist_state="session", required=True
        )
    with which_part:
        try:
            if kind == BATCH:
                return _batch(store, done)
            if kind == ONE:
                return _one(settings)
            return _samples()
        except NodelensError as error:
            show_problem(error)
            return None


def _batch(store: JobStore, done: list[Job]) -> PatchCollection | None:
    if not done:
        st.html(
            '<div class="nl-empty"><b>No finished batch.</b> Score some patches first, or look at '
            "the drawn samples.</div>"
        )
        st.page_link("views/batch.py", label="Score patches", icon=":material/grid_view:")
        return None
    jobs = {job.id: job for job in done}
    key = "explain-batch"
    if widgets.chosen(key) not in jobs:
        looked_at = address.job_id()
        widgets.choose(key, looked_at if looked_at in jobs else done[0].id)
    chosen = st.selectbox(
        "Batch",
        list(jobs),
        format_func=lambda job_id: f"{jobs[job_id].name} · {when(jobs[job_id])}",
        key=key,
        persist_state="session",
    )
    return resources.job_collection(store, jobs[chosen], drawn=is_drawn(jobs[chosen]))


def _one(settings: Settings) -> PatchCollection | None:
    file = st.file_uploader(
        "One patch, 96 × 96 px; it is not kept",
        type=sorted(suffix[1:] for suffix in PATCH_SUFFIXES),
        key="explain-upload",
        max_upload_size=_UPLOAD_MIB,
    )
    if file is None:
        st.html(
            '<div class="nl-empty"><b>No patch yet.</b> Give one H&amp;E patch of 96 × 96 px as '
            "the model was trained on: 0.97 µm per pixel, the question being its centre "
            "32 × 32.</div>"
        )
        return None
    settings.check_upload([file.size])
    data = file.getvalue()
    name = shown_path(file.name)
    key = f"upload-{hashlib.sha256(data).hexdigest()}"
    return PatchCollection(key, name, _OneUpload(name, data), (0,))


def _samples() -> PatchCollection:
    if not Path(SAMPLES_TABLE).is_file():
        raise RunError("The drawn samples are missing. Install the assets folder with the app.")
    found = resources.sample_collection()
    st.caption(f"{len(found.positions)} patches drawn by a program: no tissue, from no patient.")
    return found


def way_to_explain(classifier: Classifier, collection: PatchCollection) -> Explainer | None:
    """Draw method, layer and target and return what explains, None where they do not fit.

    A single patch is explained by replacement unless the reader chooses otherwise: on drawn
    patches it told best where the tumour is (`python -m tests.benchmarks.pointing`).
    """
    default = resources.explainer(classifier, None, None, Target.TUMOUR)
    methods = [method for method in _METHODS if method is not Method.CAM or default.exact]
    layers = {layer.name: layer for layer in default.layer_choices}
    layers.setdefault(default.layer.name, default.layer)
    key = "explain-method"
    if widgets.chosen(key) not in methods:
        widgets.choose(key, Method.REPLACEMENT)
    first, second, third = st.columns([1.2, 1.3, 1])
    with first:
        method = st.selectbox(
            "Method",
            methods,
            format_func=lambda found: _METHODS[found],
            key=key,
            persist_state="session",
            help="Replacement puts donor tissue into each of nine squares and scores the patch "
            "again: it measures. CAM splits the score exactly into the cells of the last map, "
            "which see more than their own place. The others estimate.",
        )
    fixed = method in {Method.CAM, Method.REPLACEMENT}
    layer_key = "explain-layer"
    if fixed or widgets.chosen(layer_key) not in layers:
        widgets.choose(layer_key, default.layer.name)
    with second:
        layer = st.selectbox(
            "Layer",
            list(layers),
            format_func=lambda name: _layer_words(name, layers[name].grid, method),
            key=layer_key,
            persist_state="session",
            disabled=fixed,
            help="A finer layer has smaller cells and knows less. CAM exists at the last one only; "
            "replacement needs no layer.",
        )
    with third:
        target = st.segmented_control(
            "Evidence for",
            list(Target),
            format_func=lambda found: "tumour" if found is Target.TUMOUR else "no tumour",
            default=Target.TUMOUR,
            key="explain-target",
            persist_state="session",
            required=True,
        )
    try:
        return resources.explainer(
            classifier,
            method,
            None if fixed else layer,
            target or Target.TUMOUR,
            collection,
        )
    except NodelensError as error:
        show_problem(error)
        return None


def _layer_words(name: str, grid: tuple[int, int], method: Method | None) -> str:
    if method is Method.REPLACEMENT:
        return "3 × 3 squares of 32 px"
    return f"{grid[0]} × {grid[1]} cells of {96 // grid[0]} px ({name})"


def way_in_words(explainer: Explainer) -> str:
    """Return method and cells of an explainer."""
    name = _METHODS.get(explainer.method, str(explainer.method)).split(",")[0]
    rows, columns = explainer.layer.grid
    return f"{name} at {rows} × {columns} cells"


def order_key(collection: PatchCollection) -> str:
    """Return the key of the order of a collection's list."""
    return f"explain-order-{collection.key}"


def filter_key(collection: PatchCollection) -> str:
    """Return the key of the filters of a collection's list."""
    return f"explain-filter-{collection.key}"


def order_in_force(collection: PatchCollection) -> MeasureOrder:
    """Return how the list is sorted."""
    return ORDERS.get(str(widgets.chosen(order_key(collection))), next(iter(ORDERS.values())))


def filters_in_force(collection: PatchCollection) -> list[str]:
    """Return which filters are on."""
    found = widgets.chosen(filter_key(collection))
    return [str(name) for name in found] if isinstance(found, list) else []


def position_key(collection: PatchCollection) -> str:
    """Return where the patch that is looked at is kept."""
    return f"explain-at-{collection.key}"


def clear_filters(collection: PatchCollection, place: str) -> None:
    """Draw a button that shows the whole list again.

    Args:
        collection: Whose list.
        place: Where the button is, for it may be on the page twice.
    """
    st.button(
        "Clear the filters",
        key=f"explain-clear-{place}",
        icon=":material/filter_alt_off:",
        on_click=widgets.choose,
        args=(filter_key(collection), []),
    )


def view_key(collection: PatchCollection) -> str:
    """Return the key of the switch between one patch and the gallery."""
    return f"explain-view-{collection.key}"
