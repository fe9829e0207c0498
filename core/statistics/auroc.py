"""Area under the ROC curve with DeLong's variance, for one model and for two on the same patches.

Own code: neither SciPy nor scikit-learn has DeLong. Where Sun & Xu rank the scores three times,
this counts below and through each tie group of the one sorted table, which gives the same
placements (midranks) and lets a weight stand for repeats.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit, ndtr

from core.errors import EvidenceError
from core.statistics.evidence import Evidence, FloatArray
from core.statistics.intervals import LEVEL, Interval, normal_quantile


@dataclass(frozen=True)
class Auroc:
    """The area under the ROC curve with its DeLong interval.

    Attributes:
        value: 0..1, chance that a random tumour patch scores above a random tumour-free one, ties
            counted half; NaN with one class.
        standard_error: DeLong's, patches as if independent; NaN with fewer than 2 of a class.
        interval: on the logit scale or plain, as its method says; None where undefined, also at
            an area of exactly 0 or 1, where DeLong's variance is 0 and says nothing.
        notes: why the interval is missing or must not be trusted.
    """

    value: float
    standard_error: float
    interval: Interval | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class AurocDifference:
    """AUROC of model A minus model B on the same patches, by paired DeLong.

    Attributes:
        value_a: AUROC of A.
        value_b: AUROC of B.
        difference: A minus B, -1..1.
        standard_error: of the difference, with the covariance of the pair taken out.
        interval: plain (Wald); None where undefined.
        p_value: two-sided, of no difference; NaN where undefined. Too small for clustered patches.
    """

    value_a: float
    value_b: float
    difference: float
    standard_error: float
    interval: Interval | None
    p_value: float


def placements(evidence: Evidence) -> FloatArray:
    """(N,) share of the other class that each patch is ranked on the right side of, ties half.

    For a tumour patch the weighted share of tumour-free scores below its own, for a tumour-free
    patch the share of tumour scores above. The mean over either class is the AUROC. NaN for the
    patches of a class whose other class is absent.
    """
    _, group = np.unique(evidence.scores, return_inverse=True)
    positive = np.bincount(group, evidence.row_weights * evidence.labels)
    negative = np.bincount(group, evidence.row_weights * ~evidence.labels)
    with np.errstate(invalid="ignore"):
        below = (np.cumsum(negative) - negative / 2) / negative.sum()
        above = 1 - (np.cumsum(positive) - positive / 2) / positive.sum()
    placed: FloatArray = np.where(evidence.labels, below[group], above[group])
    return placed


def auroc(evidence: Evidence, level: float = LEVEL, *, on_logit_scale: bool = True) -> Auroc:
    """AUROC, DeLong standard error and interval.

    DeLong et al. 1988, by the fast form of Sun & Xu 2014; the logit interval after Pepe 2003. It
    takes patches as independent: on clustered patches it is too narrow by about the square root of
    the design effect, so read the slide-cluster interval beside it.

    Args:
        evidence: labels and scores; weights are read as repeats.
        level: two-sided confidence.
        on_logit_scale: keeps the interval inside 0..1; False gives the plain one.
    """
    quantile = normal_quantile(level)
    if not evidence.n_positive or not evidence.n_negative:
        return Auroc(
            np.nan, np.nan, None, ("Only one class: the area under the curve is undefined.",)
        )
    value, variance = _area_and_variance(evidence, placements(evidence)[np.newaxis])
    area, error = float(value[0]), float(np.sqrt(variance[0, 0]))
    if np.isnan(error):
        return Auroc(area, error, None, ("Fewer than 2 patches of a class: no interval.",))
    if not 0 < area < 1:
        return Auroc(area, error, None, (f"The area is exactly {area:g}: no interval.",))
    if on_logit_scale:
        half = quantile * error / (area * (1 - area))
        low, high = expit(logit(area) - half), expit(logit(area) + half)
        method = "DeLong on the logit scale, patches as if independent"
    else:
        low, high = max(0.0, area - quantile * error), min(1.0, area + quantile * error)
        method = "DeLong, patches as if independent"
    return Auroc(area, error, Interval(float(low), float(high), level, method), evidence.notes())


def paired_auroc(a: Evidence, b: Evidence, level: float = LEVEL) -> AurocDifference:
    """Difference of two models' AUROC on the same patches, paired DeLong (A minus B).

    Raises:
        EvidenceError: the two do not hold the same labels, slides and weights in the same order.
    """
    require_same_patches(a, b)
    quantile = normal_quantile(level)
    if not a.n_positive or not a.n_negative:
        return AurocDifference(np.nan, np.nan, np.nan, np.nan, None, np.nan)
    areas, covariance = _area_and_variance(a, np.stack([placements(a), placements(b)]))
    difference = float(areas[0] - areas[1])
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    # Equal rankings leave a rounding error that may be negative.
    error = float(np.sqrt(variance)) if variance > 0 else 0.0 * variance
    if not error > 0:
        return AurocDifference(float(areas[0]), float(areas[1]), difference, error, None, np.nan)
    interval = Interval(
        difference - quantile * error,
        difference + quantile * error,
        level,
        "paired DeLong, patches as if independent",
    )
    p_value = float(2 * ndtr(-abs(difference) / error))
    return AurocDifference(float(areas[0]), float(areas[1]), difference, error, interval, p_value)


def require_same_patches(a: Evidence, b: Evidence) -> None:
    """EvidenceError unless two sets of evidence are of the same patches in the same order."""
    if len(a) != len(b) or not np.array_equal(a.labels, b.labels):
        raise EvidenceError(
            f"The models were judged on different patches ({len(a)} and {len(b)}, or labels that "
            "differ); expected the same labels in the same order. Match them by patch id first."
        )
    for name in ("slides", "weights"):
        one, other = getattr(a, name), getattr(b, name)
        same = (one is other) or (
            one is not None and other is not None and np.array_equal(one, other)
        )
        if not same:
            raise EvidenceError(
                f"The models' {name} differ; expected the same for both. Take them from one table."
            )


def _area_and_variance(evidence: Evidence, placed: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Areas (M,) and their DeLong covariance (M, M) from placements (M, N) of M models."""
    areas = np.zeros(len(placed))
    covariance = np.zeros((len(placed), len(placed)))
    for rows in (evidence.labels, ~evidence.labels):
        weights, values = evidence.row_weights[rows], placed[:, rows]
        total = weights.sum()
        areas = values @ weights / total
        apart = values - areas[:, np.newaxis]
        with np.errstate(invalid="ignore", divide="ignore"):
            spread = (apart * weights) @ apart.T / (total - 1)
        covariance += spread / total if total > 1 else np.nan
    return areas, covariance
