"""The report of a scored batch that nobody has reviewed: counts, highest scores, rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from core import scoring
from core.patches import ImageU8
from core.report.document import picture_beside
from core.report.maps import ReportMaps
from core.report.sheets import Sheets
from core.wording import call_text, label_text, percent

PICTURED: Final = 24
LISTED: Final = 2_000
_COLUMNS: Final = ("", "File", "Call", "Score", "Unlike training", "Label")
_WIDTHS: Final = (9, 77, 30, 16, 24, 22)
_ALIGN: Final = ("RIGHT", "LEFT", "LEFT", "RIGHT", "LEFT", "LEFT")
_FILE_CHARS: Final = 60
NOTES: Final = (
    "No one has reviewed these calls. A score is the model's estimate for the centre 32 × 32 px "
    "of a patch. It says nothing about the slide or the patient.",
    "The pictures show the highest scores. Proportions among them mean nothing.",
)


@dataclass(frozen=True, slots=True)
class ScoredBatch:
    """A batch that is reported.

    Attributes:
        name: As its owner calls it.
        made_at: When it was uploaded, aware.
        rows: Of all its inputs, at least one.
        notes: What is to be said of its input as a whole.
    """

    name: str
    made_at: datetime
    rows: Sequence[scoring.ScoreRow]
    notes: Sequence[str] = ()

    @property
    def order(self) -> list[int]:
        """Positions of the rows, the highest score first, those without a score last."""
        return scoring.select(self.rows, scoring.Filter(), scoring.Order.HIGHEST)

    @property
    def pictured(self) -> list[int]:
        """Positions of the rows whose patches are drawn."""
        scored = [at for at in self.order if self.rows[at].status is scoring.Status.SCORED]
        return scored[:PICTURED]


def batch_pdf(batch: ScoredBatch, picture: Callable[[str], ImageU8], maps: ReportMaps) -> bytes:
    """Return a scored batch as PDF: counts, the highest scores with their maps, the rows.

    `picture` gives a pictured patch (96, 96, 3) by its SHA-256.
    """
    when = f"{batch.made_at:%Y-%m-%d %H:%M} UTC"
    foot = f"{batch.name[:60]} · uploaded {when} · not reviewed"
    sheets = Sheets(f"Scored batch: {batch.name}", batch.made_at, foot=foot)
    sheets.add_page()
    sheets.kind("SCORED BATCH, NOT REVIEWED")
    sheets.heading(batch.name, size=20)
    for name, value in (*_facts(batch, when), ("Maps", maps.summary())):
        sheets.fact(name, value)
    sheets.ln(5)
    sheets.heading("Read with care", size=12)
    sheets.notes((*NOTES, *batch.notes, *scoring.remarks(batch.rows)))
    sheets.add_page()
    sheets.heading(f"Highest scores: {len(batch.pictured)}", size=14)
    for at in batch.pictured:
        row = batch.rows[at]
        patch_map = maps.of_patch.get(row.sha256)
        lines = [("Model", f"{call_text(scoring.outcome(row))}, score {row.prob_tumour:.4f}")]
        if patch_map:
            lines.append(("Map", " ".join(patch_map.sentences)))
        if row.unlike_training:
            lines.append(("Caution", "unlike the training data; do not rely on the score"))
        picture_beside(
            sheets, _file(row), [*lines, ("", row.sha256)], picture(row.sha256), patch_map
        )
    sheets.add_page()
    listed = batch.order[:LISTED]
    more = len(batch.rows) - len(listed)
    sheets.heading(f"Inputs: {len(batch.rows):,}", size=14)
    if more:
        sheets.notes((f"The first {LISTED:,} by score; the other {more:,} are in the CSV file.",))
    sheets.rows((_COLUMNS, *(_row(batch.rows[at], at) for at in listed)), _WIDTHS, _ALIGN)
    return bytes(sheets.output())


def _facts(batch: ScoredBatch, when: str) -> list[tuple[str, str]]:
    counts, first = scoring.outcome_counts(batch.rows), batch.rows[0]
    scored = sum(row.status is scoring.Status.SCORED for row in batch.rows)
    compared = [row for row in batch.rows if row.unlike_training is not None]
    unlike = sum(bool(row.unlike_training) for row in compared)
    called = ", ".join(f"{counts[kind]:,} {kind}" for kind in scoring.Outcome if counts[kind])
    share = counts[scoring.Outcome.TUMOUR] / scored if scored else 0.0
    return [
        ("Uploaded", when),
        ("Inputs", f"{len(batch.rows):,}: {called}"),
        ("Called tumour", f"{percent(share)} of the {scored:,} with a score"),
        ("Model", first.model_id),
        ("Threshold", f"{first.operating_point}: tumour at {first.threshold:.4f} or above"),
        *([("Unlike training", f"{unlike:,} of {len(compared):,} patches")] if compared else []),
    ]


def _file(row: scoring.ScoreRow) -> str:
    name = row.path or row.id
    return name if len(name) <= _FILE_CHARS else f"…{name[1 - _FILE_CHARS :]}"


def _row(row: scoring.ScoreRow, at: int) -> tuple[str, ...]:
    return (
        f"{at + 1}",
        _file(row),
        call_text(scoring.outcome(row)),
        "" if row.prob_tumour is None else f"{row.prob_tumour:.4f}",
        "yes" if row.unlike_training else "",
        "" if row.label is None else label_text(row.label),
    )
