"""The batches of a workspace: their list, and the head line of the one that is looked at."""

from collections.abc import Sequence
from functools import partial
from typing import Final

import streamlit as st

from app import resources
from app.screens.batch import words
from app.screens.shared.listing import delete_button, job_list, marks
from app.screens.shared.parts import download as download_button
from app.screens.shared.parts import empty, head_line, way_back
from app.state import address, identity
from core.jobs import Download, Job, JobProgress, JobStore, download, why_no_submission
from core.scoring import Classifier, ScoreRow, TestTimeAugmentation

_NEUTRAL: Final = 0.5
_FILES: Final = {
    Download.CSV: "CSV",
    Download.PARQUET: "Parquet",
    Download.KAGGLE: "Kaggle submission",
    Download.RUN: "Run record",
}


def batch_list(store: JobStore, *, can_score: bool) -> None:
    """Draw the workspace's batches, newest first."""
    jobs = store.jobs(identity.owner())
    if not jobs:
        empty(*(words.NO_BATCH if can_score else words.NO_BATCH_NO_MODEL))
        return
    job_list(jobs, partial(_status, store), address.job.look_at, "open")


def _status(store: JobStore, job: Job) -> tuple[str, str]:
    """Return the name of a batch's state, and how much of it is scored."""
    progress = resources.progress(store, job)
    if progress.state == "done":
        return progress.state, f"{progress.total:,} inputs"
    if progress.total:
        return progress.state, f"{progress.done:,} of {progress.total:,} inputs"
    return progress.state, "not opened yet"


def batch_head(
    store: JobStore, job: Job, progress: JobProgress, classifier: Classifier | None
) -> None:
    """Draw the name of the batch that is looked at, the way back, the downloads, the way out."""
    with st.container(horizontal=True, vertical_alignment="center", key="nl-batch-head"):
        way_back("All batches", "all", address.job.look_at)
        eight = job.tta == TestTimeAugmentation.D4
        head_line(job.name, marks(job, progress.state, "eight orientations" if eight else ""))
        _downloads(store, job, progress, resources.rows(store, job), classifier)
        delete_button("batch", words.DELETE, partial(_delete, store, job), "del")


def _downloads(
    store: JobStore,
    job: Job,
    progress: JobProgress,
    rows: Sequence[ScoreRow],
    classifier: Classifier | None,
) -> None:
    """Draw the downloads; each file is made when it is asked for, of the rows there are then."""
    complete = progress.state == "done"
    fill = _NEUTRAL
    if classifier is not None:
        training = classifier.bundle.card.training
        fill = training.positives / training.patches
    no_submission = why_no_submission(rows, progress.total)
    with st.popover(
        "Download", icon=":material/download:", disabled=progress.state == "new", key="downloads"
    ):
        if not complete:
            st.caption(words.PART_SO_FAR)
        for kind, label in _FILES.items():
            obstacle = no_submission if kind is Download.KAGGLE else ""
            download_button(
                label,
                partial(download, store, job, kind, kaggle_fill=fill),
                f"{'' if complete else 'part-of-'}{job.id[:8]}-{kind.value}",
                f"download-{kind.name}",
                disabled=bool(obstacle),
                width="stretch",
            )
            st.caption(obstacle or words.FILES[kind.name])


def _delete(store: JobStore, job: Job) -> None:
    address.job.look_at(None)
    store.remove(job)
    resources.forget_jobs()
