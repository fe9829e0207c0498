"""What is drawn of scores: histograms, and exact ROC and precision-recall curves, with the area."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.statistics.cluster import Resampled, SlideBootstrap
from core.statistics.evidence import FloatArray
from core.statistics.operating import OperatingTable, SlideGrid, grid_thresholds

K = TypeVar("K")
DRAWN_POINTS = 1000
"""A page draws about this many pixels across; more points cost time and show nothing."""

_GRID_POINTS = 2000
_CHUNK = 250  # replicates at a time: 250 x 2,000 cells, a few megabytes each


@dataclass(frozen=True, eq=False)
class Histogram(Generic[K]):
    """How the scores of some groups spread.

    Attributes:
        edges: (B + 1,) limits of equal bins over 0..1; a bin holds its lower limit.
        counts: (B,) scores in each bin, by group.
    """

    edges: FloatArray
    counts: Mapping[K, NDArray[np.int64]]

    @classmethod
    def of(cls, groups: Mapping[K, ArrayLike], bins: int) -> "Histogram[K]":
        """Count the scores (N,) of each group in so many bins."""
        edges = np.arange(bins + 1) / bins  # each the nearest number to its decimals
        counts = {
            name: np.histogram(np.asarray(scores, np.float64), edges)[0].astype(np.int64)
            for name, scores in groups.items()
        }
        return cls(edges, counts)


@dataclass(frozen=True, eq=False)
class Curve:
    """Points of a curve, each with the threshold that yields it.

    Attributes:
        x: (M,) false-positive rate (ROC) or recall (precision-recall), ascending, 0..1.
        y: (M,) sensitivity (ROC) or precision (precision-recall), 0..1.
        thresholds: (M,) float64; infinite at the first ROC point, which flags nothing.
    """

    x: FloatArray
    y: FloatArray
    thresholds: FloatArray

    def __len__(self) -> int:
        return len(self.x)

    def thinned(self, points: int = DRAWN_POINTS) -> "Curve":
        """At most about `points` points, for drawing only: no number may be read from it.

        Keeps both ends and every corner of the upper convex hull (where the best thresholds
        under any cost lie), then fills up with points at equal steps along the curve. Each point
        left out lies within one step (length / points, length <= 2 for ROC) of a kept one.
        """
        if len(self) <= points:
            return self
        keep = np.union1d(self._hull_corners(points // 2), self._even_steps(points // 2))
        return Curve(self.x[keep], self.y[keep], self.thresholds[keep])

    def _even_steps(self, count: int) -> NDArray[np.int64]:
        steps = np.abs(np.diff(self.x)) + np.abs(np.diff(self.y))
        along = np.concatenate(([0.0], np.cumsum(steps)))
        picks = np.searchsorted(along, np.linspace(0.0, along[-1], count))
        return np.unique(np.concatenate(([0], picks.clip(0, len(self) - 1), [len(self) - 1])))

    def _hull_corners(self, at_most: int) -> NDArray[np.int64]:
        from scipy.spatial import ConvexHull  # noqa: PLC0415 - slow to load

        low, high = float(self.x.min()), float(self.x.max())
        if low == high:
            return np.array([0, len(self) - 1])
        # Two points below the curve make the hull two-dimensional even for a straight line.
        floor = float(self.y.min()) - 1.0
        cloud = np.vstack((np.column_stack((self.x, self.y)), [[low, floor], [high, floor]]))
        corners = np.sort(ConvexHull(cloud).vertices)
        corners = corners[corners < len(self)].astype(np.int64)
        if len(corners) <= at_most:
            return corners
        return corners[np.linspace(0, len(corners) - 1, at_most).round().astype(np.int64)]


def roc_curve(table: OperatingTable) -> Curve:
    """The exact ROC curve: K + 1 points from (0, 0) to (1, 1), one for each distinct score.

    x is the false-positive rate, y the sensitivity. NaN along an axis whose class is absent.
    """
    counts = table.all()
    return Curve(
        x=np.append(0.0 if table.negatives else np.nan, 1.0 - counts.value("specificity")),
        y=np.append(0.0 if table.positives else np.nan, counts.value("sensitivity")),
        thresholds=np.append(np.inf, counts.thresholds),
    )


def precision_recall_curve(table: OperatingTable) -> Curve:
    """The exact precision-recall curve: K points, one for each distinct score, recall ascending.

    x is the recall (sensitivity), y the precision (PPV at the prevalence of this set). No point is
    invented at recall 0, where precision is undefined. Recall is NaN without positives.
    """
    counts = table.all()
    return Curve(x=counts.value("sensitivity"), y=counts.value("ppv"), thresholds=counts.thresholds)


def average_precision(table: OperatingTable) -> float:
    """Average precision, the step-wise area under the precision-recall curve, 0..1.

    Sum over thresholds of (rise in recall) x precision, as in scikit-learn's
    `average_precision_score`; ties share one step. NaN without positives. It depends on the
    prevalence of the set: a random model reaches the prevalence, not 0.5.
    """
    if not table.positives:
        return float("nan")
    rise = np.diff(table.tp, prepend=0) / table.positives
    return float(np.sum(rise * (table.tp / (table.tp + table.fp))))


def average_precision_over_slides(bootstrap: SlideBootstrap, table: OperatingTable) -> Resampled:
    """Average precision with its slide-bootstrap interval.

    Exact up to 2,000 distinct scores. Beyond, replicates are summed over 2,000 thresholds at equal
    steps of rank, with tumour spread evenly inside each step, and shifted by the difference that
    this makes on the evidence itself (about 1e-5 at 220,025 rows). The value is always exact.
    """
    grid = SlideGrid.of(bootstrap.evidence, grid_thresholds(table, _GRID_POINTS))
    exact = len(grid.thresholds) == len(table.thresholds)
    area = _steps if exact else _even_spread
    value = average_precision(table)
    everything = np.ones((1, bootstrap.draws.shape[1]))
    shift = value - float(area(everything @ grid.tp.T, everything @ grid.fp.T)[0])
    replicates = np.concatenate(
        [
            area(draws @ grid.tp.T, draws @ grid.fp.T)
            for draws in np.array_split(bootstrap.draws, max(1, len(bootstrap.draws) // _CHUNK))
        ]
    )
    # The shift may carry a replicate past 1 by its own tiny size.
    return bootstrap.estimate(value, np.clip(replicates + shift, 0, 1))


def _steps(tp: FloatArray, fp: FloatArray) -> FloatArray:
    """(R,) sum of rise in recall x precision over (R, B) cumulative counts."""
    with np.errstate(invalid="ignore", divide="ignore"):
        rise = np.diff(tp, axis=1, prepend=0.0) / tp[:, -1:]
        area = np.sum(rise * (tp / (tp + fp)), axis=1, where=rise > 0)
    return np.where(tp[:, -1] > 0, area, np.nan)


def _even_spread(tp: FloatArray, fp: FloatArray) -> FloatArray:
    """(R,) the same, with precision integrated inside each step instead of taken at its end."""
    new, flagged = np.diff(tp, axis=1, prepend=0.0), tp + fp
    step = np.diff(flagged, axis=1, prepend=0.0)
    before, flagged_before = tp - new, flagged - step
    with np.errstate(invalid="ignore", divide="ignore"):
        density = new / step
        inside = density + (before - density * flagged_before) / step * np.log1p(
            step / flagged_before
        )
        inside = np.where(flagged_before > 0, inside, density)
        area = np.sum(new / tp[:, -1:] * inside, axis=1, where=new > 0)
    return np.where(tp[:, -1] > 0, area, np.nan)
