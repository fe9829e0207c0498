"""A batch's input being looked at before it is scored: how far that is, and the way to stop it."""

from functools import partial
from typing import Final

import streamlit as st

from app import resources
from app.screens.shared import words
from app.screens.shared.parts import job_line, show_problem
from core.errors import NodelensError
from core.jobs import InputReport, Job, JobStore, Look

_LOOK_EVERY_S: Final = 0.5


def looked_at(store: JobStore, job: Job) -> InputReport | None:
    """Return what the input contains; while that is not known, draw how far the look at it is."""
    try:
        look = store.look(job, partial(resources.source, store, job))
    except NodelensError as error:
        show_problem(error)
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
