"""Every rate of a 2 x 2 table, each defined once, for one table and for arrays of tables.

Own code, because a resampled table needs the same formula on arrays of 2,000 x 216 counts; checked
against scikit-learn in the tests. A rate whose denominator is zero is NaN, never 0 or 1.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.statistics.evidence import FloatArray

MetricName = Literal[
    "sensitivity",
    "specificity",
    "ppv",
    "npv",
    "f1",
    "accuracy",
    "balanced_accuracy",
    "mcc",
    "lr_plus",
    "lr_minus",
    "flagged_share",
]
METRIC_NAMES: tuple[MetricName, ...] = get_args(MetricName)

_RATIOS: dict[MetricName, Callable[..., tuple[FloatArray, FloatArray]]] = {
    "sensitivity": lambda tp, fp, fn, tn: (tp, tp + fn),
    "specificity": lambda tp, fp, fn, tn: (tn, tn + fp),
    "ppv": lambda tp, fp, fn, tn: (tp, tp + fp),
    "npv": lambda tp, fp, fn, tn: (tn, tn + fn),
    "f1": lambda tp, fp, fn, tn: (2 * tp, 2 * tp + fp + fn),
    "accuracy": lambda tp, fp, fn, tn: (tp + tn, tp + fp + fn + tn),
    "flagged_share": lambda tp, fp, fn, tn: (tp + fp, tp + fp + fn + tn),
}
RATIO_METRICS: tuple[MetricName, ...] = tuple(_RATIOS)
"""Metrics that are one sum of counts over another."""

PROPORTIONS: tuple[MetricName, ...] = tuple(name for name in RATIO_METRICS if name != "f1")
"""Metrics that are a share of patches, so that a binomial interval (Wilson) applies."""


def ratio_parts(
    name: MetricName, tp: FloatArray, fp: FloatArray, fn: FloatArray, tn: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Numerator and denominator of a metric in `RATIO_METRICS`, same shape as the counts.

    Raises:
        KeyError: the metric is not a ratio of sums (balanced accuracy, MCC, likelihood ratios).
    """
    return _RATIOS[name](tp, fp, fn, tn)


def measure(
    name: MetricName, tp: ArrayLike, fp: ArrayLike, fn: ArrayLike, tn: ArrayLike
) -> FloatArray:
    """A metric from counts of any common shape; NaN where its denominator is zero.

    Args:
        name: one of `METRIC_NAMES`.
        tp: flagged and tumour.
        fp: flagged and no tumour.
        fn: not flagged and tumour.
        tn: not flagged and no tumour.

    Returns:
        float64, shape of the counts. 0..1 except mcc (-1..1) and the likelihood ratios (0..inf).
        lr_plus is infinite when nothing is falsely flagged, NaN when nothing is flagged at all.
    """
    tp, fp, fn, tn = (np.asarray(count, dtype=np.float64) for count in (tp, fp, fn, tn))
    if name in RATIO_METRICS:
        return _ratio(*ratio_parts(name, tp, fp, fn, tn))
    sensitivity, specificity = _ratio(tp, tp + fn), _ratio(tn, tn + fp)
    if name == "balanced_accuracy":
        return (sensitivity + specificity) / 2
    if name == "lr_plus":
        return _ratio(sensitivity, _ratio(fp, tn + fp), at_zero=np.inf)
    if name == "lr_minus":
        return _ratio(_ratio(fn, tp + fn), specificity, at_zero=np.inf)
    # Square roots before the product: the product of four counts of 1e5 would lose digits.
    spread = np.sqrt(tp + fp) * np.sqrt(tp + fn) * np.sqrt(tn + fp) * np.sqrt(tn + fn)
    return _ratio(tp * tn - fp * fn, spread)


def _ratio(above: FloatArray, below: FloatArray, at_zero: float = np.nan) -> FloatArray:
    """Quotient of two arrays, with NaN for 0 / 0 and `at_zero` for a positive number over 0."""
    out = np.full(np.broadcast(above, below).shape, np.nan)
    np.divide(above, below, out=out, where=below != 0)
    if not np.isnan(at_zero):
        out[(below == 0) & (above > 0)] = at_zero
    return out


@dataclass(frozen=True)
class Confusion:
    """The 2 x 2 table at one threshold; a patch is flagged when score >= threshold.

    The positive class is tumour. A rate that cannot be computed is NaN.
    """

    threshold: float
    tp: float
    fp: float
    fn: float
    tn: float

    def value(self, name: MetricName) -> float:
        """One metric of this table; see `measure`."""
        return float(measure(name, self.tp, self.fp, self.fn, self.tn))

    @property
    def n(self) -> float:
        """All patches in the table."""
        return self.tp + self.fp + self.fn + self.tn

    @property
    def flagged(self) -> float:
        """Patches at or above the threshold."""
        return self.tp + self.fp

    @property
    def sensitivity(self) -> float:
        """Flagged share of the tumour patches, 0..1."""
        return self.value("sensitivity")

    @property
    def specificity(self) -> float:
        """Unflagged share of the patches without tumour, 0..1."""
        return self.value("specificity")


@dataclass(frozen=True, eq=False)
class Confusions:
    """The 2 x 2 tables at M thresholds: arrays of shape (M,), float64 counts."""

    thresholds: NDArray[np.float64]
    tp: FloatArray
    fp: FloatArray
    fn: FloatArray
    tn: FloatArray

    def value(self, name: MetricName) -> FloatArray:
        """(M,) one metric at every threshold; see `measure`."""
        return measure(name, self.tp, self.fp, self.fn, self.tn)
