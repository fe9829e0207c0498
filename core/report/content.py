"""What a report says, as plain values taken from the record and nothing else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Final

from core.bundle import Interval as CardInterval
from core.bundle import OperatingPoint
from core.review import (
    CurrentVerdict,
    OnScreen,
    ReadingMode,
    Record,
    ReviewError,
    Verdict,
    current_verdicts,
    reading_time,
    with_model,
)
from core.review.exports import pseudonyms
from core.statistics import Interval

LEFT_OUT: Final = "Names, file names, slides and comments are left out or replaced."
SIGNS: Final = {
    Verdict.TUMOUR: "▲ tumour",
    Verdict.NO_TUMOUR: "▽ no tumour",
    Verdict.CANNOT_JUDGE: "? cannot judge",
}


@dataclass(frozen=True, slots=True)
class ReportPlan:
    """What to report.

    Attributes:
        case: The case.
        pseudonymised: Without names of readers, files and slides, and without comments.
        point: The operating point in force when the case was opened, for its error rates.
    """

    case: str
    pseudonymised: bool = False
    point: OperatingPoint | None = None


@dataclass(frozen=True, slots=True)
class FlaggedPatch:
    """A patch that somebody should look at again.

    Attributes:
        sha256: Of the patch.
        title: What to call it.
        source: File and slide; empty where they are left out.
        why: Why it is flagged.
        model: Score and call in words.
        label: Reference label in words.
        readings: One line for each reader.
    """

    sha256: str
    title: str
    source: str
    why: str
    model: str
    label: str
    readings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that the document shows.

    Attributes:
        title: Name of the case.
        made_of: Up to which event of the record; names the report.
        last_at: Time of that event, UTC, ISO 8601.
        facts: Names and values of the batch page.
        counts: One row for each reader, below `COUNT_COLUMNS`.
        flagged: Patches to look at again.
        notes: What must not be read into the numbers.
    """

    title: str
    made_of: str
    last_at: str
    facts: tuple[tuple[str, str], ...]
    counts: tuple[tuple[str, ...], ...]
    flagged: tuple[FlaggedPatch, ...]
    notes: tuple[str, ...]


COUNT_COLUMNS: Final = (
    "Reader",
    "Read",
    "Tumour",
    "No tumour",
    "Cannot judge",
    "Against the model",
    "Agreement with the model",
    "Seconds a patch",
)


def report_of(record: Record, plan: ReportPlan) -> Report:
    """Return what the report of a case says at the end of a record.

    Raises:
        ReviewError: There is no such case, or no verdict in it yet.
    """
    case = record.case(plan.case)
    verdicts = current_verdicts(record, plan.case)
    if not verdicts:
        raise ReviewError(f"There is no verdict in {case.name} yet. Read some patches first.")
    names = pseudonyms(record) if plan.pseudonymised else {}
    by_reader: dict[str, list[CurrentVerdict]] = {}
    for verdict in verdicts:
        by_reader.setdefault(verdict.reader, []).append(verdict)
    times = sorted(at for verdict in verdicts for at in (verdict.first.at, verdict.final.at))
    facts = [
        ("Case", case.case if plan.pseudonymised else f"{case.name} ({case.case})"),
        ("Reading mode", str(case.mode)),
        ("Worklist", case.order),
        ("Patches", f"{len(case.patches)}, shown {len(case.tasks)} times"),
        ("Model", case.model_id),
        ("Operating point", f"{case.operating_point}: tumour from a score of {case.threshold:.4f}"),
        *_error_rates(plan.point),
        ("Readers", ", ".join(names.get(reader, reader) for reader in by_reader)),
        ("First verdict", _when(times[0])),
        ("Last verdict", _when(times[-1])),
        ("Record", f"up to event {record.end.sequence}, hash {record.end.hash}"),
    ]
    return Report(
        title=f"Case {case.case}" if plan.pseudonymised else case.name,
        made_of=str(record.end),
        last_at=times[-1],
        facts=tuple(facts),
        counts=tuple(_counts(names.get(who, who), found) for who, found in by_reader.items()),
        flagged=_flagged(verdicts, names, plan),
        notes=_notes(case.mode, plan),
    )


def _when(at: str) -> str:
    return f"{at[:10]} {at[11:16]} UTC"


def _error_rates(point: OperatingPoint | None) -> list[tuple[str, str]]:
    if point is None:
        return [("Its error rates", "not known to this installation")]
    rates: list[tuple[str, CardInterval | None]] = [
        ("Sensitivity", point.sensitivity),
        ("Specificity", point.specificity),
    ]
    found = [
        f"{name.lower()} {value.value:.3f} ({value.low:.3f} to {value.high:.3f}; {value.method})"
        for name, value in rates
        if value is not None
    ]
    said = "; ".join(found) or "not stated"
    return [("Its error rates", f"{said}. Chosen on {point.chosen_on}")]


