"""The files that a batch's owner takes home."""

from collections.abc import Sequence
from functools import partial
from typing import Final

import streamlit as st

from core.jobs import Download, Job, JobProgress, JobStore, download, why_no_submission
from core.scoring import Classifier, ScoreRow

_NEUTRAL: Final = 0.5
_FILES: Final = {
    Download.CSV: (
        "CSV",
        "One line for each input, in input order, with the reason where there is no score.",
    ),
    Download.PARQUET: ("Parquet", "The same rows with their types, for analysis."),
    Download.KAGGLE: (
        "Kaggle submission",
        "Id and score. Inputs without a score get the share of "
        "tumour patches in the training data.",
    ),
    Download.RUN: (
        "Run record",
        "Model, threshold, self-test, versions, and the hashes of the CSV and Parquet files.",
    ),
}


def downloads(
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
    refusal = why_no_submission(rows, progress.total)
    with st.popover(
        "Download", icon=":material/download:", disabled=progress.state == "new", key="downloads"
    ):
        if not complete:
            st.caption("The batch is not complete: the files hold the rows so far.")
        for kind, (label, meaning) in _FILES.items():
            refused = refusal if kind is Download.KAGGLE else ""
            st.download_button(
                label,
                data=partial(download, store, job, kind, kaggle_fill=fill),
                file_name=f"{'' if complete else 'part-of-'}{job.id[:8]}-{kind.value}",
                mime="application/octet-stream",
                icon=":material/download:",
                on_click="ignore",
                disabled=bool(refused),
                width="stretch",
                key=f"download-{kind.name}",
            )
            st.caption(refused or meaning)
