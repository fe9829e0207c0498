"""What an audit found: the numbers in a row, then each finding with the way to its patches."""

from html import escape

import streamlit as st

from app.screens.audit import pairs, parts, patches
from app.screens.audit.words import SEVERITIES
from app.screens.shared.parts import Stat, share_text, stat_strip
from core.audit import Area, Finding, Severity
from core.audit.browse import AuditView, Shown
from core.audit.finding import MOST_ROWS


def headline_numbers(view: AuditView, inputs: int) -> None:
    """Draw how large the data set is and how much was found."""
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
        Stat("Readable", f"{readable:,}", share_text(readable, max(len(table), 1))),
        Stat("Labelled", f"{labelled:,}", share_text(labelled, max(len(table), 1))),
        Stat(
            "Tumour in the centre",
            f"{positives:,}" if labelled else "–",
            f"{share_text(positives, labelled)} of the labelled" if labelled else "no labels",
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


def finding_list(view: AuditView) -> None:
    """Draw the findings, errors first; "Show me" chooses their patches."""
    if not view.findings:
        st.html('<div class="nl-empty"><b>Nothing was found so far.</b></div>')
        return
    looked_at = patches.shown_now()
    with st.container(key="nl-findings", gap=None):
        for place, found in enumerate(view.findings):
            _finding(found, place, view, chosen=looked_at == Shown("finding", found.kind))


def _finding(found: Finding, place: int, view: AuditView, *, chosen: bool) -> None:
    sign, word, tone = SEVERITIES[found.severity]
    with st.container(horizontal=True, vertical_alignment="center", key=f"nl-finding-{place}"):
        st.html(
            f'<div class="nl-finding nl-finding-{tone}{" nl-finding-now" * chosen}">'
            f'<span class="nl-badge">{sign} {word}</span>'
            f"<div><b>{escape(found.headline)}</b><p>{escape(found.action)}</p></div></div>"
        )
        st.button(
            "Shown" if chosen else "Show me",
            icon=":material/visibility:",
            key=f"show-{place}-{found.kind}",
            on_click=_show,
            args=(found, view),
            help=_help(found),
        )


def _show(found: Finding, view: AuditView) -> None:
    """Choose a finding's patches, or go to the part of the page that shows it."""
    job_id = view.job_id
    filters = pairs.pairs_of(found.kind)
    if filters is not None:
        pairs.show_pairs(view, *filters)
        parts.go_to(job_id, parts.PAIRS)
    elif found.kind == "doubtful-label":
        parts.go_to(job_id, parts.LABELS)
    elif found.rows:
        patches.show(Shown("finding", found.kind))
    elif found.ids and found.area is Area.SPLITS:
        kind = "split" if set(found.ids) <= set(view.splits) else "slide"
        patches.show(Shown(kind, "|".join(found.ids)))
        parts.go_to(job_id, parts.BALANCE)
    elif found.ids:
        patches.show(Shown("finding", found.kind))
    elif found.area is Area.STATISTICS:
        parts.go_to(job_id, parts.MEASURES)
    else:
        parts.go_to(job_id, parts.BALANCE)


def _help(found: Finding) -> str | None:
    if found.count > MOST_ROWS and found.rows:
        return f"The first {MOST_ROWS:,} of {found.count:,}, unless it is a matter of quality."
    return None
