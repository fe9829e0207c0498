"""The batches of a workspace: their list, the head line of one, and how to cut patches for more."""

from functools import partial
from pathlib import Path
from typing import Final

import streamlit as st

from app import resources
from app.screens.batch import words
from app.screens.batch.steps import next_steps
from app.screens.shared.jobs import job_list, marks
from app.screens.shared.parts import download, empty, head_line, way_back
from app.screens.shared.sources import samples_button
from app.state import address, identity, widgets
from core.jobs import Job, JobProgress, JobStore
from core.scoring import Classifier, Outcome, TestTimeAugmentation, outcome_counts


def batch_list(store: JobStore) -> None:
    """Draw the workspace's batches, newest first."""
    jobs = store.jobs(identity.owner())
    if not jobs:
        empty(*words.NO_BATCH)
        samples_button(store, key="first-samples")
        return
    job_list(jobs, partial(_status, store), address.job.look_at, "open")


def _status(store: JobStore, job: Job) -> tuple[str, str]:
    """Return the name of a batch's state, and how much of it is scored."""
    progress = resources.progress(store, job)
    if progress.state == "done":
        called = outcome_counts(resources.rows(store, job))[Outcome.TUMOUR]
        return progress.state, f"{progress.total:,} patches, {called:,} called tumour"
    if progress.total:
        return progress.state, f"{progress.done:,} of {progress.total:,} files"
    return "unusable" if store.nothing_readable(job) else progress.state, ""


def batch_head(
    store: JobStore, job: Job, progress: JobProgress, classifier: Classifier | None
) -> None:
    """Draw the name of the batch that is looked at, the way back, the ways on, the way out."""
    with st.container(horizontal=True, vertical_alignment="center", key="nl-batch-head"):
        way_back("All batches", "all", address.job.look_at)
        eight = job.tta != TestTimeAugmentation.NONE
        head_line(job.name, marks(job, progress.state, "eight orientations" if eight else ""))
        next_steps(store, job, progress, classifier)
        with st.popover("", icon=":material/more_vert:", key="batch-more", help=words.MORE):
            key = f"name-{job.id}"
            st.text_input(
                "Name of the batch",
                value=job.name,
                key=key,
                max_chars=200,
                on_change=lambda: _rename(store, job, str(widgets.chosen(key))),
            )
            st.divider()
            st.write(words.DELETE)
            st.button(
                "Delete this batch",
                on_click=delete,
                args=(store, job),
                key="del",
                icon=":material/delete:",
            )


def _rename(store: JobStore, job: Job, name: str) -> None:
    if name.strip():
        store.rename(job, name)


def delete(store: JobStore, job: Job) -> None:
    """Delete a batch with all that is known of it, and show the list."""
    address.job.look_at(None)
    resources.surroundings(store).forget(job)
    store.remove(job)
    resources.forget_jobs()


SCRIPT: Final = Path(__file__).with_name("cut_patches.groovy")


def how_to_cut_patches() -> None:
    """Draw the steps and the script, folded."""
    with st.expander("How to cut patches from slides", icon=":material/content_cut:"):
        lines = "".join(f"<li>{step}</li>" for step in words.CUT_STEPS)
        st.html(f'<ol class="nl-steps">{lines}</ol>')
        script = SCRIPT.read_text("utf-8")
        download("Script for QuPath", script.encode(), SCRIPT.name, "cut-script")
        st.code(script, language="groovy", height=260)
        st.caption(words.CUT_NOTE)
