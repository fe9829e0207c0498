"""Batch scoring: bring patches, look at the input, score, read the result."""

import streamlit as st

from app import components, resources, state
from app.components import batch_patch, batch_results, batch_run, batches, new_batch
from core.jobs import Job, JobStore
from core.scoring import Classifier

LIVE_EVERY_S = 1.5
NO_MODEL_FILL = 0.5


def look_at(store: JobStore, job: Job, classifier: Classifier | None) -> None:
    """Draw the batch that is looked at, in whatever state it is."""
    progress = resources.progress(store, job)
    batches.batch_head(store, job, progress)
    if progress.state == "new":
        batch_run.before_start(store, job, classifier)
        return
    if progress.state in {"stopped", "broken"}:
        batch_run.after_stop(store, job, progress, classifier)
    running = progress.state == "running"
    st.fragment(results, run_every=LIVE_EVERY_S if running else None)(
        store, job, classifier, running
    )


def results(store: JobStore, job: Job, classifier: Classifier | None, was_running: bool) -> None:
    """Draw what there is of the result; drawn again and again while the batch runs."""
    progress = resources.progress(store, job)
    if was_running and progress.state != "running":
        st.rerun()
    if was_running:
        batch_run.progress_line(store, job, progress)
    rows = resources.rows(store, job)
    if not rows:
        return
    batch_results.result_counts(rows)
    if any(row.prob_tumour is not None for row in rows):
        batch_results.result_histogram(rows, key=f"histogram-{job.id}")
    components.section("Patches")
    positions = batch_results.result_filter(job, rows)
    table, detail = st.columns([1.25, 1], gap="medium")
    with table:
        batch_results.result_table(store, job, rows, positions)
    with detail:
        batch_patch.patch_detail(store, job, rows, positions)
    fill = NO_MODEL_FILL
    if classifier is not None:
        training = classifier.bundle.card.training
        fill = training.positives / training.patches
    batch_results.result_downloads(store, job, complete=progress.state == "done", kaggle_fill=fill)


components.page_title(
    "Batch scoring", "Score many patches at once, look at each, and take the scores home."
)
settings = components.settings_or_stop()
jobs = resources.job_store(settings)
model = components.classifier_or_problem(settings)
wanted = state.job_id()
current = jobs.job(state.owner(), wanted) if wanted else None
if current is not None:
    look_at(jobs, current, model)
else:
    if wanted:
        state.look_at_job(None)
        st.info("This batch is not in this workspace. It was deleted, or is somebody else's.")
    if model is not None:
        components.section("New batch")
        new_batch.new_batch(jobs, settings)
    components.section("Batches of this browser")
    batches.batch_list(jobs)
