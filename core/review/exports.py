"""Verdicts as CSV or Parquet, and corrected labels that training takes.

Not among the exports of `core.review`, because it loads the scoring room and PyTorch with it.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import pandas as pd

from core.files import guarded, write_table
from core.review.chain import Anchor
from core.review.events import CasePatch, MapShown
from core.review.progress import seconds_spent
from core.review.pseudonyms import Pseudonyms, named
from core.review.record import CurrentVerdict, Record, StandingReading, current_verdicts
from core.review.vocabulary import ReadingMode
from core.scoring.outputs import write_metadata

LABEL_COLUMNS: Final = (
    "id", "label", "original_label", "status", "sha256", "readers", "cases", "events",
    "event_hashes", "model_id", "last_at",
)  # fmt: skip
"""Of a label to train on: the one before, where it comes from, and of the verdicts behind it the
readers, cases, sequences and hashes in the record, models, and the time of the last one."""


def pseudonyms(record: Record) -> dict[str, str]:
    """Return "reader 1", "reader 2", … for each reader, in the order of their first event.

    For the screen, where people talk about them; files have keyed pseudonyms instead.
    """
    order = dict.fromkeys(reader for _, reader, _ in record.tasks)
    return {reader: f"reader {number}" for number, reader in enumerate(order, start=1)}


def verdict_table(
    record: Record, case: str | None = None, *, hide: Pseudonyms | None = None
) -> pd.DataFrame:
    """Return the verdicts that stand, of one case or of all.

    `hide` replaces readers, patches, slides and cases, and leaves out what is free text.
    """
    rows = [
        {name: get(verdict) for name, get in _VERDICT.items()}
        for verdict in current_verdicts(record, case)
    ]
    if hide is not None:
        rows = [row | _hidden(row, hide) for row in rows]
    table = pd.DataFrame(rows, columns=list(_VERDICT))
    return table.astype({"label": "Int8", "predicted_label": "Int8"})


def _hidden(row: Mapping[str, Any], hide: Pseudonyms) -> dict[str, str | None]:
    return {
        "case": hide.of("case", row["case"]),
        "case_name": "",
        "reader": hide.of("reader", row["reader"]),
        "id": hide.of("patch", row["sha256"]),
        "sha256": "",  # whoever has the files could look them up
        "slide": None if row["slide"] is None else hide.of("slide", row["slide"]),
        "comment": "",
        "event_hash": "",
    }


def _screen(standing: StandingReading) -> str:
    return "; ".join([*["blinded"] * standing.reading.blinded, *standing.reading.screen])


def _map(shown: MapShown | None) -> str:
    if shown is None:
        return ""
    drawn = "drawn" if shown.drawn else "called not reliable"
    return f"{shown.method} at {shown.layer} of {shown.model_id}, for {shown.target}: {drawn}"


_VERDICT: Final[Mapping[str, Callable[[CurrentVerdict], Any]]] = {
    "case": lambda one: one.case.case,
    "case_name": lambda one: one.case.name,
    "mode": lambda one: str(one.case.mode),
    "reader": lambda one: one.reader,
    "position": lambda one: one.position,
    "origin": lambda one: str(one.task.origin),
    "id": lambda one: one.patch.id,
    "sha256": lambda one: one.patch.sha256,
    "slide": lambda one: one.patch.slide,
    "label": lambda one: one.patch.label,
    "prob_tumour": lambda one: one.patch.prob_tumour,
    "predicted_label": lambda one: one.patch.predicted_label,
    "verdict": lambda one: str(one.final.reading.verdict),
    "first_verdict": lambda one: str(one.first.reading.verdict),
    "overrides_model": lambda one: one.overrides_model,
    "confidence": lambda one: _text(one.final.reading.confidence),
    "tags": lambda one: "; ".join(one.final.reading.tags),
    "quality": lambda one: _text(one.final.reading.quality),
    "comment": lambda one: one.comment,
    "on_screen": lambda one: _screen(one.final),
    "first_on_screen": lambda one: _screen(one.first),
    "map_shown": lambda one: _map(one.final.reading.map),
    "seconds": seconds_spent,
    "model_id": lambda one: one.final.model_id,
    "operating_point": lambda one: one.final.operating_point,
    "at": lambda one: one.final.at,
    "first_at": lambda one: one.first.at,
    "event": lambda one: one.final.sequence,
    "event_hash": lambda one: one.final.hash,
}
"""Columns of one standing verdict; those named `first_…` are of the reading before the AI."""


def _text(stated: StrEnum | None) -> str | None:
    return None if stated is None else str(stated)


def write_verdicts(path: Path, table: pd.DataFrame, *, head: Anchor) -> None:
    """Write verdicts as `.csv` or `.parquet`, by the suffix, and the chain's end beside them.

    In a CSV, text that a spreadsheet would run as a formula gets a leading apostrophe.
    """
    write_table(path, guarded(table) if path.suffix == ".csv" else table)
    write_metadata(path, {"record_head": str(head), "verdicts": len(table)})


class LabelStatus(StrEnum):
    """Where a label of the corrected list comes from.

    KEPT: no reader contradicts it. CORRECTED: the readers say otherwise. NEW: there was none.
    DISPUTED: readers differ, so the old label stays.
    """

    KEPT = "kept"
    CORRECTED = "corrected"
    NEW = "new"
    DISPUTED = "disputed"


def corrected_labels(
    record: Record,
    cases: Sequence[str],
    *,
    hide: Pseudonyms | None = None,
) -> pd.DataFrame:
    """Return the labels of all patches of some cases after the readers' verdicts: `LABEL_COLUMNS`.

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
    table = pd.DataFrame([row for row in rows if row is not None], columns=list(LABEL_COLUMNS))
    return table.astype({"label": "Int8", "original_label": "Int8"})


def _corrected(
    patch: CasePatch, verdicts: list[CurrentVerdict], hide: Pseudonyms | None
) -> dict[str, Any] | None:
    settling = [v for v in verdicts if v.case.mode is ReadingMode.ADJUDICATION]
    deciding = settling or verdicts
    labels = {verdict.final.reading.verdict.label for verdict in deciding}
    label, status = patch.label, LabelStatus.KEPT
    if len(labels) > 1:
        status = LabelStatus.DISPUTED
    elif labels and labels != {patch.label}:
        label = labels.pop()
        status = LabelStatus.NEW if patch.label is None else LabelStatus.CORRECTED
    if label is None:
        return None
    return {
        "id": patch.id if hide is None else hide.of("patch", patch.sha256),
        "label": label,
        "original_label": patch.label,
        "status": status,
        "sha256": patch.sha256 if hide is None else "",
        "readers": "; ".join(sorted({named(hide, "reader", v.reader) for v in deciding})),
        "cases": "; ".join(dict.fromkeys(named(hide, "case", v.case.case) for v in deciding)),
        "events": "; ".join(str(v.final.sequence) for v in deciding),
        "event_hashes": "" if hide else "; ".join(v.final.hash for v in deciding),
        "model_id": "; ".join(sorted({v.final.model_id for v in deciding})),
        "last_at": max((v.final.at for v in deciding), default=""),
    }


def write_corrected_labels(path: Path, table: pd.DataFrame, *, head: Anchor) -> None:
    """Write `id,label` and the provenance as CSV, and the chain's end and the counts beside it."""
    write_table(path, guarded(table))
    counts = {str(status): int((table["status"] == status).sum()) for status in LabelStatus}
    write_metadata(path, {"record_head": str(head), "labels": len(table), "counts": counts})
