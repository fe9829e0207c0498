"""Batch scoring: bring patches, look at the input, score, read the result."""

import streamlit as st

from app import components, resources, state
from app.components import batch_patch, batch_results, batch_run, batches, new_batch
from core.jobs import Job, JobStore
from core.scoring import Classifier

LIVE_EVERY_S = 1.5


def look_at(store: JobStore, job: Job, classifier: Classifier | None) -> None:
    """Draw the batch that is looked at, in whatever state it is."""
    progress = resources.progress(store, job)
    batches.batch_head(store, job, progress, classifier)
    if progress.state == "new":
        batch_run.before_start(store, job, classifier)
        return
    if progress.state in {"stopped", "broken"}:
        batch_run.after_stop(store, job, progress, classifier)
    rows = resources.rows(store, job)
    if rows:
        batch_results.scored_by(rows)
        finished = progress.state == "done"
        if finished and classifier is not None and batch_results.outdated(rows, classifier):
            batch_run.offer_anew(store, job, classifier)
    running = progress.state == "running"
    st.fragment(result, run_every=LIVE_EVERY_S if running else None)(
        store, job, was_running=running
    )


def result(store: JobStore, job: Job, *, was_running: bool) -> None:
    """Draw what there is of the result; drawn again and again while the batch runs."""
    progress = resources.progress(store, job)
    if was_running:
        if progress.state != "running":
            st.rerun()
        batch_run.progress_line(store, job, progress)
    rows = resources.rows(store, job)
    if not rows:
        return
    batch_results.result_counts(rows, progress.total)
    if any(row.prob_tumour is not None for row in rows):
        batch_results.result_histogram(rows, key=f"histogram-{job.id}")
    positions = batch_results.result_filter(job, rows)
    table, detail = st.columns([1.2, 1], gap="medium")
    with table:
        batch_results.result_table(store, job, rows, positions)
    with detail:
        batch_patch.patch_detail(store, job, rows, positions)


def start_page(store: JobStore, classifier: Classifier | None) -> None:
    """Draw the ways to bring patches, and the batches there are."""
    if classifier is not None:
        components.section("New batch")
        new_batch.new_batch(store, settings)
    components.section("Your batches", "only this browser sees them")
    batches.batch_list(store, can_score=classifier is not None)


settings = components.settings_or_stop()
jobs = resources.job_store(settings)
wanted = state.job_id()
current = jobs.job(state.owner(), wanted) if wanted else None
if current is None:
    components.page_title(
        "Batch scoring", "Score many patches at once, look at each, and take the scores home."
    )
if wanted and current is None:
    state.look_at_job(None)
    st.info(
        "This batch is not in this workspace: it was deleted, or belongs to somebody else.",
        icon=":material/visibility_off:",
    )
model = components.classifier_or_problem(settings)
if current is None:
    start_page(jobs, model)
else:
    look_at(jobs, current, model)
