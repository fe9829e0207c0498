"""The audits of a workspace: their list, their head line, progress, stop, continue, delete."""

from dataclasses import replace
from functools import partial

import streamlit as st

from app import resources
from app.screens.audit import words
from app.screens.shared.downloads import download
from app.screens.shared.jobs import job_line, job_list, marks, stopped, when
from app.screens.shared.parts import bullets, button, empty, head_line, way_back
from app.screens.shared.sources import Called, labels_field, samples_button
from app.screens.shared.ways import BATCH, SCORE, ways_on
from app.state import address, identity
from core.audit import STEPS, AuditProgress
from core.audit.folder import Skip
from core.audit.store import AuditStore
from core.jobs import Job, JobFolder, JobProgress


def begin(store: AuditStore, job: Job) -> None:
    """Start an audit and look at it."""
    store.start(job)
    address.audit.look_at(job.id)


def audit_list(store: AuditStore) -> None:
    """Draw the workspace's audits, newest first."""
    jobs = store.jobs.jobs(identity.owner())
    if jobs:
        job_list(
            jobs, lambda job: (store.progress(job).state, ""), address.audit.look_at, "open-audit"
        )
    else:
        empty(*words.NO_DATA_SET)
        samples_button(store.jobs, partial(begin, store), "first-samples")


def audit_head(store: AuditStore, job: Job, state: str) -> None:
    """Draw the name of the audit that is looked at, the way back, the report, the way out."""
    with st.container(horizontal=True, vertical_alignment="center", key="nl-batch-head"):
        way_back("All data sets", "all-of-audits", address.audit.look_at)
        head_line(job.name, marks(job, state))
        _add_labels(store, job, running=state == "running")
        report = store.folder(job).report
        if report.is_file():
            download(
                "Report",
                report.read_bytes,
                f"audit-{job.name}.html",
                "audit-report",
                mime="text/html",
                help=words.REPORT,
            )
        key = "delete-this-audit"
        blocked = not store.jobs.is_writable
        with st.popover("Delete", icon=":material/delete:", key=f"{key}-open", disabled=blocked):
            st.write(words.DELETE)
            button("Delete this data set", key, "", _delete, store, job, type="primary")


def _add_labels(store: AuditStore, job: Job, *, running: bool) -> None:
    """Draw the field for a table of labels that the data set came without, or with a wrong one."""
    with st.popover("Labels", icon=":material/label:", disabled=running, key="audit-labels"):
        st.caption(words.ADD_LABELS)
        relabel = partial(_relabel, store, job)
        labels_field(f"audit-labels-{job.id}", relabel, ("label", "slide", "split"))


def _relabel(store: AuditStore, job: Job, name: str, data: bytes, called: Called) -> None:
    store.add_labels(job, name, data, called)
    store.start(job)


def use_batch(store: AuditStore, batches: JobFolder) -> None:
    """Draw the choice of a batch whose patches are to be audited without another upload."""
    jobs = {batch.id: batch for batch in batches.jobs(identity.owner())}
    if not jobs:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            words.USE_BATCH, list(jobs), format_func=lambda each: f"{jobs[each].name}, "
            f"{when(jobs[each])}", index=None, placeholder="Choose a batch", key="audit-batch",
        )  # fmt: skip
        blocked = chosen is None or not store.jobs.is_writable
        pressed = button("Use this batch", "audit-use-batch", disabled=blocked)
    if pressed and chosen is not None:
        begin(store, store.use_batch(identity.owner(), batches, jobs[chosen]))
        st.rerun()


def to_batch(store: AuditStore, job: Job, batches: JobFolder) -> None:
    """Draw the way to the batch of the same patches; it is made where there is none."""
    batch = batches.job(identity.owner(), job.twin) if job.twin else None
    if batch is not None:
        ways_on(BATCH, job=batch.id, key="audit")
        return
    blocked = not store.jobs.is_writable
    if button(SCORE.label, "audit-to-batch", SCORE.icon, disabled=blocked):
        made = batches.adopt(identity.owner(), store.jobs, job)
        store.jobs.write(replace(job, twin=made.id))
        st.switch_page(SCORE.page, query_params={"job": made.id})


def _delete(store: AuditStore, job: Job) -> None:
    address.audit.look_at(None)
    store.remove(job)
    resources.forget_audits()


def progress_line(store: AuditStore, job: Job, progress: JobProgress) -> None:
    """Draw how far a running audit is, with the way to stop it."""
    job_line(progress, _step_text(progress), partial(store.cancel, job))


def _step_text(progress: JobProgress) -> str:
    if not progress.step:
        return "Opening the data set …"
    text = words.STEPS[progress.step]
    if progress.step in STEPS:
        text = f"Step {STEPS.index(progress.step) + 1} of {len(STEPS)}: {text}"
    return f"{text}, {progress.done:,} of {progress.total:,}" if progress.total else text


def after_stop(store: AuditStore, job: Job, progress: JobProgress) -> None:
    """Draw why an audit has stopped, and how to resume it."""
    finished = store.folder(job).read_progress().finished
    stopped(
        progress.error,
        words.STOPPED.format(done=len(finished), steps=len(STEPS))
        if progress.state == "stopped"
        else words.NOT_BEGUN,
        partial(store.start, job),
        writable=store.jobs.is_writable,
        label="Try again" if progress.state == "broken" else "Continue",
        key="continue-audit",
    )


def skipped_steps(progress: AuditProgress) -> None:
    """Draw which steps were left out, each with its reason."""
    if progress.skipped:
        bullets(
            "Skipped",
            [
                f"{words.STEPS.get(step, step)}: "
                f"{words.SCORES_NEEDED if skip is Skip.NO_SCORES else skip.reason}."
                for step, skip in progress.skipped.items()
            ],
        )
