"""All operating points of a model: sort once, then every threshold is a binary search."""

from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from core.errors import EvidenceError
from core.statistics.evidence import Evidence, FloatArray, IntArray, ScoreArray
from core.statistics.metrics import Confusion, Confusions

_SAFE = 1e38
"""Below the largest float32, so that rounding cannot overflow."""


def round_threshold(threshold: float, dtype: np.dtype[np.floating]) -> float:
    """The threshold as the scores see it: rounded to the nearest number of their dtype.

    So `scores >= round_threshold(t, scores.dtype)` is the same comparison whether it is done in
    float32 or in float64, and the same as NumPy's own `scores >= t` for a Python float t. A
    threshold that came from an observed score is returned unchanged.

    Raises:
        EvidenceError: the threshold is NaN. Infinite ones are allowed: they flag all or nothing.
    """
    if threshold != threshold:  # noqa: PLR0124 - the one number that differs from itself is NaN
        raise EvidenceError("Found a threshold that is NaN; expected a number. Choose it again.")
    if dtype == np.float64 or threshold in (np.inf, -np.inf):
        return float(threshold)
    if abs(threshold) < _SAFE:  # without entering errstate, which costs more than the search
        return float(np.float32(threshold))
    with np.errstate(over="ignore"):
        return float(np.float32(threshold))


@dataclass(frozen=True, eq=False)
class OperatingTable:
    """Every distinct threshold of a set of scores with what it flags; K rows, highest first.

    Row k holds what `score >= thresholds[k]` flags. Ties share a row, so no order
    within ties can leak in.

    Attributes:
        thresholds: (K,) distinct scores, descending, in the dtype of the scores.
        tp: (K,) tumour patches at or above each threshold.
        fp: (K,) tumour-free patches at or above each threshold.
    """

    thresholds: ScoreArray
    tp: IntArray
    fp: IntArray

    @classmethod
    def of(cls, evidence: Evidence) -> "OperatingTable":
        """The table of some evidence: one sort, O(N log N)."""
        order = np.argsort(evidence.scores, kind="stable")[::-1]
        scores = evidence.scores[order]
        labels = evidence.labels[order]
        last = np.append(np.flatnonzero(scores[1:] != scores[:-1]), len(scores) - 1)
        tp = np.cumsum(labels, dtype=np.int64)[last]
        return cls(thresholds=scores[last], tp=tp, fp=last + 1 - tp)

    @cached_property
    def positives(self) -> int:
        """Tumour patches in all."""
        return int(self.tp[-1])

    @cached_property
    def negatives(self) -> int:
        """Tumour-free patches in all."""
        return int(self.fp[-1])

    @cached_property
    def _ascending(self) -> ScoreArray:
        return np.flip(self.thresholds).copy()

    @cached_property
    def _ascending_list(self) -> list[float]:
        scores: list[float] = self._ascending.tolist()
        return scores

    def confusion(self, threshold: float) -> Confusion:
        """The 2 x 2 table of `score >= threshold`: one binary search, about 3 microseconds.

        The threshold is rounded to the dtype of the scores first; see `round_threshold`.
        """
        rounded = round_threshold(threshold, self.thresholds.dtype)
        # A list, because Python's bisect on it beats a scalar np.searchsorted threefold.
        row = len(self.thresholds) - bisect_left(self._ascending_list, rounded) - 1
        positives, negatives = self.positives, self.negatives
        tp, fp = (self.tp.item(row), self.fp.item(row)) if row >= 0 else (0, 0)
        return Confusion(threshold=rounded, tp=tp, fp=fp, fn=positives - tp, tn=negatives - fp)

    def confusions(self, thresholds: ArrayLike) -> Confusions:
        """The 2 x 2 tables of M thresholds at once; the same numbers as `confusion`, vectorised."""
        unrounded = np.atleast_1d(np.asarray(thresholds))
        if np.isnan(unrounded).any():
            raise EvidenceError("Found a threshold that is NaN; expected numbers. Leave it out.")
        with np.errstate(over="ignore", under="ignore"):
            rounded = unrounded.astype(self.thresholds.dtype)
        rows = len(self.thresholds) - np.searchsorted(self._ascending, rounded)
        tp = np.append(0.0, self.tp)[rows]
        fp = np.append(0.0, self.fp)[rows]
        return Confusions(
            thresholds=rounded.astype(np.float64),
            tp=tp,
            fp=fp,
            fn=self.positives - tp,
            tn=self.negatives - fp,
        )

    def all(self) -> Confusions:
        """The 2 x 2 tables at all K distinct scores, highest first."""
        return self.confusions(self.thresholds)


@dataclass(frozen=True, eq=False)
class SlideGrid:
    """What each of S slides contributes at each of B thresholds.

    Attributes:
        thresholds: (B,) observed scores, descending, in their own dtype; the last is the lowest.
        tp: (B, S) tumour patches of each slide at or above each threshold.
        fp: (B, S) tumour-free patches likewise.
        positives: (S,) all tumour patches of each slide.
        negatives: (S,) all tumour-free patches of each slide.
    """

    thresholds: ScoreArray
    tp: FloatArray
    fp: FloatArray
    positives: FloatArray
    negatives: FloatArray

    @classmethod
    def of(cls, evidence: Evidence, thresholds: ScoreArray) -> "SlideGrid":
        """Exact counts of `score >= t` on every slide for each t of a distinct, descending grid."""
        slides, rows = len(evidence.slide_names), len(thresholds)
        # The first grid threshold that a score reaches; scores below all of them fall off the end.
        reached = rows - np.searchsorted(thresholds[::-1], evidence.scores, side="right")
        cell = reached * slides + evidence.slide_codes
        sums = []
        for of_class in (evidence.labels, ~evidence.labels):
            flat = np.bincount(cell, of_class, minlength=(rows + 1) * slides)
            sums.append(np.cumsum(flat.reshape(rows + 1, slides)[:rows], axis=0, dtype=np.float64))
        return cls(thresholds, sums[0], sums[1], *slide_totals(evidence))

    def with_slides(self, slides: IntArray) -> "SlideGrid":
        """The grid of other slides, each an index (M,) into these."""
        of_slides = (self.tp, self.fp, self.positives, self.negatives)
        return SlideGrid(self.thresholds, *(counts[..., slides] for counts in of_slides))


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
    return table.thresholds[rows]
