"""The batches of a workspace: their list, their state in words, their head line."""

from html import escape
from typing import Final

import streamlit as st

from app import resources
from app.screens.batch import downloads
from app.screens.shared.badges import drawn_badge, state_badge, when
from app.screens.shared.parts import head_line, way_back
from app.state import address, identity
from core.jobs import Job, JobProgress, JobStore
from core.scoring import Classifier, TestTimeAugmentation

_LISTED: Final = 12


def amount(progress: JobProgress) -> str:
    """Return how much of a batch is scored."""
    if progress.state == "done":
        return f"{progress.total:,} inputs"
    if progress.total:
        return f"{progress.done:,} of {progress.total:,} inputs"
    return "not looked at yet"


def batch_list(store: JobStore, *, can_score: bool) -> None:
    """Draw the workspace's batches, newest first."""
    jobs = store.jobs(identity.owner())
    if not jobs:
        hint = (
            "Bring patches above, or open the drawn samples to see how a result looks."
            if can_score
            else "There is none to read, and nothing can be scored for now."
        )
        st.html(f'<div class="nl-empty"><b>No batch yet.</b> {hint}</div>')
        return
    shown = jobs
    if len(jobs) > _LISTED and not st.toggle(f"Show all {len(jobs)}", key="all-batches"):
        shown = jobs[:_LISTED]
    with st.container(key="nl-batches", gap=None):
        for job in shown:
            progress = resources.progress(store, job)
            with st.container(
                horizontal=True, vertical_alignment="center", key=f"nl-batch-{job.id}"
            ):
                st.html(
                    f'<div class="nl-batch"><b>{escape(job.name)}</b>{state_badge(progress.state)}'
                    f"{drawn_badge(job)}<span>{when(job)} · {amount(progress)}</span></div>"
                )
                st.button(
                    "Open", key=f"open-{job.id}", on_click=address.look_at_job, args=(job.id,)
                )


def batch_head(
    store: JobStore, job: Job, progress: JobProgress, classifier: Classifier | None
) -> None:
    """Draw the name of the batch that is looked at, the way back, the downloads, the way out."""
    with st.container(horizontal=True, vertical_alignment="center", key="nl-batch-head"):
        way_back("All batches", "all", address.look_at_job)
        views = " · eight orientations" if job.tta == TestTimeAugmentation.D4 else ""
        marks = f"{state_badge(progress.state)}{drawn_badge(job)}<span>{when(job)}{views}</span>"
        head_line(job.name, marks)
        downloads.downloads(store, job, progress, resources.rows(store, job), classifier)
        with st.popover("Delete", icon=":material/delete:", key="delete"):
            st.write("Deletes the uploaded files and the scores of this batch, for good.")
            st.button(
                "Delete this batch", type="primary", on_click=_delete, args=(store, job), key="del"
            )


def _delete(store: JobStore, job: Job) -> None:
    address.look_at_job(None)
    store.remove(job)
    resources.forget_jobs()
