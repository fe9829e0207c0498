"""Data set: choose one, see what is wrong with it first, then look at anything in it."""

import streamlit as st

from app import resources
from app.screens import shared
from app.screens.audit import (
    audits,
    balance,
    findings,
    labels,
    limits,
    measures,
    pairs,
    parts,
    patch,
    patches,
    point_map,
    style,
    table,
)
from app.screens.shared import sources
from app.state import address, identity
from core.audit.browse import AuditView
from core.audit.store import AuditStore
from core.jobs import Job

LIVE_EVERY_S = 1.5


def look_at(store: AuditStore, job: Job) -> None:
    """Draw the audit that is looked at, in whatever state it is."""
    found = store.state(job)
    audits.audit_head(store, job, found)
    with st.container():  # always there, so that what is below stays where it is
        if found.name == "running":
            st.fragment(progress, run_every=LIVE_EVERY_S)(store, job, found.progress.finished)
        elif found.name != "done":
            audits.after_stop(store, job, found)
    if found.name == "new" or not (
        store.folder(job).table("patches").is_file() or store.folder(job).part_files()
    ):
        return
    view = resources.audit_view(store, job, limits.limits_now())
    st.fragment(result)(store, job, view.audit.spec.inputs)
    audits.skipped_steps(found.progress)


def progress(store: AuditStore, job: Job, finished: tuple[str, ...]) -> None:
    """Draw how far the audit is; draw the page anew when a step is done."""
    found = store.state(job)
    if found.name != "running" or found.progress.finished != finished:
        st.rerun()
    audits.progress_line(store, job, found)


def result(store: AuditStore, job: Job, inputs: int) -> None:
    """Draw what there is of the result."""
    view = resources.audit_view(store, job, limits.limits_now())
    findings.headline_numbers(view, inputs)
    draw_part(store, job, view, parts.part_choice(job.id))
    patch.patch_dialog(store, job, view)


def draw_part(store: AuditStore, job: Job, view: AuditView, part: str) -> None:
    """Draw one part: alone, or with the patches that are looked at beside it."""
    if part == parts.PATCHES:
        patches.patches_alone(store, job, view)
    elif part == parts.PAIRS:
        pairs.pairs_panel(store, job, view)
    elif part == parts.LABELS:
        labels.labels_panel(store, job, view)
    elif part == parts.TABLE:
        table.table_panel(job, view)
    else:
        panels = {
            parts.FINDINGS: findings.finding_list,
            parts.BALANCE: balance.balance_panel,
            parts.MEASURES: measures.measures_panel,
            parts.MAP: point_map.map_panel,
            parts.LIMITS: limits.limits_panel,
        }
        evidence, beside = st.columns([1, 1], gap="medium")
        with evidence:
            panels[part](view)
        with beside, st.container(key="nl-audit-beside"):
            patches.patches_beside(store, job, view)


def start_page(store: AuditStore) -> None:
    """Draw the ways to bring a data set, and the audits there are."""
    shared.page_title(
        "Data set",
        "Before anything is trained or scored: what is wrong with these patches, their labels and "
        "their splits, how many, and which.",
    )
    shared.section("Choose a data set")
    sources.new_batch(store.jobs, settings, lambda job: audits.begin(store, job), tables=True)
    shared.section("Your data sets", "only this browser sees them")
    audits.audit_list(store)


style.audit_style()
settings = shared.settings_or_stop()
kept = resources.audit_store(settings)
wanted = address.audit_id()
current = kept.jobs.job(identity.owner(), wanted) if wanted else None
if wanted and current is None:
    address.look_at_audit(None)
    st.info(
        "This data set is not in this workspace: it was deleted, or belongs to somebody else.",
        icon=":material/visibility_off:",
    )
if current is None:
    start_page(kept)
else:
    look_at(kept, current)
