"""Per-slide counts at a grid of thresholds: what resampling, bounds and bands are computed from."""

from dataclasses import dataclass

import numpy as np

from core.statistics.evidence import Evidence, FloatArray, ScoreArray
from core.statistics.operating import OperatingTable


@dataclass(frozen=True, eq=False)
class SlideGrid:
    """What each of S slides contributes at each of B thresholds.

    Attributes:
        thresholds: (B,) observed scores, descending, in their own dtype; the last is the lowest.
        tp: (B, S) tumour patches of each slide at or above each threshold.
        fp: (B, S) tumour-free patches likewise.
    """

    thresholds: ScoreArray
    tp: FloatArray
    fp: FloatArray

    @classmethod
    def of(cls, evidence: Evidence, thresholds: ScoreArray) -> "SlideGrid":
        """Exact counts of `score >= t` on every slide for each t of a descending grid.

        Args:
            evidence: with slides.
            thresholds: (B,) distinct, descending, in the dtype of the scores.
        """
        slides, rows = len(evidence.slide_names), len(thresholds)
        # The first grid threshold that a score reaches; scores below all of them fall off the end.
        reached = rows - np.searchsorted(thresholds[::-1], evidence.scores, side="right")
        cell = reached * slides + evidence.slide_codes
        sums = []
        for of_class in (evidence.labels, ~evidence.labels):
            flat = np.bincount(cell, of_class, minlength=(rows + 1) * slides)
            sums.append(np.cumsum(flat.reshape(rows + 1, slides)[:rows], axis=0, dtype=np.float64))
        return cls(thresholds=thresholds, tp=sums[0], fp=sums[1])


def slide_totals(evidence: Evidence) -> tuple[FloatArray, FloatArray]:
    """(S,) tumour and (S,) tumour-free patches of each slide."""
    slides = len(evidence.slide_names)
    return (
        np.bincount(evidence.slide_codes, evidence.labels, slides).astype(float),
        np.bincount(evidence.slide_codes, ~evidence.labels, slides).astype(float),
    )


def grid_thresholds(table: OperatingTable, points: int) -> ScoreArray:
    """At most `points` observed thresholds at equal steps of rank, both ends kept, descending."""
    distinct = len(table.thresholds)
    if distinct <= points:
        return table.thresholds
    rows = np.unique(np.linspace(0, distinct - 1, points).round().astype(np.int64))
    grid: ScoreArray = table.thresholds[rows]
    return grid
