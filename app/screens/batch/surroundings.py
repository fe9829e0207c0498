"""What the tumour calls of a batch rest on: measured by itself after scoring, told in one line."""

from collections.abc import Sequence
from typing import Final

import streamlit as st

from app import resources
from app.screens.batch import words
from app.screens.batch.results import only
from app.screens.shared.jobs import is_drawn
from app.screens.shared.parts import plain
from core.bundle import same_model
from core.explanation import Decisive
from core.explanation.explained import PatchCollection
from core.explanation.reliance import threshold_logit
from core.explanation.surroundings import MOST_UNASKED, Halves
from core.jobs import Job, JobStore
from core.scoring import Classifier, ScoreRow

_LIVE_EVERY_S: Final = 1.0


def known_halves(store: JobStore, job: Job, classifier: Classifier | None) -> dict[int, Halves]:
    """Return what is known of the tumour calls, by position; nothing of another model's scores."""
    if classifier is None or not store.surroundings(job).is_file():
        return {}
    return resources.halves(store, job, _collection(store, job), classifier)


def rests_on(halves: dict[int, Halves], classifier: Classifier | None) -> dict[int, Decisive]:
    """Return what the tumour calls rest on, by position."""
    if classifier is None:
        return {}
    at_least = threshold_logit(classifier)
    return {at: one.decides(at_least) for at, one in halves.items()}


def margins(halves: dict[int, Halves], classifier: Classifier | None) -> dict[int, float]:
    """Return by how many logits the surroundings decide, by position; below 0 they do not."""
    if classifier is None:
        return {}
    at_least = threshold_logit(classifier)
    return {at: one.margin(at_least) for at, one in halves.items()}


def what_calls_rest_on(
    store: JobStore, job: Job, rows: Sequence[ScoreRow], classifier: Classifier
) -> None:
    """Say how many calls the surroundings decide; begin to measure it unless there are many."""
    called = sum(row.predicted_label == 1 for row in rows)
    if not called or not same_model(rows[0].model_id, classifier.model_id):
        return
    halves = known_halves(store, job, classifier)
    task = resources.surroundings(store).task(job)
    if len(halves) < called <= MOST_UNASKED and task is None and store.is_writable:
        _begin(store, job, rows, classifier)
        task = resources.surroundings(store).task(job)
    running = task is not None and task.is_alive()
    st.fragment(_line, run_every=_LIVE_EVERY_S if running else None)(
        store, job, rows, classifier, was_running=running
    )


def _line(
    store: JobStore,
    job: Job,
    rows: Sequence[ScoreRow],
    classifier: Classifier,
    *,
    was_running: bool,
) -> None:
    measuring = resources.surroundings(store)
    task = measuring.task(job)
    with st.container(horizontal=True, vertical_alignment="center", key="nl-around"):
        if was_running:
            if task is None or not task.is_alive():
                st.rerun()
            st.caption(words.AROUND_RUNNING.format(done=task.done, total=task.total))
            st.button("Stop", key="around-stop", on_click=measuring.cancel, args=(job,))
            return
        found = margins(known_halves(store, job, classifier), classifier)
        called = sum(row.predicted_label == 1 for row in rows)
        if found:
            around = sum(margin >= 0 for margin in found.values())
            text = words.AROUND if around else words.AROUND_NONE
            st.caption(text.format(around=around, measured=len(found)), width="content")
            if around and only(job, "around"):
                st.rerun()
        if task is not None and task.error:
            st.caption(plain(task.error))
        if len(found) < called and store.is_writable:
            st.button(
                words.AROUND_MEASURE.format(calls=called - len(found)),
                key="around-measure",
                on_click=_begin,
                args=(store, job, rows, classifier),
                help=words.AROUND_HELP,
            )


def _begin(store: JobStore, job: Job, rows: Sequence[ScoreRow], classifier: Classifier) -> None:
    resources.surroundings(store).start(job, rows, lambda: _collection(store, job), classifier)


def _collection(store: JobStore, job: Job) -> PatchCollection:
    return resources.job_collection(store, job, drawn=is_drawn(job))
