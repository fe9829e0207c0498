"""Batch scoring: bring patches, look at the input, score, read the result."""

from dataclasses import replace
from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import resources
from app.screens.batch import against, batches, browser, patch, results, run, words
from app.screens.batch.rows import BatchRows
from app.screens.shared import jobs, model, parts, sources
from app.screens.shared.component import keep_in_url
from app.screens.shared.who import seen_by
from app.state import address, widgets
from core.errors import NodelensError
from core.jobs import Job, JobStore
from core.scoring import Classifier

LIVE_EVERY_S = 1.5


def look_at(store: JobStore, job: Job, opening: DeltaGenerator) -> None:
    """Draw the batch that is looked at, in whatever state it is."""
    progress = resources.progress(store, job)
    if progress.state == "new":
        batches.batch_head(store, job, progress, None)
        opened = partial(model.classifier_or_problem, settings)
        run.before_start(store, job, opened, partial(batches.delete, store, job))
        return
    with opening:
        classifier = model.classifier_or_problem(settings)
    batches.batch_head(store, job, progress, classifier)
    # Always there: the browser names a fragment by its place, and a click on one that has moved is
    # lost, so the result below stays where it is when the batch finishes.
    with st.container():
        if progress.state in {"stopped", "broken"}:
            run.after_stop(store, job, progress, classifier)
        rows = resources.rows(store, job)
        if rows:
            scored = BatchRows(store, job, rows, classifier)
            results.scored_by(scored)
            if progress.state == "done" and classifier is not None:
                results.what_calls_rest_on(scored, classifier)
                run.outdated(store, job, rows, classifier)
    running = progress.state == "running"
    st.fragment(result, run_every=LIVE_EVERY_S if running else None)(
        store, job, classifier, was_running=running
    )


def result(store: JobStore, job: Job, classifier: Classifier | None, *, was_running: bool) -> None:
    """Draw what there is of the result; drawn again and again while the batch runs."""
    progress, rows = resources.progress(store, job), resources.rows(store, job)
    if was_running:
        if progress.state != "running":
            st.rerun()
        # More may have been scored since: what is counted is what is listed.
        run.progress_line(store, job, replace(progress, done=len(rows)))
    if not rows:
        return
    scored = BatchRows(store, job, rows, classifier)
    listed, viewed = st.columns([1.25, 1], gap="medium")
    with listed:
        positions = results.result_filter(scored)
        address.take_steps(positions)
        batches.picked_bar(job, rows)
        labelled = results.view_of(job) == results.LABELS
        # The place of the other view is emptied: another fragment that runs at the end of this one
        # keeps the browser from clearing what was there before.
        if labelled:
            st.empty()
        body = st.container()
        if not labelled:
            st.empty()
    if labelled:
        with body:
            positions = against.against_labels(scored, positions)
    # First what a step changes: the rows and the histogram beside the patch mostly stay.
    with viewed, st.container(gap="xsmall", key="nl-viewer"):
        spread = st.container()
        position = patch.patch_detail(scored, positions, done=progress.state == "done")
    if not labelled:
        with body:
            results.result_list(scored, positions)
    if any(row.prob_tumour is not None for row in rows):
        with spread:
            results.result_histogram(scored)
    # While rows arrive, the first one is only where nobody has chosen another.
    if position is None or (was_running and address.row() is None):
        shown = {}
    else:
        shown = {"row": str(position), **results.shown_as(job)}
    keep_in_url("batch", shown, job=job.id, heard=browser.heard(job))


def start_page(store: JobStore) -> DeltaGenerator:
    """Draw the batches there are below the ways to bring patches, and return what holds these."""
    ways = st.empty()
    with ways.container():
        parts.section("New batch")
        sources.new_batch(store, settings)
        batches.how_to_cut_patches()
    parts.section("Your batches", seen_by())
    batches.batch_list(store)
    return ways


parts.style("batch")
settings = model.settings_or_stop()
kept = resources.job_store(settings)
current = jobs.current_job(address.job, kept, "batch", words.TITLE, words.LEAD)
opening = st.container()  # always there, see `look_at`
with opening:
    if notice := widgets.pop_notice():
        parts.show_problem(NodelensError(notice))
if current is not None:
    look_at(kept, current, opening)
else:
    # Drawn by now: patches can be brought while the model opens.
    start = start_page(kept)
    with opening:
        loaded = model.classifier_or_problem(settings)
    if loaded is None:
        start.empty()
