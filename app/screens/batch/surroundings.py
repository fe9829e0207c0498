"""What the tumour calls of a batch rest on: measured by itself after scoring, told in one line."""

from dataclasses import replace
from typing import Final

import streamlit as st

from app import resources
from app.screens.batch import words
from app.screens.batch.results import only
from app.screens.batch.scored import BatchRows
from app.screens.shared.parts import plain
from core.bundle import same_model
from core.explanation.surroundings import MOST_UNASKED
from core.scoring import Classifier

_LIVE_EVERY_S: Final = 1.0


def what_calls_rest_on(batch: BatchRows, classifier: Classifier) -> None:
    """Say how many calls the surroundings decide; begin to measure it unless there are many."""
    called = sum(row.predicted_label == 1 for row in batch.rows)
    if not called or not same_model(batch.rows[0].model_id, classifier.model_id):
        return
    measuring = resources.surroundings(batch.store)
    task = measuring.task(batch.job)
    if len(batch.margins) < called <= MOST_UNASKED and task is None and batch.store.is_writable:
        _begin(batch, classifier)
        task = measuring.task(batch.job)
    running = task is not None and task.is_alive()
    st.fragment(_line, run_every=_LIVE_EVERY_S if running else None)(
        batch, classifier, called, was_running=running
    )


def _line(batch: BatchRows, classifier: Classifier, called: int, *, was_running: bool) -> None:
    measuring = resources.surroundings(batch.store)
    task = measuring.task(batch.job)
    with st.container(horizontal=True, vertical_alignment="center", key="nl-around"):
        if was_running:
            if task is None or not task.is_alive():
                st.rerun()
            st.caption(words.AROUND_RUNNING.format(done=task.done, total=task.total))
            st.button("Stop", key="around-stop", on_click=measuring.cancel, args=(batch.job,))
            return
        found = replace(batch).margins  # known by now: the page may have begun before
        if found:
            around = sum(margin >= 0 for margin in found.values())
            text = words.AROUND if around else words.AROUND_NONE
            st.caption(text.format(around=around, measured=len(found)), width="content")
            if around and only(batch.job, "around"):
                st.rerun()
        if task is not None and task.error:
            st.caption(plain(task.error))
        if len(found) < called and batch.store.is_writable:
            label = words.AROUND_MEASURE.format(calls=called - len(found))
            if st.button(label, key="around-measure", help=words.AROUND_HELP):
                _begin(batch, classifier)
                st.rerun()  # the whole page: how far that is shows only there


def _begin(batch: BatchRows, classifier: Classifier) -> None:
    measuring = resources.surroundings(batch.store)
    measuring.start(batch.job, batch.rows, lambda: batch.collection, classifier)
