"""Data set: choose one, see what is wrong with it first, then look at anything in it."""

import streamlit as st

from app import components, resources, state
from app.audited import AuditView
from app.components import (
    audit_balance,
    audit_findings,
    audit_labels,
    audit_limits,
    audit_map,
    audit_measures,
    audit_pairs,
    audit_parts,
    audit_patch,
    audit_patches,
    audit_style,
    audit_table,
    audits,
    new_batch,
)
from core.jobs import AuditStore, Job

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
    view = resources.audit_view(store, job, audit_limits.limits_now())
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
    view = resources.audit_view(store, job, audit_limits.limits_now())
    audit_findings.headline_numbers(view, inputs)
    draw_part(store, job, view, audit_parts.part_choice(job.id))
    audit_patch.patch_dialog(store, job, view)


def draw_part(store: AuditStore, job: Job, view: AuditView, part: str) -> None:
    """Draw one part: alone, or with the patches that are looked at beside it."""
    if part == audit_parts.PATCHES:
        audit_patches.patches_alone(store, job, view)
    elif part == audit_parts.PAIRS:
        audit_pairs.pairs_panel(store, job, view)
    elif part == audit_parts.LABELS:
        audit_labels.labels_panel(store, job, view)
    elif part == audit_parts.TABLE:
        audit_table.table_panel(job, view)
    else:
        panels = {
            audit_parts.FINDINGS: audit_findings.finding_list,
            audit_parts.BALANCE: audit_balance.balance_panel,
            audit_parts.MEASURES: audit_measures.measures_panel,
            audit_parts.MAP: audit_map.map_panel,
            audit_parts.LIMITS: audit_limits.limits_panel,
        }
        evidence, patches = st.columns([1, 1], gap="medium")
        with evidence:
            panels[part](view)
        with patches, st.container(key="nl-audit-beside"):
            audit_patches.patches_beside(store, job, view)


def start_page(store: AuditStore) -> None:
    """Draw the ways to bring a data set, and the audits there are."""
    components.page_title(
        "Data set",
        "Before anything is trained or scored: what is wrong with these patches, their labels and "
        "their splits, how many, and which.",
    )
    components.section("Choose a data set")
    new_batch.new_batch(store.jobs, settings, lambda job: audits.begin(store, job), tables=True)
    components.section("Your data sets", "only this browser sees them")
    audits.audit_list(store)


audit_style.audit_style()
settings = components.settings_or_stop()
kept = resources.audit_store(settings)
wanted = state.audit_id()
current = kept.jobs.job(state.owner(), wanted) if wanted else None
if wanted and current is None:
    state.look_at_audit(None)
    st.info(
        "This data set is not in this workspace: it was deleted, or belongs to somebody else.",
        icon=":material/visibility_off:",
    )
if current is None:
    start_page(kept)
else:
    look_at(kept, current)
