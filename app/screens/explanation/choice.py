"""What is explained and how: the patches, the method, the list."""

import hashlib
from pathlib import Path
from typing import Final

import streamlit as st

from app import resources
from app.screens.explanation import patch_list, words
from app.screens.shared.jobs import is_drawn, when
from app.screens.shared.parts import empty, show_problem
from app.state import address, identity, widgets
from core.errors import NodelensError, RunError
from core.explanation import Explainer, Method
from core.explanation.explained import PatchCollection
from core.explanation.words import METHODS
from core.jobs import Job, JobStore
from core.patches import PATCH_SUFFIXES, PatchEntry, PatchSource, stem
from core.patches.naming import shown_path
from core.scoring import Classifier
from core.settings import SAMPLES_TABLE, Settings

BATCH: Final = "A batch"
ONE: Final = "An upload"
SAMPLES: Final = "Drawn samples"
_IN_URL: Final = {"samples": SAMPLES, "upload": ONE}
_UPLOAD_MIB: Final = 10
_OFFERED: Final = (
    Method.GRAD_CAM,
    Method.GRAD_CAM_PLUS_PLUS,
    Method.CAM,
    Method.REPLACEMENT,
)


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
    asked_for = address.to_explain()
    if asked_for is not None:
        widgets.choose(key, BATCH)
        widgets.choose("explain-batch", address.job.known())
    linked = _IN_URL.get(address.shown("patches"))
    widgets.start(key, linked or (BATCH if done else SAMPLES))
    kind_part, which_part = st.columns([1.2, 2])
    with kind_part:
        kind = st.segmented_control(
            "Patches", [BATCH, ONE, SAMPLES], key=key, persist_state="session", required=True
        )
    with which_part:
        try:
            if kind == BATCH:
                return _batch(store, done, asked_for)
            if kind == ONE:
                return _one(settings)
            return _samples()
        except NodelensError as error:
            show_problem(error)
            return None


def _batch(store: JobStore, done: list[Job], asked_for: int | None) -> PatchCollection | None:
    if not done:
        empty(*words.NO_BATCH)
        st.page_link("views/batch.py", label="Score patches", icon=":material/grid_view:")
        return None
    jobs = {job.id: job for job in done}
    key = "explain-batch"
    if widgets.chosen(key) not in jobs:
        looked_at = address.shown("job") or address.job.known()
        widgets.choose(key, looked_at if looked_at in jobs else done[0].id)
    chosen = st.selectbox(
        "Batch",
        list(jobs),
        format_func=lambda job_id: f"{jobs[job_id].name} · {when(jobs[job_id])}",
        key=key,
        persist_state="session",
    )
    collection = resources.job_collection(store, jobs[chosen], drawn=is_drawn(jobs[chosen]))
    if asked_for in collection.positions:
        patch_list.look_at(collection, asked_for)
        widgets.choose(patch_list.key("filter", collection), [])
        widgets.choose(patch_list.key("find", collection), "")
    return collection


def _one(settings: Settings) -> PatchCollection | None:
    file = st.file_uploader(
        words.UPLOAD,
        type=sorted(suffix[1:] for suffix in PATCH_SUFFIXES),
        key="explain-upload",
        max_upload_size=_UPLOAD_MIB,
    )
    if file is None:
        empty(*words.NO_UPLOAD)
        return None
    settings.check_upload([file.size])
    data = file.getvalue()
    name = shown_path(file.name)
    key = f"upload-{hashlib.sha256(data).hexdigest()}"
    return PatchCollection(key, name, _OneUpload(name, data), (0,))


def _samples() -> PatchCollection:
    if not Path(SAMPLES_TABLE).is_file():
        raise RunError(words.NO_SAMPLES)
    samples = resources.sample_collection()
    st.caption(words.SAMPLES.format(patches=len(samples.positions)))
    return samples


def way_to_explain(classifier: Classifier, collection: PatchCollection) -> Explainer | None:
    """Draw the choice of a method and return what explains, None where it does not fit."""
    default = resources.explainer(classifier)
    methods = [method for method in _OFFERED if method is not Method.CAM or default.exact]
    key = "explain-method"
    widgets.start(key, next((one for one in methods if one == address.shown("method")), None))
    if widgets.chosen(key) not in methods:
        widgets.choose(key, Method.GRAD_CAM)
    method = st.selectbox(
        "Method",
        methods,
        format_func=METHODS.__getitem__,
        key=key,
        persist_state="session",
        help=words.METHOD_HELP,
    )
    layer = None if method in {Method.CAM, Method.REPLACEMENT} else default.layer.name
    try:
        return resources.explainer(classifier, method, layer, collection)
    except NodelensError as error:
        show_problem(error)
        return None


def patches_in_url(collection: PatchCollection) -> dict[str, str]:
    """Return which patches are explained, as the URL has it."""
    kind = "" if collection.job else "samples" if collection.drawn else "upload"
    return {"job": collection.job, "patches": kind}


def way_in_url(explainer: Explainer) -> dict[str, str]:
    """Return the method as the URL has it; the usual one is left out."""
    usual = resources.explainer(explainer.classifier).method
    return {"method": "" if explainer.method is usual else str(explainer.method)}


def way_in_words(explainer: Explainer) -> str:
    """Return method and cells of an explainer."""
    rows, columns = explainer.layer.grid
    return f"{METHODS[explainer.method]} at {rows} × {columns} cells"
