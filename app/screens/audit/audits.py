"""The audits of a workspace: their list, their head line, progress, stop, continue, delete."""

from functools import partial
from html import escape
from typing import Final

import streamlit as st

from app import resources
from app.screens.audit.words import STEPS
from app.screens.shared.badges import drawn_badge, state_badge, when
from app.screens.shared.parts import head_line, running_line, show_problem, way_back
from app.state import address, identity
from core.audit import STEPS as STEP_NAMES
from core.audit import AuditProgress
from core.audit.run import NO_SCORES
from core.audit.store import AuditState, AuditStore
from core.errors import NodelensError
from core.jobs import Job

_LISTED: Final = 12


def begin(store: AuditStore, job: Job) -> None:
    """Start an audit and look at it."""
    store.start(job)
    address.look_at_audit(job.id)


def audit_list(store: AuditStore) -> None:
    """Draw the workspace's audits, newest first."""
    jobs = store.jobs.jobs(identity.owner())
    if not jobs:
        st.html(
            '<div class="nl-empty"><b>No data set yet.</b> Name one above, or open the drawn '
            "samples to see what an audit shows.</div>"
        )
        return
    shown = jobs
    if len(jobs) > _LISTED and not st.toggle(f"Show all {len(jobs)}", key="all-audits"):
        shown = jobs[:_LISTED]
    with st.container(key="nl-batches", gap=None):
        for job in shown:
            found = store.state(job)
            with st.container(
                horizontal=True, vertical_alignment="center", key=f"nl-audit-{job.id}"
            ):
                st.html(
                    f'<div class="nl-batch"><b>{escape(job.name)}</b>{state_badge(found.name)}'
                    f"{drawn_badge(job)}<span>{when(job)}</span></div>"
                )
                st.button(
                    "Open",
                    key=f"open-audit-{job.id}",
                    on_click=address.look_at_audit,
                    args=(job.id,),
                )


def audit_head(store: AuditStore, job: Job, found: AuditState) -> None:
    """Draw the name of the audit that is looked at, the way back, the report, the way out."""
    with st.container(horizontal=True, vertical_alignment="center", key="nl-batch-head"):
        way_back("All data sets", "all-of-audits", address.look_at_audit)
        marks = f"{state_badge(found.name)}{drawn_badge(job)}<span>{when(job)}</span>"
        head_line(job.name, marks)
        report = store.folder(job).report
        if report.is_file():
            st.download_button(
                "Report",
                data=report.read_bytes,
                file_name=f"audit-{job.name[:40]}.html",
                mime="text/html",
                icon=":material/download:",
                on_click="ignore",
                key="audit-report",
                help="One HTML file that needs no network, at the default limits.",
            )
        with st.popover("Delete", icon=":material/delete:", key="delete-audit"):
            st.write("Deletes this audit and what was uploaded for it, for good.")
            st.caption("Files on the server stay as they are.")
            st.button(
                "Delete this audit",
                type="primary",
                on_click=_delete,
                args=(store, job),
                key="delete-this-audit",
            )


def _delete(store: AuditStore, job: Job) -> None:
    address.look_at_audit(None)
    store.remove(job)
    resources.forget_audits()


def progress_line(store: AuditStore, job: Job, found: AuditState) -> None:
    """Draw how far a running audit is, with the way to stop it."""
    progress = found.progress
    stop = partial(store.cancel, job)
    running_line(progress.done, progress.total, _step_text(progress), stop)


def _step_text(progress: AuditProgress) -> str:
    if not progress.step:
        return "Opening the data set …"
    number = STEP_NAMES.index(progress.step) + 1 if progress.step in STEP_NAMES else 0
    said = f"Step {number} of {len(STEP_NAMES)}: {STEPS.get(progress.step, progress.step)}"
    return f"{said}, {progress.done:,} of {progress.total:,}" if progress.total else said


def after_stop(store: AuditStore, job: Job, found: AuditState) -> None:
    """Draw why an audit does not go on, and how it can."""
    if found.name == "broken":
        show_problem(NodelensError(found.error))
    else:
        done = len(found.progress.finished)
        st.info(
            f"Stopped after {done} of {len(STEP_NAMES)} steps. What was measured stays; "
            "it goes on where it stopped."
            if found.name == "stopped"
            else "This audit has not begun.",
            icon=":material/pause_circle:",
        )
    st.button(
        "Try again" if found.name == "broken" else "Continue",
        type="primary",
        icon=":material/play_arrow:",
        on_click=store.start,
        args=(job,),
        key="continue-audit",
    )


def _in_words(reason: str) -> str:
    """Return a reason without what only the command line knows."""
    return 'no scores were given; see the part "Doubtful labels"' if reason == NO_SCORES else reason


def skipped_steps(progress: AuditProgress) -> None:
    """Draw which steps were left out, each with its reason."""
    if not progress.skipped:
        return
    lines = "".join(
        f"<li>{escape(STEPS.get(name, name))}: {escape(_in_words(reason))}.</li>"
        for name, reason in progress.skipped.items()
    )
    st.html(f'<div class="nl-said"><h3>Left out</h3><ul>{lines}</ul></div>')
