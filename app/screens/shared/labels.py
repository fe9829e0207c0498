"""The way to give a batch its labels afterwards."""

import streamlit as st

from app.screens.shared import words
from app.screens.shared.parts import show_problem
from app.state import widgets
from core.errors import NodelensError
from core.jobs import Job, JobStore


def add_labels(store: JobStore, job: Job) -> None:
    """Draw the field for a CSV of labels; what it brings stays with the batch."""
    name = f"labels-{job.id}"
    file = st.file_uploader(words.ADD_LABELS, type="csv", key=widgets.uploader_key(name))
    if file is None:
        return
    try:
        store.add_labels(job, file.name, file.getvalue())
    except NodelensError as error:
        show_problem(error)
        return
    widgets.clear_uploader(name)
    st.rerun()