def _counts(name: str, verdicts: Sequence[CurrentVerdict]) -> tuple[str, ...]:
    found = [verdict.final.reading.verdict for verdict in verdicts]
    agreed = with_model(verdicts)
    time = reading_time(verdicts)
    return (
        name,
        str(len(verdicts)),
        *(str(found.count(kind)) for kind in Verdict),
        str(sum(verdict.overrides_model for verdict in verdicts)),
        share_text(agreed.percent, agreed.percent_interval),
        f"{time.median_s:.1f} ({time.lower_quartile_s:.1f} to {time.upper_quartile_s:.1f})",
    )


def share_text(share: float, interval: Interval) -> str:
    """Return a share with its interval, or a dash where there is none."""
    if isnan(share):
        return "–"
    return f"{share:.2f} ({interval.low:.2f} to {interval.high:.2f})"


def _flagged(
    verdicts: Sequence[CurrentVerdict], names: Mapping[str, str], plan: ReportPlan
) -> tuple[FlaggedPatch, ...]:
    """Return the patches of the case that give reason to look again, in its order."""
    by_patch: dict[str, list[CurrentVerdict]] = {}
    for verdict in verdicts:
        by_patch.setdefault(verdict.patch.sha256, []).append(verdict)
    order = {patch.sha256: number for number, patch in enumerate(verdicts[0].case.patches)}
    flagged = []
    for sha256, found in sorted(by_patch.items(), key=lambda item: order[item[0]]):
        reasons = _reasons(found)
        if not reasons:
            continue
        patch = found[0].patch
        slide = f", slide {patch.slide}" if patch.slide else ""
        source = "" if plan.pseudonymised else f"{patch.id}{slide}"
        label = {1: "tumour", 0: "no tumour", None: "none known"}[patch.label]
        flagged.append(
            FlaggedPatch(
                sha256=sha256,
                title=f"Patch {order[sha256] + 1}",
                source=source,
                why=", ".join(reasons),
                model=_model_words(found[0]),
                label=label,
                readings=tuple(
                    _reading_line(verdict, names, comments=not plan.pseudonymised)
                    for verdict in found
                ),
            )
        )
    return tuple(flagged)


def _reasons(verdicts: Sequence[CurrentVerdict]) -> list[str]:
    final = [verdict.final.reading for verdict in verdicts]
    tests = {
        "against the model": any(verdict.overrides_model for verdict in verdicts),
        "readings differ": len({reading.verdict for reading in final}) > 1,
        "changed after the AI was shown": any(
            verdict.first.reading.verdict is not verdict.final.reading.verdict
            for verdict in verdicts
        ),
        "cannot be judged": any(reading.verdict is Verdict.CANNOT_JUDGE for reading in final),
        "against the label": any(
            None not in (verdict.patch.label, verdict.final.reading.verdict.label)
            and verdict.patch.label != verdict.final.reading.verdict.label
            for verdict in verdicts
        ),
        "commented": any(reading.comment for reading in final),
    }
    return [reason for reason, holds in tests.items() if holds]


def _model_words(verdict: CurrentVerdict) -> str:
    patch = verdict.patch
    if patch.prob_tumour is None:
        return "no score"
    call = {1: "▲ tumour", 0: "▽ no tumour", None: "◆ grey zone"}[patch.predicted_label]
    return f"{call}, score {patch.prob_tumour:.4f}"


def _reading_line(verdict: CurrentVerdict, names: Mapping[str, str], *, comments: bool) -> str:
    first, final = verdict.first.reading, verdict.final.reading
    parts = [SIGNS[final.verdict]]
    if final.confidence:
        parts.append(str(final.confidence))
    if verdict.state.after_ai is not None:
        same = final.verdict is first.verdict
        parts.append("upheld after the AI" if same else f"was {first.verdict} before the AI")
    elif not final.screen:
        parts.append("blind")
    elif OnScreen.OTHER_VERDICTS in final.screen:
        parts.append("other verdicts in view")
    else:
        parts.append("AI in view")
    if verdict.is_repeat:
        parts.append("second showing")
    if final.tags:
        parts.append(" and ".join(final.tags))
    if final.quality:
        parts.append(f"quality {final.quality}")
    said = f"“{final.comment}”" if comments and final.comment else ""
    event = f"event {verdict.final.sequence}"
    who = names.get(verdict.reader, verdict.reader)
    return f"{who}: {', '.join(parts)} ({event}). {said}".strip()


def _notes(mode: ReadingMode, plan: ReportPlan) -> tuple[str, ...]:
    notes = [
        "The patches were chosen for this worklist. Shares among them say nothing about the slide, "
        "the patient or a population.",
        "Intervals are 95 % and take patches as independent; patches of one slide are not.",
    ]
    if mode is ReadingMode.AI_FIRST:
        notes.append(
            "The score was on the screen before each verdict, so agreement with the model is not "
            "independent of it."
        )
    if plan.pseudonymised:
        notes.append(LEFT_OUT)
    return tuple(notes)
