"""What an audit found, in sentences; those of each kind stand in `findings.toml`."""

import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final

_SENTENCES: Final = Path(__file__).with_name("findings.toml")
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
        return asdict(self) | {"rows": list(self.rows), "ids": list(self.ids)}


@cache
def kinds() -> dict[str, dict[str, str]]:
    """Return the area, severity, headline and action of each kind, in their order."""
    return tomllib.loads(_SENTENCES.read_text("utf-8"))


def counted(count: int, one: str = "patch", many: str = "patches") -> str:
    """Return "1 patch" or "1,234 patches"."""
    return f"{count:,} {one if count == 1 else many}"


def finding(
    kind: str,
    count: int,
    *,
    rows: Iterable[int] = (),
    ids: Iterable[str] = (),
    severity: Severity | None = None,
    **said: str,
) -> Iterator[Finding]:
    """Yield the finding of a kind unless its count is 0.

    Args:
        kind: One of `kinds`.
        count: Of whatever the headline counts.
        rows: That show it.
        ids: That show it.
        severity: Instead of the usual one.
        said: What else stands in the headline; `n` is the count unless given.
    """
    if not count:
        return
    about = kinds()[kind]
    yield Finding(
        kind,
        Area(about["area"]),
        severity or Severity(about["severity"]),
        about["headline"].format(**{"n": counted(count), **said}),
        about["action"],
        count,
        tuple(map(int, rows))[:MOST_ROWS],
        tuple(map(str, ids))[:MOST_ROWS],
    )
