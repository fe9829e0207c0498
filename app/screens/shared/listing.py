"""Lists of batches and audits: their entries, badges and dates, and the way to delete one."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import streamlit as st
from markupsafe import Markup, escape

from app.screens.shared import words
from app.state import widgets
from core.jobs import Job
from core.settings import SAMPLES_TABLE

_LISTED: Final = 12
_STATES: Final = {
    "new": ("not started", "quiet"),
    "running": ("running", "accent"),
    "stopped": ("stopped", "quiet"),
    "done": ("finished", "good"),
    "broken": ("cannot continue", "bad"),
}


def is_drawn(job: Job) -> bool:
    """Return whether a job is of the drawn samples."""
    return job.server_path == str(SAMPLES_TABLE)


def badge(text: str, tone: str = "") -> Markup:
    """Return a word in a frame; the tone is one of the style sheet's `nl-badge-…`."""
    kind = f"nl-badge nl-badge-{tone}" if tone else "nl-badge"
    return Markup('<span class="{}">{}</span>').format(kind, text)


def marks(job: Job, state: str, note: str = "") -> Markup:
    """Return state, origin and date of a batch or an audit, and what else is said of it."""
    drawn = badge("drawn, not tissue", "drawn") if is_drawn(job) else ""
    line = f"{when(job)} · {note}" if note else when(job)
    return badge(*_STATES[state]) + drawn + Markup("<span>{}</span>").format(line)


def when(job: Job) -> str:
    """Return when a batch was made, in the reader's time zone as far as the browser tells it."""
    return widgets.local_time(datetime.fromisoformat(job.created))


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
    """Draw a line of a list with the button that opens it.

    Args:
        name: As its owner calls it.
        about: HTML that follows the name.
        look_at: Takes the id.
        ident: The id.
        key: Of the button.
        label: On the button.
        urgent: Whether the button is the one to press.
    """
    with st.container(horizontal=True, vertical_alignment="center", key=f"nl-{key}"):
        st.html(f'<div class="nl-batch"><b>{escape(name)}</b>{about}</div>')
        st.button(
            label,
            key=key,
            on_click=look_at,
            args=(ident,),
            type="primary" if urgent else "secondary",
        )


def job_list(
    jobs: Sequence[Job],
    status: Callable[[Job], tuple[str, str]],
    look_at: Callable[[str | None], None],
    key: str,
) -> None:
    """Draw batches or audits, newest first; older ones on demand.

    Args:
        jobs: Newest first.
        status: Gives the name of a job's state, and a note on it.
        look_at: Takes the id of the one that is opened.
        key: Of the buttons.
    """
    shown = jobs
    if len(jobs) > _LISTED and not st.toggle(f"Show all {len(jobs)}", key=f"all-{key}"):
        shown = jobs[:_LISTED]
    with st.container(key="nl-batches", gap=None):
        for job in shown:
            entry(job.name, marks(job, *status(job)), look_at, job.id, key=f"{key}-{job.id}")


def delete_button(what: str, warning: str, delete: Callable[[], None], key: str) -> None:
    """Draw the way to delete what is looked at; it asks once more.

    Args:
        what: "batch", "audit".
        warning: What will be gone.
        delete: Does it.
        key: Of the button that does it.
    """
    with st.popover("Delete", icon=":material/delete:", key=f"{key}-open"):
        st.write(warning)
        st.button(f"Delete this {what}", type="primary", on_click=delete, key=key)


def not_here(what: str) -> None:
    """Say that something is not in this workspace."""
    st.info(words.NOT_HERE.format(what=what), icon=":material/visibility_off:")
