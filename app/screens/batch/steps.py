"""What one does next with a batch or a part of it: review, threshold, explain, files, a report."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Final

import streamlit as st

from app import resources
from app.screens.batch import words
from app.screens.shared.parts import download as download_button
from app.screens.shared.pdf import pdf_button
from app.screens.shared.ways import to_review
from app.state import address
from core.errors import RunError
from core.jobs import Download, Job, JobProgress, JobStore, download, rows_csv, why_no_submission
from core.patches import ImageU8, UnreadablePatch
from core.report import ScoredBatch, batch_pdf, report_maps
from core.scoring import Classifier, Filter, Order, ScoreRow, Status, select

_NEUTRAL: Final = 0.5
_FILES: Final = {
    Download.CSV: "CSV",
    Download.PARQUET: "Parquet",
    Download.KAGGLE: "Kaggle submission",
    Download.RUN: "Run record",
}


def next_steps(
    store: JobStore,
    job: Job,
    progress: JobProgress,
    classifier: Classifier | None,
) -> None:
    """Draw the ways on from a batch; each opens its page with this batch chosen."""
    if progress.state == "new":
        return
    rows = resources.rows(store, job)
    done = progress.state == "done"
    scored = any(row.status is Status.SCORED for row in rows)
    if _step("Review", "rate_review", done and scored, words.TO_REVIEW):
        to_review(())
    if _step("Threshold", "tune", done and scored, words.TO_THRESHOLD):
        st.switch_page("views/threshold.py", query_params={"job": job.id})
    if _step("Explain", "layers", done and scored, words.TO_EXPLAIN):
        first = select(rows, Filter(), Order.HIGHEST)[0]
        at = address.row()
        position = first if at is None else at
        address.explain(position)
        linked = {"job": job.id, "row": str(position)}
        st.switch_page("views/explanation.py", query_params=linked)
    labelled = done and resources.label_check(store, job) is not None
    if labelled and _step(words.HERE, "science", labelled, words.TO_HERE):
        st.switch_page("views/here.py")
    _downloads(store, job, progress, rows, classifier)


def _step(label: str, icon: str, possible: bool, meaning: str) -> bool:
    return st.button(
        label,
        icon=f":material/{icon}:",
        key=f"to-{label.lower()}",
        disabled=not possible,
        help=meaning if possible else words.FINISH_FIRST,
    )


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
    with st.popover("Download", icon=":material/download:", key="downloads"):
        if not complete:
            st.caption(words.PART_SO_FAR)
        for kind, label in _FILES.items():
            obstacle = no_submission if kind is Download.KAGGLE else ""
            download_button(
                label,
                partial(download, store, job, kind, kaggle_fill=fill),
                file_name(job, kind.value, complete=complete),
                f"download-{kind.name}",
                disabled=bool(obstacle),
                width="stretch",
            )
            st.caption(obstacle or words.FILES[kind.name])
        report_button(store, job, file_name(job, "report.pdf", complete=complete))
        st.caption(words.FILES["PDF"])


def file_name(job: Job, kind: str, *, complete: bool = True) -> str:
    """Return what a file of a batch is called: after the batch, with a part of its id."""
    named = "".join(char if char.isalnum() else "-" for char in job.name)
    stem = "-".join(filter(None, named.split("-")))[:40] or "batch"
    return f"{'' if complete else 'part-of-'}{stem}-{job.id[:8]}-{kind}"


def picked_bar(job: Job, rows: Sequence[ScoreRow]) -> None:
    """Draw what can be done with the picked patches, if there are any."""
    positions = [at for at in address.picked() if at < len(rows)]
    if not positions:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="nl-picked"):
        st.html(f"<b>{words.PICKED.format(picked=len(positions))}</b>")
        if st.button("Review these", icon=":material/rate_review:", key="review-picked"):
            to_review(positions)
        download_button(
            "Download these",
            partial(rows_csv, [rows[at] for at in positions]),
            file_name(job, "picked.csv"),
            "download-picked",
        )
        st.button("Clear", key="clear-picked", on_click=address.pick, args=((),))


def report_button(store: JobStore, job: Job, name: str) -> None:
    """Draw the way to the report; made of the rows that there are then."""
    rows = resources.rows(store, job)
    state = f"{len(rows)}-{rows[0].operating_point}" if rows else "0"
    pdf_button("PDF", name, partial(_report, store, job), f"batch-pdf-{job.id}-{state}")


def _report(store: JobStore, job: Job, on_progress: Callable[[float], None]) -> bytes:
    rows, source = resources.rows(store, job), resources.source(store, job)
    if not rows:
        raise RunError(words.NOTHING_SCORED)
    made_at, notes = datetime.fromisoformat(job.created), store.run_notes(job)
    batch = ScoredBatch(job.name, made_at, rows, notes)
    places = {rows[at].sha256: at for at in batch.pictured}

    def picture(sha256: str) -> ImageU8:
        patch = source.read(places[sha256])
        if isinstance(patch, UnreadablePatch) or patch.sha256 != sha256:
            raise RunError(words.CHANGED_SINCE.format(file=rows[places[sha256]].path))
        return patch.image_rgb_u8

    maps = report_maps(
        list(places),
        rows[0].model_id,
        lambda: resources.review_maps(resources.settings()).maker,
        picture,
        on_progress=on_progress,
    )
    return batch_pdf(batch, picture, maps)
