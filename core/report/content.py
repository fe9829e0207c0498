"""What a report says, as plain values taken from the record and nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from core import review
from core.bundle import Card, OperatingPoint, same_model
from core.errors import ReviewError
from core.review.pseudonyms import Pseudonyms, named
from core.thresholds import OperatingPointStore
from core.wording import call_of, call_text, interval_text, number

LEFT_OUT: Final = (
    "Readers and patches have pseudonyms, the same in every export from this installation. File "
    "names, slides and comments are left out."
)


@dataclass(frozen=True, slots=True)
class FlaggedPatch:
    """A patch that somebody should look at again.

    Attributes:
        sha256: Of the patch; not to be printed.
        mark: What to print instead: the hash, or its pseudonym.
        title: What to call it.
        source: File and slide; empty where they are left out.
        why: Why it is flagged.
        model: Score and call in words.
        label: Reference label in words.
        readings: One line for each reader.
    """

    sha256: str
    mark: str
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
        table: One row for each verdict, below `TABLE_COLUMNS`.
        notes: What must not be read into the numbers.
    """

    title: str
    made_of: str
    last_at: str
    facts: tuple[tuple[str, str], ...]
    counts: tuple[tuple[str, ...], ...]
    flagged: tuple[FlaggedPatch, ...]
    table: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]

    @property
    def hashes(self) -> tuple[str, ...]:
        """SHA-256 of the flagged patches."""
        return tuple(patch.sha256 for patch in self.flagged)


_SEEN: Final = {
    review.OnScreen.SCORE: "score",
    review.OnScreen.CAM: "map",
    review.OnScreen.OTHER_VERDICTS: "other verdicts",
    review.OnScreen.SURROUNDINGS: "surroundings",
}
COUNT_COLUMNS: Final = (
    "Reader",
    "Read",
    "Tumour",
    "No tumour",
    "Cannot judge",
    "Against the model",
    "Agreement with the model",
    "Seconds per patch",
)
TABLE_COLUMNS: Final = ("", "Patch", "Model", "Reader", "Verdict", "Confidence", "Event")
_ID_CHARS: Final = 40
_BIASED: Final = "The score was shown before each verdict, so agreement may be biased by the model."
_LABELS: Final = {1: "tumour", 0: "no tumour", None: "unknown"}


def report_of(
    record: review.Record,
    case_id: str,
    *,
    hide: Pseudonyms | None = None,
    point: OperatingPoint | None = None,
) -> Report:
    """Return what the report of a case says at the end of a record.

    `hide` replaces names of readers, files and slides, and leaves out comments. The point is the
    one in force when the case was opened, for its error rates.

    Raises:
        ReviewError: There is no such case, or no verdict in it yet.
    """
    case = record.case(case_id)
    verdicts = review.current_verdicts(record, case_id)
    if not verdicts:
        raise ReviewError(f"No verdict in {case.name} yet. Read some patches first.")
    by_reader: dict[str, list[review.CurrentVerdict]] = {}
    for verdict in verdicts:
        by_reader.setdefault(verdict.reader, []).append(verdict)
    read = review.read_patches(verdicts)
    times = sorted(at for verdict in verdicts for at in (verdict.first.at, verdict.final.at))
    facts = [
        ("Case", hide.of("case", case.case) if hide else f"{case.name} ({case.case})"),
        ("Reading mode", str(case.mode)),
        ("Worklist", case.order),
        ("Patches", f"{len(case.patches)}, shown {len(case.tasks)} times"),
        ("Model", case.model_id),
        (
            "Threshold",
            f"{case.operating_point}: tumour at a score of {case.threshold:.4f} or above",
        ),
        *_error_rates(point),
        ("Readers", ", ".join(named(hide, "reader", reader) for reader in by_reader)),
        ("First verdict", _when(times[0])),
        ("Last verdict", _when(times[-1])),
        ("Record", f"up to event {record.end.sequence}, hash {record.end.hash}"),
    ]
    return Report(
        title=hide.of("case", case.case) if hide else case.name,
        made_of=str(record.end),
        last_at=times[-1],
        facts=tuple(facts),
        counts=tuple(
            _counts(named(hide, "reader", who), readings) for who, readings in by_reader.items()
        ),
        flagged=tuple(_flagged(read_patch, hide) for read_patch in read if read_patch.reasons),
        table=tuple(
            _table_row(read_patch, one, hide) for read_patch in read for one in read_patch.verdicts
        ),
        notes=_notes(case.mode, hide),
    )


def _when(at: str) -> str:
    return f"{at[:10]} {at[11:16]} UTC"


