"""The findings of an audit: numbers in a row, then each finding with the way to its patches."""

from html import escape

import streamlit as st

from app.screens.audit import limits, pairs, patches, tabs, words
from app.screens.shared.parts import Stat, empty, stat_strip
from core.audit import Area, Finding, Severity
from core.audit.browse import AuditView, PatchChoice
from core.audit.findings import MOST_ROWS
from core.wording import percent


def headline_numbers(view: AuditView, inputs: int) -> None:
    """Draw how large the data set is and how much was finding."""
    table = view.patches
    labelled = int(table["label"].notna().sum())
    positives = int((table["label"] == 1).sum())
    readable = int((table["fault"] == "").sum())
    slides = int(table["slide"].nunique())
    unknown = int(table["slide"].isna().sum())
    counts = {kind: sum(each.severity is kind for each in view.findings) for kind in Severity}
    stats = [
        Stat(
            "Patches",
            f"{len(table):,}",
            "all measured" if len(table) >= inputs else f"of {inputs:,} so far",
        ),
        Stat("Readable", f"{readable:,}", percent(readable / max(len(table), 1))),
        Stat("Labelled", f"{labelled:,}", percent(labelled / max(len(table), 1))),
        Stat(
            "Tumour in the centre",
            f"{positives:,}" if labelled else "–",
            f"{percent(positives / labelled)} of labelled patches" if labelled else "no labels",
        ),
        Stat("Slides", f"{slides:,}", f"unknown for {unknown:,} patches" if unknown else ""),
        Stat("Splits", f"{len(view.splits)}" if view.splits else "–", ", ".join(view.splits[:4])),
        Stat(
            "Findings",
            f"{len(view.findings)}",
            f"{_counted(counts[Severity.ERROR], 'error')}, "
            f"{_counted(counts[Severity.WARNING], 'warning')}, "
            f"{_counted(counts[Severity.NOTE], 'note')}",
        ),
    ]
    stat_strip(stats)


def _counted(count: int, name: str) -> str:
    return f"{count} {name}{'s' * (count != 1)}"


def findings_panel(view: AuditView) -> None:
    """Draw the findings, errors first; "Show me" chooses their patches. Limits are folded."""
    _finding_list(view)
    fold = st.expander(words.LIMITS_FOLD, on_change="rerun", key="audit-limits-fold")
    if fold.open:
        with fold:
            limits.limits_panel(view)


def _finding_list(view: AuditView) -> None:
    if not view.findings:
        empty(words.NOTHING_FOUND)
        return
    looked_at = patches.shown_now()
    with st.container(key="nl-findings", gap=None):
        for place, finding in enumerate(view.findings):
            _finding(finding, place, view, chosen=looked_at == PatchChoice("finding", finding.kind))


def _finding(finding: Finding, place: int, view: AuditView, *, chosen: bool) -> None:
    sign, severity, tone = words.SEVERITIES[finding.severity]
    with st.container(horizontal=True, vertical_alignment="center", key=f"nl-finding-{place}"):
        st.html(
            f'<div class="nl-finding nl-finding-{tone}{" nl-finding-now" * chosen}">'
            f'<span class="nl-badge">{sign} {severity}</span>'
            f"<div><b>{escape(finding.headline)}</b><p>{escape(finding.action)}</p></div></div>"
        )
        st.button(
            "Shown" if chosen else "Show me",
            icon=":material/visibility:",
            key=f"show-{place}-{finding.kind}",
            on_click=_show,
            args=(finding, view),
            help=words.FIRST_ROWS.format(rows=MOST_ROWS, count=finding.count)
            if finding.rows and finding.count > MOST_ROWS
            else None,
        )


def _show(finding: Finding, view: AuditView) -> None:
    """Choose a finding's patches, or go to the part of the page that shows it."""
    filters = pairs.pairs_of(finding.kind)
    if filters is not None:
        pairs.show_pairs(view, *filters)
        tabs.go_to(view.job_id, tabs.PAIRS)
    elif finding.kind == "doubtful-label":
        tabs.go_to(view.job_id, tabs.LABELS)
    elif finding.ids and finding.area is Area.SPLITS:
        kind = "split" if set(finding.ids) <= set(view.splits) else "slide"
        patches.show(PatchChoice(kind, "|".join(finding.ids)))
        tabs.go_to(view.job_id, tabs.BALANCE)
    elif finding.rows or finding.ids:
        patches.show(PatchChoice("finding", finding.kind))
    else:
        tabs.go_to(view.job_id, tabs.CLASSES)
