"""What is explained and by which method."""

from typing import Final

import streamlit as st

from app import resources
from app.screens.explanation import walk, words
from app.screens.shared.jobs import when
from app.screens.shared.parts import attempt, empty
from app.state import address, identity, widgets
from core.explanation import Explainer, Method
from core.explanation.explained import PatchCollection
from core.explanation.words import METHODS
from core.jobs import JobStore
from core.scoring import Classifier

_OFFERED: Final = (Method.GRAD_CAM, Method.GRAD_CAM_PLUS_PLUS, Method.CAM, Method.REPLACEMENT)


def patches_to_explain(store: JobStore) -> PatchCollection | None:
    """Draw the choice of a finished batch and return its patches, None while there is none."""
    mine = [(job, resources.progress(store, job)) for job in store.jobs(identity.owner())]
    jobs = {job.id: job for job, now in mine if now.state == "done" and now.total}
    asked_for = address.to_explain()
    if not jobs:
        empty(*words.NO_BATCH)
        st.page_link("views/batch.py", label="Score patches", icon=":material/grid_view:")
        return None
    batch = "explain-batch"
    if asked_for is not None:
        widgets.choose(batch, address.job.known())
    if widgets.chosen(batch) not in jobs:
        looked_at = address.shown("job") or address.job.known()
        widgets.choose(batch, looked_at if looked_at in jobs else next(iter(jobs)))
    chosen = st.selectbox(
        "Batch",
        list(jobs),
        format_func=lambda job_id: f"{jobs[job_id].name} · {when(jobs[job_id])}",
        key=batch,
        persist_state="session",
    )
    collection = attempt(resources.job_collection, store, jobs[chosen])
    if collection and asked_for in collection.positions:
        walk.look_at(collection, asked_for)
        widgets.choose(walk.key("filter", collection), [])
    return collection


def way_to_explain(classifier: Classifier, collection: PatchCollection) -> Explainer | None:
    """Draw the choice of a method and return what explains, None where it does not fit."""
    default = resources.explainer(classifier)
    methods = [method for method in _OFFERED if method is not Method.CAM or default.exact]
    name = "explain-method"
    widgets.start(name, next((one for one in methods if one == address.shown("method")), None))
    if widgets.chosen(name) not in methods:
        widgets.choose(name, Method.GRAD_CAM)
    method = st.selectbox(
        "Method",
        methods,
        format_func=METHODS.__getitem__,
        key=name,
        persist_state="session",
        help=words.METHOD_HELP,
    )
    layer = None if method in {Method.CAM, Method.REPLACEMENT} else default.layer.name
    return attempt(resources.explainer, classifier, method, layer, collection)