def _error_rates(point: OperatingPoint | None) -> list[tuple[str, str]]:
    if point is None:
        return [("Error rates", "not known to this installation")]
    rates = {"sensitivity": point.sensitivity, "specificity": point.specificity}
    phrases = [
        f"{name} {rate.value:.3f} ({interval_text(rate.low, rate.high)}; {rate.method})"
        for name, rate in rates.items()
        if rate is not None
    ]
    rates_text = "; ".join(phrases) or "not stated"
    return [("Error rates", f"{rates_text}. Chosen on {point.chosen_on}")]


def _counts(name: str, verdicts: Sequence[review.CurrentVerdict]) -> tuple[str, ...]:
    calls = [verdict.final.reading.verdict for verdict in verdicts]
    share, time = review.with_model(verdicts).percent, review.reading_time(verdicts)
    agreed = number(share.value, 2)
    if share.has_interval:
        agreed += f" ({interval_text(share.low, share.high, 2)})"
    return (
        name,
        str(len(verdicts)),
        *(str(calls.count(kind)) for kind in review.Verdict),
        str(sum(verdict.overrides_model for verdict in verdicts)),
        agreed,
        f"{time.median_s:.1f} ({time.lower_quartile_s:.1f} to {time.upper_quartile_s:.1f})",
    )


def _flagged(read_patch: review.ReadPatch, hide: Pseudonyms | None) -> FlaggedPatch:
    patch = read_patch.patch
    slide = f", slide {patch.slide}" if patch.slide else ""
    return FlaggedPatch(
        sha256=patch.sha256,
        mark=hide.of("patch", patch.sha256) if hide else f"SHA-256 {patch.sha256}",
        title=f"Patch {read_patch.number}",
        source="" if hide else f"{patch.id}{slide}",
        why=", ".join(read_patch.reasons),
        model=_model_words(patch),
        label=_LABELS[patch.label],
        readings=tuple(_reading_line(verdict, hide) for verdict in read_patch.verdicts),
    )


def _table_row(
    read_patch: review.ReadPatch, verdict: review.CurrentVerdict, hide: Pseudonyms | None
) -> tuple[str, ...]:
    patch, first, final = read_patch.patch, verdict.first.reading, verdict.final.reading
    call = call_text(final.verdict)
    if first.verdict is not final.verdict:
        call = f"{call} (blind: {first.verdict})"
    return (
        str(read_patch.number),
        (hide.of("patch", patch.sha256) if hide else patch.id)[:_ID_CHARS],
        _model_words(patch, " "),
        named(hide, "reader", verdict.reader),
        f"{call}, shown again" if verdict.is_repeat else call,
        str(final.confidence or ""),
        str(verdict.final.sequence),
    )


def _model_words(patch: review.CasePatch, between: str = ", score ") -> str:
    if patch.prob_tumour is None:
        return "no score"
    call = call_text(call_of(patch.predicted_label))
    return f"{call}{between}{patch.prob_tumour:.4f}"


def _reading_line(verdict: review.CurrentVerdict, hide: Pseudonyms | None) -> str:
    first, final = verdict.first.reading, verdict.final.reading
    blind = "blind" if final.blinded else ""
    if verdict.state.after_ai is not None:
        same = final.verdict is first.verdict
        blind = "upheld after the AI" if same else f"was {first.verdict} before the AI"
    seen = " and ".join(_SEEN[part] for part in final.screen)
    parts = (
        call_text(final.verdict),
        final.confidence,
        blind,
        f"{seen} in view" if seen else "",
        "map not reliable" if final.map is not None and not final.map.drawn else "",
        "shown again" if verdict.is_repeat else "",
        " and ".join(final.tags),
        f"quality {final.quality}" if final.quality else "",
    )
    comment = f"“{verdict.comment}”" if hide is None and verdict.comment else ""
    event = f"event {verdict.final.sequence}"
    who = named(hide, "reader", verdict.reader)
    return f"{who}: {', '.join(filter(None, parts))} ({event}). {comment}".strip()


def _notes(mode: review.ReadingMode, hide: Pseudonyms | None) -> tuple[str, ...]:
    return (
        "The patches were selected for this worklist. Proportions among them say nothing about the "
        "slide, the patient or a population.",
        "95 % intervals treat patches as independent; patches from the same slide are not.",
        *((_BIASED,) if mode is review.ReadingMode.AI_FIRST else ()),
        *((LEFT_OUT,) if hide else ()),
    )


def point_of(
    case: review.CaseOpened, card: Card, locked: OperatingPointStore
) -> OperatingPoint | None:
    """Return the operating point of a case; None if this installation does not know it.

    Raises:
        RunError: A locked operating point was damaged.
    """
    if not same_model(card.model_id, case.model_id):
        return None
    versions = locked.versions(card.weights_sha256)
    known = [card.operating_point, *(point.operating_point for point in versions)]
    shown = case.operating_point, case.threshold
    return next((point for point in known if (point.name, point.threshold) == shown), None)
