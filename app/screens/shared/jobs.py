"""Batches, audits and slides as jobs: their lists and marks, how far one is, stop and continue."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import streamlit as st
from markupsafe import Markup, escape
from streamlit.delta_generator import DeltaGenerator

from app import resources
from app.screens.shared import words
from app.screens.shared.parts import attempt, badge, button, page_title, show_problem
from app.state import address, identity, widgets
from core.errors import NodelensError
from core.jobs import InputReport, Job, JobFolder, JobProgress, JobStore, Look
from core.scoring import AppliedPoint

_LISTED: Final = 12
_LOOK_EVERY_S: Final = 0.5
_STATES: Final = {
    "new": ("not started", "quiet"),
    "unusable": ("nothing to score", "bad"),
    "running": ("running", "accent"),
    "stopped": ("stopped", "quiet"),
    "done": ("finished", "good"),
    "broken": ("cannot continue", "bad"),
}


def current_job(
    place: address.AddressedValue, jobs: JobFolder, what: str, title: str, lead: str
) -> Job | None:
    """Return the job that is looked at; without one, draw the title of the page and return None."""
    ident = place.now()
    job = jobs.job(identity.owner(), ident) if ident else None
    if job is None:
        page_title(title, lead)
        if ident:
            place.look_at(None)
            st.info(words.NOT_HERE.format(what=what), icon=":material/visibility_off:")
    return job


def marks(job: Job, state: str, note: str = "") -> Markup:
    """Return state, origin and date of a batch or an audit, and what else is said of it."""
    drawn = badge("drawn, not tissue", "drawn") if job.is_drawn else ""
    line = f"{when(job)} · {note}" if note else when(job)
    return badge(*_STATES[state]) + drawn + Markup("<span>{}</span>").format(line)


def when(job: Job) -> str:
    """Return when a batch was made, in the reader's time zone as far as the browser tells it."""
    return widgets.local_time(job.created)


def entry(
    name: str,
    about: str,
    look_at: Callable[[str | None], None],
    ident: str,
    *,
    key: str,
    label: str = "Open",
    urgent: bool = False,
) -> None:
    """Draw a line of a list: name, HTML about it, and the button that opens it by its id."""
    with st.container(horizontal=True, vertical_alignment="center", key=f"nl-{key}"):
        st.html(f'<div class="nl-batch"><b>{escape(name)}</b>{about}</div>')
        button(label, key, "", look_at, ident, type="primary" if urgent else "secondary")


def job_list(
    jobs: Sequence[Job],
    status: Callable[[Job], tuple[str, str]],
    look_at: Callable[[str | None], None],
    key: str,
) -> None:
    """Draw batches or audits, which come newest first; older ones on demand.

    `status` gives the name of a job's state, and a note on it.
    """
    shown = jobs
    if len(jobs) > _LISTED and not st.toggle(f"Show all {len(jobs)}", key=f"all-{key}"):
        shown = jobs[:_LISTED]
    with st.container(key="nl-batches", gap=None):
        for job in shown:
            entry(job.name, marks(job, *status(job)), look_at, job.id, key=f"{key}-{job.id}")


def waiting(before: int) -> str:
    """Return what is said of a job that waits until so many others have had their turn."""
    jobs = f"{before} job{'s' * (before > 1)} ahead of yours" if before else "yours is next"
    return f"Waiting for its turn: {jobs}"


def job_line(progress: JobProgress, text: str, stop: Callable[[], None]) -> None:
    """Draw how far a job is, or how many are before it, with the way to stop it."""
    share = progress.done / progress.total if progress.total else 0.0
    stopping, before = progress.stopping, progress.before
    if before is not None and not stopping:
        text = f"{waiting(before)} · {text}" if progress.done else waiting(before)
    with st.container(horizontal=True, vertical_alignment="center", key="nl-progress"):
        st.progress(min(share, 1.0), text=text)
        label = "Stopping …" if stopping else "Stop"
        button(label, "stop", "stop", stop, disabled=stopping)


def so_far(progress: JobProgress, what: str, about: str = "") -> str:
    """Return how far a job is, how fast, and how long the rest takes, as far as that is known.

    It counts `what`, such as "patches"; `about`, such as "about ", stands before a total that may
    still change.
    """
    if not progress.total:
        return "Opening the source …"
    count, left = f"{progress.done:,} of {about}{progress.total:,}", progress.seconds_left
    if left is None or not progress.done:
        return f"{count} {what}"
    rate = f"{progress.rate_per_s:,.0f} {what} per second"
    return f"{count} · {rate} · about {duration(left)} left"


def stopped(
    error: str,
    text: str,
    go_on: Callable[[], None] | None,
    *,
    writable: bool,
    label: str = "Continue",
    key: str = "continue",
) -> DeltaGenerator:
    """Draw why a job has stopped and how it goes on; return where other ways on may stand.

    Without an error, somebody stopped it, and the text says what then; `go_on` is None if nothing
    can, and this process may not change a job that is not writable.
    """
    if error:
        show_problem(NodelensError(error))
    else:
        st.info(text, icon=":material/pause_circle:")
    row = st.container(horizontal=True)
    if go_on is not None:
        with row:
            button(label, key, "play_arrow", go_on, type="primary", disabled=not writable)
    return row


def looked_at(
    store: JobStore, job: Job, way_out: Callable[[], None] = lambda: None
) -> InputReport | None:
    """Return what the input contains; while that is not known, draw how far the look at it is.

    `way_out` draws what to do below the reason why nothing can be known.
    """
    look = attempt(store.look, job, partial(resources.source, store, job))
    if look is None:
        way_out()
        return None
    if look.report is None:
        st.fragment(_looking, run_every=_LOOK_EVERY_S)(look)
    return look.report


def _looking(look: Look) -> None:
    if not look.is_alive():
        st.rerun()
    progress = look.progress()
    text = words.STOPPING_LOOK if progress.stopping else words.LOOKING.format(done=look.done)
    job_line(progress, text, look.stop.set)


def apply_button(store: JobStore, job: Job, point: AppliedPoint, version: str) -> bool:
    """Draw the button that calls a scored batch at another point; return whether that is done."""
    label = words.APPLY.format(version=version)
    if not button(label, "apply-point", "done_all", type="primary", help=words.APPLY_HELP):
        return False
    try:
        store.apply(job, point)
    except NodelensError as error:
        show_problem(error)
        return False
    return True


def duration(seconds: float) -> str:
    """Return a time span in words, coarse enough to be true."""
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    if seconds < 3600:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
