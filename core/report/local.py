"""The two pages on whether the model works in one laboratory, drawn from the recorded decision."""

from typing import Final

from core.local import (
    Findings,
    LocalDecision,
    calibration_sentences,
    claim_sentence,
    suffices_sentence,
    unlike_sentence,
)
from core.local.findings import Claim, LocalPoint
from core.local.sentences import NAMES
from core.report.sheets import Sheets
from core.statistics import Measured
from core.wording import NOTHING, interval_text, number, percent, percent_interval

_CLAIM_WIDTHS: Final = (34, 25, 45, 25, 45)
_CLAIM_ALIGN: Final = ("LEFT", "RIGHT", "LEFT", "RIGHT", "LEFT")
_CLAIM_COLUMNS: Final = ("", "Here", "95 % interval", "Claimed", "95 % interval")
_NOTES: Final = (
    "The numbers apply to the labelled patches above. They say nothing about a slide, a patient "
    "or a population, or about other tissue, scanners or stains.",
    "The labels are assumed to be right. The score refers only to the centre 32 × 32 px of a "
    "patch.",
    "A threshold chosen on these patches does slightly worse on new ones.",
)


def local_pdf(decision: LocalDecision) -> bytes:
    """Return two A4 pages: what was brought and found, then calibration and what was decided.

    The same record gives the same bytes. Text that would need a third page is cut short.
    """
    findings = decision.findings
    when = f"{decision.decided_at:%Y-%m-%d %H:%M} UTC"
    sheets = Sheets(
        f"Does it work here? {findings.batch}",
        decision.decided_at,
        foot=f"Decision {decision.number} on {findings.model_id} · {when}",
    )
    sheets.set_auto_page_break(auto=False)
    _first(sheets, findings, f"{_verdict(decision)} {decision.decided_by}, {when}; see page 2")
    _second(sheets, decision, when)
    return bytes(sheets.output())


def _first(sheets: Sheets, findings: Findings, decided: str) -> None:
    sheets.add_page()
    sheets.kind("DOES IT WORK HERE?")
    sheets.heading(_cut(findings.batch, 120), size=18)
    for name, value in (("Decision", decided), *_data(findings)):
        sheets.fact(name, value)
    sheets.ln(3)
    sheets.heading("At the shipped threshold", size=12)
    table = [_CLAIM_COLUMNS, *map(_claim, findings.claims)]
    sheets.rows(table, _CLAIM_WIDTHS, _CLAIM_ALIGN)
    sheets.ln(3)
    sheets.notes(tuple(map(claim_sentence, findings.claims)))
    sheets.ln(3)
    sheets.heading("Is this enough?", size=12)
    sheets.notes((suffices_sentence(findings),))
    sheets.ln(3)
    sheets.heading("Unlike the training data", size=12)
    sheets.notes((unlike_sentence(findings),))
    sheets.ln(3)
    sheets.heading("Read with care", size=12)
    cautions = [_cut(one, 260) for one in findings.cautions]
    sheets.notes_that_fit(
        (*cautions, *_NOTES), lambda left: f"{left} further remarks are in the record."
    )


def _data(findings: Findings) -> list[tuple[str, str]]:
    tumour = (
        f"{findings.positives:,} with tumour, {findings.patches - findings.positives:,} without"
    )
    known = "slides unknown" if findings.slides is None else f"{findings.slides:,} slides known"
    left_out = (
        f"{findings.unlabelled:,} scored without a label, {findings.unscored:,} without a score"
    )
    by = "whole slides resampled"
    if findings.slides is None:
        by = "patches treated as independent; too narrow if several are from one slide"
    methods = sorted({claim.here.method for claim in findings.claims if claim.here.method})
    return [
        ("Patches", f"{findings.patches:,} labelled: {tumour}; {known}"),
        ("Not counted", f"of {findings.inputs:,} inputs: {left_out}"),
        ("Evidence", f"SHA-256 {findings.evidence_sha256}"),
        ("Model", findings.model_id),
        ("Threshold", _point(findings.shipped)),
        ("Intervals", f"95 %, {by} ({'; '.join(methods)})"),
    ]


def _claim(claim: Claim) -> tuple[str, ...]:
    percents = claim.name != "auroc"
    here = _value(claim.here, percents=percents)
    claimed = (NOTHING, NOTHING)
    if claim.claimed is not None:
        claimed = _value(claim.claimed, percents=percents)
    return (NAMES[claim.name], *here, *claimed)


def _value(one: Measured, *, percents: bool) -> tuple[str, str]:
    if percents:
        return percent(one.value), percent_interval(one.low, one.high)
    return number(one.value), interval_text(one.low, one.high)


def _point(point: LocalPoint) -> str:
    grey = ""
    if point.lower_threshold is not None:
        grey = f", grey zone from {point.lower_threshold:.4f}"
    return f"tumour at a score of {point.threshold:.4f} or above{grey}. {_cut(point.rule, 300)}"


def _second(sheets: Sheets, decision: LocalDecision, when: str) -> None:
    findings = decision.findings
    sheets.add_page()
    sheets.heading("Calibration", size=12)
    sheets.notes(calibration_sentences(findings.calibration))
    sheets.ln(1)
    bins = findings.calibration.bins
    rows = (
        ("Mean score", *(percent(mean, 0) for mean, _, _ in bins)),
        ("With tumour", *(percent(share, 0) for _, share, _ in bins)),
        ("Patches", *(f"{count:,}" for _, _, count in bins)),
    )
    sheets.rows(rows, (24, *(15,) * len(bins)), ("LEFT", *["RIGHT"] * len(bins)))
    sheets.ln(3)
    sheets.heading("Decision", size=12)
    for name, value in _decided(decision, when):
        sheets.fact(name, value)


def _verdict(decision: LocalDecision) -> str:
    if decision.point is None:
        return "The model is not to be used here."
    return f"The model is used here, at the threshold {decision.version}."


def _decided(decision: LocalDecision, when: str) -> list[tuple[str, str]]:
    by = [
        ("Decided by", decision.decided_by),
        ("Decided at", when),
        ("Reason", decision.reason.replace("\n", " ") or "none given"),
    ]
    point = decision.point
    if point is None:
        return [("Decision", f"{_verdict(decision)} No threshold was locked."), *by]
    rates = [
        f"{name} {percent(one.value)} ({percent_interval(one.low, one.high)})"
        for name, one in (("sensitivity", point.sensitivity), ("specificity", point.specificity))
    ]
    use = "In use for new scores." if decision.in_use else "Not in use for new scores yet."
    return [
        ("Decision", f"{_verdict(decision)} {use}"),
        ("Threshold", _point(point)),
        ("On these patches", "; ".join(rates)),
        ("Assumed", f"{percent(decision.prevalence or 0)} of the patches in use contain tumour"),
        *by,
    ]


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
