"""Verdicts as CSV or Parquet, and corrected labels that training takes.

Not among the exports of `core.review`, because it loads the scoring room and PyTorch with it.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import pandas as pd

from core.errors import RunError
from core.files import no_formula, replacing
from core.review.chain import Anchor
from core.review.events import CasePatch, MapShown
from core.review.progress import seconds_spent
from core.review.pseudonyms import Pseudonyms
from core.review.record import CurrentVerdict, Record, StandingReading, current_verdicts
from core.review.vocabulary import ReadingMode
from core.scoring.outputs import OUTPUT_SUFFIXES, write_metadata


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """One standing verdict, flat. Fields named `first_…` are of the reading before the AI."""

    case: str
    case_name: str
    mode: str
    reader: str
    position: int
    origin: str
    id: str
    sha256: str
    slide: str | None
    label: int | None
    prob_tumour: float | None
    predicted_label: int | None
    verdict: str
    first_verdict: str
    overrides_model: bool
    confidence: str | None
    tags: str
    quality: str | None
    comment: str
    on_screen: str
    first_on_screen: str
    map_shown: str
    seconds: float
    model_id: str
    operating_point: str
    at: str
    first_at: str
    event: int
    event_hash: str


VERDICT_COLUMNS: Final = tuple(field.name for field in fields(VerdictRow))


def pseudonyms(record: Record) -> dict[str, str]:
    """Return "reader 1", "reader 2", … for each reader, in the order of their first event.

    For the screen, where people talk about them; files have keyed pseudonyms instead.
    """
    order = dict.fromkeys(reader for _, reader, _ in record.tasks)
    return {reader: f"reader {number}" for number, reader in enumerate(order, start=1)}


def verdict_rows(
    record: Record, case: str | None = None, *, hide: Pseudonyms | None = None
) -> list[VerdictRow]:
    """Return the verdicts that stand, of one case or of all.

    Args:
        record: The record.
        case: The case; None takes all.
        hide: Replaces readers, patches, slides and cases, and leaves out what is free text.
    """
    rows = [_row(verdict) for verdict in current_verdicts(record, case)]
    return rows if hide is None else [_hidden_row(row, hide) for row in rows]


def _hidden_row(row: VerdictRow, hide: Pseudonyms) -> VerdictRow:
    return replace(
        row,
        case=hide.of("case", row.case),
        case_name="",
        reader=hide.of("reader", row.reader),
        id=hide.of("patch", row.sha256),
        sha256="",  # whoever has the files could look them up
        slide=None if row.slide is None else hide.of("slide", row.slide),
        comment="",
        event_hash="",
    )


def _row(verdict: CurrentVerdict) -> VerdictRow:
    first, final, patch = verdict.first, verdict.final, verdict.patch
    told = final.reading
    return VerdictRow(
        case=verdict.case.case,
        case_name=verdict.case.name,
        mode=str(verdict.case.mode),
        reader=verdict.reader,
        position=verdict.position,
        origin=str(verdict.task.origin),
        id=patch.id,
        sha256=patch.sha256,
        slide=patch.slide,
        label=patch.label,
        prob_tumour=patch.prob_tumour,
        predicted_label=patch.predicted_label,
        verdict=str(told.verdict),
        first_verdict=str(first.reading.verdict),
        overrides_model=verdict.overrides_model,
        confidence=None if told.confidence is None else str(told.confidence),
        tags="; ".join(told.tags),
        quality=None if told.quality is None else str(told.quality),
        comment=verdict.comment,
        on_screen=_screen(final),
        first_on_screen=_screen(first),
        map_shown=_map(told.map),
        seconds=seconds_spent(verdict),
        model_id=final.model_id,
        operating_point=final.operating_point,
        at=final.at,
        first_at=first.at,
        event=final.sequence,
        event_hash=final.hash,
    )


def _screen(standing: StandingReading) -> str:
    return "; ".join([*["blinded"] * standing.reading.blinded, *standing.reading.screen])


def _map(shown: MapShown | None) -> str:
    if shown is None:
        return ""
    drawn = "drawn" if shown.drawn else "called not reliable"
    return f"{shown.method} at {shown.layer} of {shown.model_id}, for {shown.target}: {drawn}"


def write_verdicts(path: Path, rows: Sequence[VerdictRow], *, head: Anchor) -> None:
    """Write rows as `.csv` or `.parquet`, by the suffix, and the chain's end beside them.

    In a CSV, text that a spreadsheet would run as a formula gets a leading apostrophe.

    Raises:
        RunError: The suffix is another one.
    """
    if path.suffix not in OUTPUT_SUFFIXES:
        raise RunError(f"Found the name {path.name}; expected one ending in .csv or .parquet.")
    if path.suffix == ".csv":
        _write_csv(path, VERDICT_COLUMNS, (asdict(row) for row in rows))
    else:
        table = pd.DataFrame([asdict(row) for row in rows], columns=list(VERDICT_COLUMNS))
        for column in ("label", "predicted_label"):
            table[column] = table[column].astype("Int8")
        with replacing(path) as temporary:
            table.to_parquet(temporary, index=False)
    write_metadata(path, {"record_head": str(head), "verdicts": len(rows)})


class LabelStatus(StrEnum):
    """Where a label of the corrected list comes from.

    KEPT: no reader contradicts it. CORRECTED: the readers say otherwise. NEW: there was none.
    DISPUTED: readers differ, so the old label stays.
    """

    KEPT = "kept"
    CORRECTED = "corrected"
    NEW = "new"
    DISPUTED = "disputed"


@dataclass(frozen=True, slots=True)
class CorrectedLabel:
    """A label with its provenance.

    Attributes:
        id: The file's stem.
        label: 0 or 1, the label to train on.
        original_label: The one before; None if there was none.
        status: See `LabelStatus`.
        sha256: Of the patch.
        readers: Who judged it, joined by "; ".
        cases: In which cases.
        events: Sequences of the verdicts in the record.
        event_hashes: Their hashes.
        model_id: Of the model that the readers saw.
        last_at: Time of the last verdict.
    """

    id: str
    label: int
    original_label: int | None
    status: LabelStatus
    sha256: str
    readers: str
    cases: str
    events: str
    event_hashes: str
    model_id: str
    last_at: str


def corrected_labels(
    record: Record,
    cases: Sequence[str],
    *,
    hide: Pseudonyms | None = None,
) -> list[CorrectedLabel]:
    """Return the labels of all patches of some cases after the readers' verdicts.

    With `hide`, readers, patches and cases have pseudonyms; such a list cannot train, because its
    ids name no files.

    A verdict of an adjudication settles a patch. Without one, all readers who could judge it must
    agree; otherwise the old label stays, and a patch that had none is left out. Final verdicts
    count, hidden repeats do not.
    """
    patches: dict[str, CasePatch] = {}
    judged: dict[str, list[CurrentVerdict]] = {}
    for case in cases:
        for patch in record.case(case).patches:
            patches.setdefault(patch.sha256, patch)
        for verdict in current_verdicts(record, case):
            if not verdict.is_repeat and verdict.final.reading.verdict.label is not None:
                judged.setdefault(verdict.patch.sha256, []).append(verdict)
    rows = (_corrected(patch, judged.get(sha256, []), hide) for sha256, patch in patches.items())
    return [row for row in rows if row is not None]


def _corrected(
    patch: CasePatch, verdicts: list[CurrentVerdict], hide: Pseudonyms | None
) -> CorrectedLabel | None:
    settling = [v for v in verdicts if v.case.mode is ReadingMode.ADJUDICATION]
    deciding = settling or verdicts
    found = {verdict.final.reading.verdict.label for verdict in deciding}
    label, status = patch.label, LabelStatus.KEPT
    if len(found) > 1:
        status = LabelStatus.DISPUTED
    elif found and found != {patch.label}:
        label = found.pop()
        status = LabelStatus.NEW if patch.label is None else LabelStatus.CORRECTED
    if label is None:
        return None

    def told(kind: str, name: str) -> str:
        return name if hide is None else hide.of(kind, name)

    return CorrectedLabel(
        id=patch.id if hide is None else hide.of("patch", patch.sha256),
        label=label,
        original_label=patch.label,
        status=status,
        sha256=patch.sha256 if hide is None else "",
        readers="; ".join(sorted({told("reader", v.reader) for v in deciding})),
        cases="; ".join(dict.fromkeys(told("case", v.case.case) for v in deciding)),
        events="; ".join(str(v.final.sequence) for v in deciding),
        event_hashes="" if hide else "; ".join(v.final.hash for v in deciding),
        model_id="; ".join(sorted({v.final.model_id for v in deciding})),
        last_at=max((v.final.at for v in deciding), default=""),
    )


def write_corrected_labels(path: Path, rows: Sequence[CorrectedLabel], *, head: Anchor) -> None:
    """Write `id,label` and the provenance as CSV, and the chain's end and the counts beside it."""
    columns = [field.name for field in fields(CorrectedLabel)]
    _write_csv(path, columns, (asdict(row) for row in rows))
    counts = {str(status): sum(row.status is status for row in rows) for status in LabelStatus}
    write_metadata(path, {"record_head": str(head), "labels": len(rows), "counts": counts})


def _write_csv(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_cell(row[column]) for column in columns] for row in rows)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return no_formula(value)
    return repr(value) if isinstance(value, float) else str(value)
