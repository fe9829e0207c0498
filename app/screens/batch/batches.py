"""The batches of a workspace: their list, the head line of one, its ways on, files and report."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

import streamlit as st

from app import resources
from app.screens.batch import words
from app.screens.shared.downloads import download as download_button
from app.screens.shared.downloads import pdf_button
from app.screens.shared.jobs import job_list, marks
from app.screens.shared.parts import button, empty, head_line, rename_field, way_back
from app.screens.shared.sources import samples_button
from app.screens.shared.ways import to_review
from app.screens.shared.words import HERE
from app.state import address, identity
from core import scoring
from core.errors import RunError
from core.jobs import Download, Job, JobProgress, JobStore, download, rows_csv, why_no_submission
from core.patches import ImageU8, UnreadablePatch
from core.report import ScoredBatch, batch_pdf, report_maps


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
        called = scoring.outcome_counts(resources.rows(store, job))[scoring.Outcome.TUMOUR]
        return progress.state, f"{progress.total:,} patches, {called:,} called tumour"
    if progress.total:
        return progress.state, f"{progress.done:,} of {progress.total:,} files"
    return "unusable" if store.nothing_readable(job) else progress.state, ""


def batch_head(
    store: JobStore, job: Job, progress: JobProgress, classifier: scoring.Classifier | None
) -> None:
    """Draw the name of the batch that is looked at, the way back, the ways on, the way out."""
    with st.container(horizontal=True, vertical_alignment="center", key="nl-batch-head"):
        way_back("All batches", "all", address.job.look_at)
        eight = job.tta != scoring.TestTimeAugmentation.NONE
        head_line(job.name, marks(job, progress.state, "eight orientations" if eight else ""))
        if progress.state != "new":
            _next_steps(store, job, progress, classifier)
        with st.popover("", icon=":material/more_vert:", key="batch-more", help=words.MORE):
            rename = partial(store.rename, job)
            rename_field("Name of the batch", job.name, f"name-{job.id}", 200, rename)
            st.divider()
            st.write(words.DELETE)
            blocked = not store.is_writable
            button("Delete this batch", "del", "delete", delete, store, job, disabled=blocked)


def delete(store: JobStore, job: Job) -> None:
    """Delete a batch with all that is known of it, and show the list."""
    address.job.look_at(None)
    resources.surroundings(store).forget(job)
    store.remove(job)
    resources.forget_jobs()


_NEUTRAL: Final = 0.5
_FILES: Final = {
    Download.CSV: "CSV",
    Download.PARQUET: "Parquet",
    Download.KAGGLE: "Kaggle submission",
    Download.RUN: "Run record",
}


def _next_steps(
    store: JobStore, job: Job, progress: JobProgress, classifier: scoring.Classifier | None
) -> None:
    """Draw the ways on from a batch; each opens its page with this batch chosen."""
    rows = resources.rows(store, job)
    done = progress.state == "done"
    scored = done and any(row.status is scoring.Status.SCORED for row in rows)
    if _step("Review", "rate_review", scored, words.TO_REVIEW):
        to_review(())
    if _step("Threshold", "tune", scored, words.TO_THRESHOLD):
        st.switch_page("views/threshold.py", query_params={"job": job.id})
    if _step("Explain", "layers", scored, words.TO_EXPLAIN):
        first = scoring.select(rows, scoring.Filter(), scoring.Order.HIGHEST)[0]
        at = address.row()
        position = first if at is None else at
        address.explain(position)
        linked = {"job": job.id, "row": str(position)}
        st.switch_page("views/explanation.py", query_params=linked)
    labelled = done and resources.label_check(store, job) is not None
    if labelled and _step(HERE, "science", True, words.TO_HERE):
        st.switch_page("views/here.py")
    _downloads(store, job, progress, classifier)


def _step(label: str, icon: str, possible: bool, meaning: str) -> bool:
    about = meaning if possible else words.FINISH_FIRST
    return button(label, f"to-{label.lower()}", icon, disabled=not possible, help=about)


def _downloads(
    store: JobStore, job: Job, progress: JobProgress, classifier: scoring.Classifier | None
) -> None:
    """Draw the downloads; each file is made when it is asked for, of the rows there are then."""
    rows, complete = resources.rows(store, job), progress.state == "done"
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
        state = f"{len(rows)}-{rows[0].operating_point}" if rows else "0"
        name = file_name(job, "report.pdf", complete=complete)
        key = f"batch-pdf-{job.id}-{state}"
        pdf_button("PDF", name, partial(_report, store, job), key, width="stretch")
        st.caption(words.FILES["PDF"])


def file_name(job: Job, kind: str, *, complete: bool = True) -> str:
    """Return what a file of a batch is called: after the batch, with a part of its id."""
    named = "".join(char if char.isalnum() else "-" for char in job.name)
    stem = "-".join(filter(None, named.split("-")))[:40] or "batch"
    return f"{'' if complete else 'part-of-'}{stem}-{job.id[:8]}-{kind}"


def picked_bar(job: Job, rows: Sequence[scoring.ScoreRow]) -> None:
    """Draw what can be done with the picked patches, if there are any."""
    positions = [at for at in address.picked() if at < len(rows)]
    if not positions:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="nl-picked"):
        st.html(f"<b>{words.PICKED.format(picked=len(positions))}</b>")
        if button("Review these", "review-picked", "rate_review"):
            to_review(positions)
        download_button(
            "Download these",
            partial(rows_csv, [rows[at] for at in positions]),
            file_name(job, "picked.csv"),
            "download-picked",
        )
        button("Clear", "clear-picked", "", address.pick, ())


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


SCRIPT: Final = Path(__file__).with_name("cut_patches.groovy")


def how_to_cut_patches() -> None:
    """Draw the steps and the script, folded."""
    with st.expander("How to cut patches from slides", icon=":material/content_cut:"):
        lines = "".join(f"<li>{step}</li>" for step in words.CUT_STEPS)
        st.html(f'<ol class="nl-steps">{lines}</ol>')
        script = SCRIPT.read_text("utf-8")
        download_button("Script for QuPath", script.encode(), SCRIPT.name, "cut-script")
        st.code(script, language="groovy", height=260)
        st.caption(words.CUT_NOTE)
