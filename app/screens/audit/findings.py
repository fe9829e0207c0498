"""The findings of an audit, each with the way to its patches, and the limits that they go by."""

from html import escape
from typing import Final

import streamlit as st

from app.screens.audit import pairs, patches, words
from app.screens.shared.parts import Stat, button, empty, stat_strip
from app.state import widgets
from core.audit import FLAGS, Area, Finding, QualityLimits, Severity
from core.audit.browse import AuditView, PatchChoice
from core.audit.findings import MOST_ROWS
from core.wording import percent

_KEY: Final = "audit-limits"
_DEFAULTS: Final = QualityLimits()
_SLIDERS: Final[dict[str, tuple[str, str, float, float, str]]] = {
    "flat_sd": ("flat", "SD of every channel below", 10.0, 0.1, "%.1f"),
    "blank_white_share": ("blank", "Share of white pixels at least", 1.0, 0.01, "%.2f"),
    "blank_sd": ("blank", "… and SD of every channel below", 20.0, 0.5, "%.1f"),
    "dark_mean": ("dark", "Mean grey level below", 150.0, 1.0, "%.0f"),
    "low_saturation": (
        "low_saturation", "Highest saturation below", 0.5, 0.01, "%.2f",
    ),
    "low_tissue_share": ("low_tissue", "Share of tissue below", 1.0, 0.01, "%.2f"),
    "blur_detail_share": ("blurred", "Share of fine detail below", 1.0, 0.01, "%.2f"),
    "blur_guard_sd": ("blurred", "… unless the grey levels' SD is below", 30.0, 0.5, "%.1f"),
    "ink_share": ("pen", "Share of ink pixels at least", 0.5, 0.005, "%.3f"),
    "stain_z": ("extreme_stain", "Robust SDs from the median, at least", 12.0, 0.1, "%.1f"),
}  # fmt: skip


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
            ", ".join(f"{count} {kind}{'s' * (count != 1)}" for kind, count in counts.items()),
        ),
    ]
    stat_strip(*stats)


def findings_panel(view: AuditView) -> None:
    """Draw the findings, errors first; "Show me" chooses their patches. Limits are folded."""
    _finding_list(view)
    fold = st.expander(words.LIMITS_FOLD, on_change="rerun", key="audit-limits-fold")
    if fold.open:
        with fold:
            _limits_panel(view)


def _finding_list(view: AuditView) -> None:
    if not view.findings:
        empty(words.NOTHING_FOUND)
        return
    looked_at = patches.shown_now()
    with st.container(key="nl-findings", gap=None):
        for place, finding in enumerate(view.findings):
            _finding(finding, place, view, chosen=looked_at == _patches_of(finding))


def _finding(finding: Finding, place: int, view: AuditView, *, chosen: bool) -> None:
    sign, severity, tone = words.SEVERITIES[finding.severity]
    with st.container(horizontal=True, vertical_alignment="center", key=f"nl-finding-{place}"):
        st.html(
            f'<div class="nl-finding nl-finding-{tone}{" nl-finding-now" * chosen}">'
            f'<span class="nl-badge">{sign} {severity}</span>'
            f"<div><b>{escape(finding.headline)}</b><p>{escape(finding.action)}</p></div></div>"
        )
        about = None
        if finding.rows and finding.count > MOST_ROWS:
            about = words.FIRST_ROWS.format(rows=MOST_ROWS, count=finding.count)
        label, key = "Shown" if chosen else "Show me", f"show-{place}-{finding.kind}"
        button(label, key, "visibility", _show, finding, view, help=about)


def _patches_of(finding: Finding) -> PatchChoice:
    """Return the choice of what shows a finding: its patches, or all by its measure."""
    measure = finding.of_measure
    return PatchChoice("measure", measure) if measure else PatchChoice("finding", finding.kind)


def _show(finding: Finding, view: AuditView) -> None:
    """Choose a finding's patches, or go to the part of the page that shows it."""
    filters = pairs.FILTERS.get(finding.kind)
    if filters is not None:
        pairs.show_pairs(view, *filters)
        patches.go_to(view.job_id, patches.PAIRS)
    elif finding.kind == "doubtful-label":
        patches.go_to(view.job_id, patches.LABELS)
    elif finding.ids and finding.area is Area.SPLITS:
        kind = "split" if set(finding.ids) <= set(view.splits) else "slide"
        patches.show(PatchChoice(kind, "|".join(finding.ids)))
        patches.go_to(view.job_id, patches.BALANCE)
    elif finding.rows or finding.ids or finding.of_measure:
        patches.show(_patches_of(finding))
    else:
        patches.go_to(view.job_id, patches.CLASSES)


def limits_now() -> QualityLimits:
    """Return the limits that are set on the page."""
    held = widgets.chosen(_KEY)
    return held if isinstance(held, QualityLimits) else _DEFAULTS


def _limits_panel(view: AuditView) -> None:
    """Draw a slider for each limit with the count of what it flags."""
    readable = int((view.patches["fault"] == "").sum())
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(words.LIMITS)
        same = view.limits == _DEFAULTS
        button("Reset to defaults", "audit-limits-reset", "restart_alt", _reset, disabled=same)
    for place, flag in enumerate(FLAGS):
        names = [name for name, slider in _SLIDERS.items() if slider[0] == flag]
        count = int(view.flags[flag].sum())
        with st.container(horizontal=True, vertical_alignment="center", key=f"nl-limit-{flag}"):
            name = words.FLAGS[flag]
            st.markdown(f"**{name[:1].upper()}{name[1:]}**: {count:,} of {readable:,}")
            flagged = PatchChoice("finding", flag)
            button(
                "Show", f"audit-limit-show-{place}", "", patches.show, flagged, disabled=not count
            )
        for name in names:
            _slider(name, view.limits)
        if not names:
            st.caption(words.NO_LIMIT)


def _slider(name: str, limits: QualityLimits) -> None:
    _, label, most, step, text = _SLIDERS[name]
    default = getattr(_DEFAULTS, name)
    key = f"audit-limit-{name}"
    widgets.start(key, float(getattr(limits, name)))
    moved = getattr(limits, name) != default
    st.slider(
        label + (f" (default {text % default})" if moved else ""),
        0.0,
        most,
        step=step,
        format=text,
        key=key,
        on_change=_moved,
    )


def _moved() -> None:
    values = {
        name: float(str(widgets.chosen(f"audit-limit-{name}", getattr(_DEFAULTS, name))))
        for name in _SLIDERS
    }
    widgets.choose(_KEY, QualityLimits(**values))


def _reset() -> None:
    for name in _SLIDERS:
        widgets.choose(f"audit-limit-{name}", float(getattr(_DEFAULTS, name)))
    widgets.choose(_KEY, _DEFAULTS)
