"""Every metric at one threshold with both its intervals: what a page or a report prints."""

from dataclasses import dataclass

from core.statistics.cluster import SlideBootstrap, SlideEstimate
from core.statistics.evidence import Evidence
from core.statistics.intervals import LEVEL, Interval, wilson_of
from core.statistics.metrics import METRIC_NAMES, Confusion, MetricName
from core.statistics.operating import OperatingTable


@dataclass(frozen=True)
class MetricRow:
    """One metric at a threshold.

    Attributes:
        name: as in `METRIC_NAMES`.
        value: NaN where its denominator is zero.
        by_patches: Wilson's interval; None for metrics that are no share of patches, and where
            there are none to count.
        by_slides: slide-cluster interval and design effect; None without slides.
    """

    name: MetricName
    value: float
    by_patches: Interval | None
    by_slides: SlideEstimate | None


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold with its 2 x 2 table, its metrics and what must not be trusted."""

    confusion: Confusion
    rows: tuple[MetricRow, ...]
    notes: tuple[str, ...]


def operating_point(
    evidence: Evidence,
    threshold: float,
    table: OperatingTable | None = None,
    bootstrap: SlideBootstrap | None = None,
    level: float = LEVEL,
) -> OperatingPoint:
    """Every metric at one threshold with its intervals by patches and by slides.

    Args:
        evidence: labels and scores.
        threshold: flag when score >= threshold.
        table: the evidence's own table, where it is already built.
        bootstrap: of the same evidence; None leaves the intervals by slides out.
        level: two-sided confidence.
    """
    table = OperatingTable.of(evidence) if table is None else table
    confusion = table.confusion(threshold)
    rows = tuple(
        MetricRow(
            name=name,
            value=confusion.value(name),
            by_patches=wilson_of(name, confusion, level),
            by_slides=None if bootstrap is None else bootstrap.rate(name, threshold, level),
        )
        for name in METRIC_NAMES
    )
    return OperatingPoint(confusion, rows, evidence.notes())
