"""Data set: choose one, see what is wrong with it first, then look at anything in it."""

import streamlit as st

from app import resources
from app.screens.audit import (
    audits,
    balance,
    classes,
    findings,
    labels,
    pairs,
    patches,
    point_map,
    words,
)
from app.screens.shared import jobs, model, sources
from app.screens.shared.component import keep_in_url
from app.screens.shared.parts import section, style
from app.screens.shared.who import seen_by
from app.state import address
from core.audit.browse import AuditView
from core.audit.store import AuditStore
from core.jobs import Job

LIVE_EVERY_S = 1.5


def look_at(store: AuditStore, job: Job) -> None:
    """Draw the audit that is looked at, in whatever state it is."""
    now, audited = store.progress(job), store.folder(job).read_progress()
    audits.audit_head(store, job, now.state)
    with st.container():  # always there, so that what is below stays where it is
        if now.state == "running":
            st.fragment(progress, run_every=LIVE_EVERY_S)(store, job, audited.finished)
        elif now.state != "done":
            audits.after_stop(store, job, now)
    if now.state == "new" or not (
        store.folder(job).table("patches").is_file() or store.folder(job).part_files()
    ):
        return
    view = resources.audit_view(store, job, findings.limits_now())
    st.fragment(result)(store, job, view.audit.spec.inputs)
    audits.skipped_steps(audited)


def progress(store: AuditStore, job: Job, finished: tuple[str, ...]) -> None:
    """Draw how far the audit is; draw the page anew when a step is done."""
    now = store.progress(job)
    if now.state != "running" or store.folder(job).read_progress().finished != finished:
        st.rerun()
    audits.progress_line(store, job, now)


def result(store: AuditStore, job: Job, inputs: int) -> None:
    """Draw what there is of the result."""
    view = resources.audit_view(store, job, findings.limits_now())
    findings.headline_numbers(view, inputs)
    part = patches.part_choice(job.id)
    draw_part(store, job, view, part)
    keep_in_url("audit", {"part": part, "show": address.audit_shown()[0]})
    patches.patch_dialog(store, job, view)
    audits.to_batch(store, job, resources.job_store(settings))


def draw_part(store: AuditStore, job: Job, view: AuditView, part: str) -> None:
    """Draw one part: alone, or with the patches that are looked at beside it."""
    if part == patches.PATCHES:
        patches.patches_alone(store, job, view)
    elif part == patches.PAIRS:
        pairs.pairs_panel(store, job, view)
    elif part == patches.LABELS:
        labels.labels_panel(store, job, view, settings)
    elif part == patches.CLASSES:
        classes.classes_panel(store, job, view)
    else:
        evidence, beside = st.columns([1, 1], gap="medium")
        with evidence:
            if part == patches.MAP:
                point_map.map_panel(store, job, view, settings)
            elif part == patches.BALANCE:
                balance.balance_panel(view)
            else:
                findings.findings_panel(view)
        with beside, st.container(key="nl-audit-beside"):
            patches.patches_beside(store, job, view)


def start_page(store: AuditStore) -> None:
    """Draw the ways to bring a data set, and the audits there are."""
    section("Choose a data set")
    st.caption(words.LABELS_TOO)
    sources.new_batch(store.jobs, settings, lambda job: audits.begin(store, job))
    audits.use_batch(store, resources.job_store(settings))
    section("Your data sets", seen_by())
    audits.audit_list(store)


style("audit")
settings = model.settings_or_stop()
kept = resources.audit_store(settings)
current = jobs.current_job(address.audit, kept.jobs, "data set", words.TITLE, words.LEAD)
if current is None:
    start_page(kept)
else:
    look_at(kept, current)
