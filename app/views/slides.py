"""Slides: bring one, see what will be scored, score it, look at the scores where they are."""

from importlib.util import find_spec

import streamlit as st

from app import resources
from app.screens.shared import jobs, model, parts
from app.screens.shared.who import seen_by
from app.screens.slides import words
from app.state import address, widgets
from core.errors import NodelensError

LIVE_EVERY_S = 1.0

parts.style("slides")
if not (find_spec("openslide") and find_spec("tifffile")):
    parts.page_title(words.TITLE, words.LEAD)
    st.info(words.NO_READER, icon=":material/extension:")
    st.stop()

from app.screens.slides import before, results, slides, viewer  # noqa: E402 - needs them
from core.jobs import Job  # noqa: E402
from core.scoring import Classifier  # noqa: E402
from core.slides.store import SlideStore  # noqa: E402


def look_at(store: SlideStore, job: Job, classifier: Classifier | None) -> None:
    """Draw the slide that is looked at, in whatever state it is."""
    progress = store.progress(job)
    slides.slide_head(
        store, job, progress.state, lambda: results.ways_on(store, job, progress.state, classifier)
    )
    if progress.state == "new":
        before.before_start(store, job, classifier)
        return
    if progress.state == "running":
        st.fragment(running, run_every=LIVE_EVERY_S)(store, job)
        viewer.viewer(store, job, threshold=0.5, scored=False)
        return
    if progress.state in {"stopped", "broken"}:
        before.after_stop(store, job, progress, classifier)
        if progress.state == "stopped":
            viewer.viewer(store, job, threshold=0.5, scored=False)
        return
    results.summary(store, job)
    st.fragment(scored)(store, job, classifier)


def running(store: SlideStore, job: Job) -> None:
    """Draw how far a slide is; drawn again and again."""
    progress = store.progress(job)
    if progress.state != "running":
        st.rerun()
    before.progress_line(store, job, progress)


def scored(store: SlideStore, job: Job, classifier: Classifier | None) -> None:
    """Draw the slide with its scores, and the cell that is looked at."""
    threshold = resources.slide_summary(store, job)["spec"]["threshold"]
    shown, looked_at = st.columns([1.9, 1], gap="medium")
    with shown:
        viewer.viewer(store, job, threshold=threshold, scored=True)
        st.caption(words.KEYS)
    with looked_at:
        viewer.cell_panel(store, job, classifier)
        results.numbers(store, job)


settings = model.settings_or_stop()
kept = resources.slide_store(settings)
current = jobs.current_job(address.slide, kept.jobs, "slide", words.TITLE, words.LEAD)
if notice := widgets.pop_notice():
    parts.show_problem(NodelensError(notice))
loaded = model.classifier_or_problem(settings)
if current is None:
    parts.section("New slide")
    slides.new_slide(kept, settings)
    parts.section("Your slides", seen_by())
    slides.slide_list(kept)
else:
    look_at(kept, current, loaded)
