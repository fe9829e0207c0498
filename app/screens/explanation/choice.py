"""What is explained and how: the batch and the method."""

from typing import Final

import streamlit as st

from app import resources
from app.screens.explanation import patch_list, words
from app.screens.shared.jobs import when
from app.screens.shared.parts import empty, show_problem
from app.state import address, identity, widgets
from core.errors import NodelensError
from core.explanation import Explainer, Method
from core.explanation.explained import PatchCollection
from core.explanation.words import METHODS
from core.jobs import JobStore
from core.scoring import Classifier

_OFFERED: Final = (
    Method.GRAD_CAM,
    Method.GRAD_CAM_PLUS_PLUS,
    Method.CAM,
    Method.REPLACEMENT,
)


def patches_to_explain(store: JobStore) -> PatchCollection | None:
    """Draw the choice of a finished batch and return its patches, None while there is none."""
    mine = [(job, resources.progress(store, job)) for job in store.jobs(identity.owner())]
    jobs = {job.id: job for job, now in mine if now.state == "done" and now.total}
    asked_for = address.to_explain()
    if not jobs:
        empty(*words.NO_BATCH)
        st.page_link("views/batch.py", label="Score patches", icon=":material/grid_view:")
        return None
    key = "explain-batch"
    if asked_for is not None:
        widgets.choose(key, address.job.known())
    if widgets.chosen(key) not in jobs:
        looked_at = address.shown("job") or address.job.known()
        widgets.choose(key, looked_at if looked_at in jobs else next(iter(jobs)))
    chosen = st.selectbox(
        "Batch",
        list(jobs),
        format_func=lambda job_id: f"{jobs[job_id].name} · {when(jobs[job_id])}",
        key=key,
        persist_state="session",
    )
    try:
        collection = resources.job_collection(store, jobs[chosen])
    except NodelensError as error:
        show_problem(error)
        return None
    if asked_for in collection.positions:
        patch_list.look_at(collection, asked_for)
        widgets.choose(patch_list.key("filter", collection), [])
    return collection


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


def way_in_url(explainer: Explainer) -> dict[str, str]:
    """Return the method as the URL has it; the usual one is left out."""
    usual = resources.explainer(explainer.classifier).method
    return {"method": "" if explainer.method is usual else str(explainer.method)}


def way_in_words(explainer: Explainer) -> str:
    """Return method and grid of an explainer."""
    rows, columns = explainer.layer.grid
    return f"{METHODS[explainer.method]} at {rows} × {columns} squares"
