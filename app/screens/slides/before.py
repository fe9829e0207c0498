"""A slide before and while it is scored: its spacing, its tissue, start, progress, stop."""

from dataclasses import replace
from functools import partial
from typing import Any, Final

import streamlit as st

from app.screens.shared.jobs import job_line, so_far, stopped, waiting
from app.screens.shared.parts import button, choice, section, show_problem
from app.screens.slides import words
from app.screens.slides.viewer import viewer
from app.state import widgets
from core.errors import NodelensError, SpacingError
from core.jobs import Job, JobProgress
from core.scoring import Classifier
from core.slides.store import SlidePreview, SlideStore

_LOOK_EVERY_S: Final = 1.0
_SLIDERS: Final[tuple[tuple[str, str, tuple[float, float, float], int, str], ...]] = (
    ("least_saturation", "Minimum colour", (0.0, 0.4, 0.01), 1, words.SATURATION_HELP),
    ("least_optical_density", "Minimum density", (0.0, 0.4, 0.01), 1, words.DENSITY_HELP),
    ("least_share", "Minimum tissue in a cell", (5, 100, 5), 100, words.SHARE_HELP),
)
"""Field of the rule, label, ends and step, how much of the slider is 1, and its help."""
_WHICH: Final = "which-cells"


def ask_spacing(store: SlideStore, job: Job, error: SpacingError) -> None:
    """Draw what is wrong with the spacing, and the ways to give it."""
    st.warning(error.fault, icon=":material/straighten:")
    section(words.SPACING, "micrometres per pixel at full resolution")
    st.caption(words.SPACING_ASKED)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for um_px, label in words.SPACINGS.items():
            button(label, f"spacing-{um_px}", "", partial(_choose, store, job, um_per_px=um_px))
        other = st.number_input(
            "Other value, µm per pixel", 0.05, 20.0, None, 0.01, format="%.4f", width=190
        )
        if button("Use it", "spacing-other", disabled=other is None) and other:
            _choose(store, job, um_per_px=float(other))
            st.rerun()


def _choose(store: SlideStore, job: Job, **changes: Any) -> None:  # noqa: ANN401 - of SlideChoices
    try:
        store.choose(job, replace(store.choices(job), **changes))
    except NodelensError as error:
        widgets.notify(str(error))


def before_start(store: SlideStore, job: Job, classifier: Classifier | None) -> None:
    """Draw what would be scored of a slide, how that is chosen, and the start."""
    try:
        preview = store.look(job)
    except SpacingError as error:
        ask_spacing(store, job, error)
        return
    except NodelensError as error:
        show_problem(error)
        return
    if isinstance(preview, JobProgress):
        st.fragment(_looking, run_every=_LOOK_EVERY_S)(store, job)
        return
    shown, chosen = st.columns([1.9, 1], gap="medium")
    with chosen:
        if not preview.cells(store.choices(job).rule).tissue.any():
            st.warning(words.NO_COLOUR if preview.is_grey else words.NO_TISSUE)
        elif classifier is not None:
            _start(store, job, classifier)
        _tissue(store, job, preview)
    with shown:
        threshold = classifier.operating_point.threshold if classifier else 0.5
        viewer(store, job, threshold=threshold, scored=False)


def _looking(store: SlideStore, job: Job) -> None:
    try:
        progress = store.look(job)
    except NodelensError:
        st.rerun()
    if isinstance(progress, SlidePreview):
        st.rerun()
    share = progress.done / progress.total if progress.total else 0.0
    text = f"{words.LOOKING} …" if progress.before is None else waiting(progress.before)
    st.progress(min(share, 1.0), text=text)


def _tissue(store: SlideStore, job: Job, preview: SlidePreview) -> None:
    section(words.TISSUE)
    st.caption(words.TISSUE_NOTE)
    rule = store.choices(job).rule

    def moved() -> None:
        values = {
            field: float(str(widgets.chosen(f"tissue-{field}-{job.id}"))) / per
            for field, _, _, per, _ in _SLIDERS
        }
        _choose(store, job, rule=replace(rule, **values))

    for field, label, (least, most, step), per, about in _SLIDERS:
        name = f"tissue-{field}-{job.id}"
        widgets.start(name, type(step)(round(per * getattr(rule, field), 6)))
        form = "%d %%" if per == 100 else None
        st.slider(label, least, most, step=step, format=form, key=name, on_change=moved, help=about)
    if not preview.is_exact:
        st.caption(words.MASK_NEAR)


def _start(store: SlideStore, job: Job, classifier: Classifier) -> None:
    point = classifier.operating_point
    section("Start", f"threshold {point.threshold:.4f} ({point.name})")
    key = f"{_WHICH}-{job.id}"
    widgets.start(key, store.choices(job).all_cells)

    def chosen() -> None:
        _choose(store, job, all_cells=bool(widgets.chosen(key)))

    all_cells = choice("Cells to score", words.WHICH, key, on_change=chosen)
    st.caption(words.WHICH_NOTES[all_cells])
    start, blocked = partial(store.start, job, classifier), not store.jobs.is_writable
    button("Score this slide", "start", "play_arrow", start, type="primary", disabled=blocked)


def progress_line(store: SlideStore, job: Job, progress: JobProgress) -> None:
    """Draw how far a running slide is, with the way to stop it."""
    text = so_far(progress, "cells", "about ")
    if progress.stopping or progress.step == "looking":
        text = "Stopping …" if progress.stopping else f"{words.LOOKING} …"
    job_line(progress, text, partial(store.cancel, job))


def after_stop(
    store: SlideStore, job: Job, progress: JobProgress, classifier: Classifier | None
) -> None:
    """Draw why scoring has stopped, and how it goes on."""
    done = f"{progress.done:,} cells" if progress.done else "The cells"
    text = words.STOPPED.format(done=done)
    go_on = None if classifier is None else partial(store.start, job, classifier)
    with stopped(progress.error, text, go_on, writable=store.jobs.is_writable):
        again_button(store, job)


def again_button(store: SlideStore, job: Job) -> None:
    """Draw the way back to what is chosen before scoring."""
    blocked, about = not store.jobs.is_writable, words.AGAIN_HELP
    button("Start over", "anew", "restart_alt", store.restart, job, disabled=blocked, help=about)
