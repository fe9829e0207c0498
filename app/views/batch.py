"""Batch scoring: bring patches, look at the input, score, read the result."""

import streamlit as st

from app import resources
from app.screens.batch import batches, patch, results, run, words
from app.screens.shared import listing, model, parts, sources
from app.screens.shared.words import ANOTHER_TAB
from app.state import address, identity
from core.jobs import Job, JobStore
from core.scoring import Classifier

LIVE_EVERY_S = 1.5


def look_at(store: JobStore, job: Job, classifier: Classifier | None) -> None:
    """Draw the batch that is looked at, in whatever state it is."""
    progress = resources.progress(store, job)
    batches.batch_head(store, job, progress, classifier)
    if progress.state == "new":
        run.before_start(store, job, classifier)
        return
    if progress.state in {"stopped", "broken"}:
        run.after_stop(store, job, progress, classifier)
    rows = resources.rows(store, job)
    if rows:
        results.scored_by(rows)
        finished = progress.state == "done"
        if finished and classifier is not None and results.outdated(rows, classifier):
            run.offer_anew(store, job, classifier)
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
        run.progress_line(store, job, progress)
    rows = resources.rows(store, job)
    if not rows:
        return
    results.result_counts(rows, progress.total)
    if any(row.prob_tumour is not None for row in rows):
        results.result_histogram(rows, key=f"histogram-{job.id}")
    positions = results.result_filter(job, rows)
    table, detail = st.columns([1.2, 1], gap="medium")
    with table:
        results.result_table(store, job, rows, positions)
    with detail:
        patch.patch_detail(store, job, rows, positions)


def start_page(store: JobStore, classifier: Classifier | None) -> None:
    """Draw the ways to bring patches, and the batches there are."""
    if classifier is not None:
        parts.section("New batch")
        sources.new_batch(store, settings)
    parts.section("Your batches", ANOTHER_TAB)
    batches.batch_list(store, can_score=classifier is not None)


settings = model.settings_or_stop()
jobs = resources.job_store(settings)
looked_at = address.job.now()
current = jobs.job(identity.owner(), looked_at) if looked_at else None
if current is None:
    parts.page_title(words.TITLE, words.LEAD)
if looked_at and current is None:
    address.job.look_at(None)
    listing.not_here("batch")
loaded = model.classifier_or_problem(settings)
if current is None:
    start_page(jobs, loaded)
else:
    look_at(jobs, current, loaded)
