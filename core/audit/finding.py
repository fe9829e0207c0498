"""What an audit found, in sentences, each with the rows that show it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

MOST_ROWS: Final = 1000
"""Rows that a finding lists; `count` is exact whatever it is."""


class Severity(StrEnum):
    """How much a finding matters; a clean data set has none above NOTE."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Area(StrEnum):
    """Which part of the audit a finding belongs to, in the order of a report."""

    INTEGRITY = "integrity"
    SPLITS = "splits"
    RELATIONS = "relations"
    LABELS = "labels"
    QUALITY = "quality"
    STATISTICS = "statistics"


@dataclass(frozen=True)
class Finding:
    """One thing that the audit found.

    Attributes:
        kind: Stable name such as "blurred" or "slide-in-two-splits".
        area: Part of the audit.
        severity: How much it matters.
        headline: One sentence with the number in it.
        action: What to do about it, one sentence.
        count: How many patches, slides, ids or pairs, as the headline says; exact.
        rows: Rows of `patches` that show it, at most `MOST_ROWS`; empty where it is not of rows.
        ids: Ids or slide names that show it where there is no row, at most `MOST_ROWS`.
    """

    kind: str
    area: Area
    severity: Severity
    headline: str
    action: str
    count: int
    rows: tuple[int, ...] = ()
    ids: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the finding as JSON content."""
        return {
            "kind": self.kind,
            "area": str(self.area),
            "severity": str(self.severity),
            "headline": self.headline,
            "action": self.action,
            "count": self.count,
            "rows": list(self.rows),
            "ids": list(self.ids),
        }


def of_rows(
    kind: str, where: tuple[Area, Severity], headline: str, action: str, rows: Iterable[int]
) -> Iterator[Finding]:
    """Yield the finding unless there is no row; `{n}` in the headline becomes the count."""
    numbers = [int(row) for row in rows]
    if numbers:
        text = headline.replace("{n}", counted(len(numbers)))
        yield Finding(kind, *where, text, action, len(numbers), tuple(numbers[:MOST_ROWS]))


def counted(count: int, one: str = "patch", many: str = "patches") -> str:
    """Return "1 patch" or "1,234 patches"."""
    return f"{count:,} {one if count == 1 else many}"
