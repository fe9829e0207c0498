"""Area under the ROC curve with DeLong's variance, for one model and for two on the same patches.

Own code: neither SciPy nor scikit-learn has DeLong. Where Sun & Xu rank the scores three times,
this counts below and through each tie group of the one sorted table, which gives the same
placements (midranks).
"""

from dataclasses import dataclass, field, replace

import numpy as np
import scipy

from core.errors import EvidenceError
from core.statistics.evidence import Evidence, FloatArray
from core.statistics.intervals import QUANTILE
from core.statistics.measured import Measured


@dataclass(frozen=True, eq=False)
class PairedDifference:
    """A metric of model A minus that of model B on the same patches.

    Attributes:
        value_a: Of A.
        value_b: Of B.
        difference: A minus B, with a plain interval; the standard error has the covariance of the
            pair taken out.
        p_value: two-sided, of no difference; None where undefined, or not computed.
        replicates: (R,) the difference in each resample of the slides; none by paired DeLong.
    """

    value_a: float
    value_b: float
    difference: Measured
    p_value: float | None = None
    replicates: FloatArray = field(default_factory=lambda: np.empty(0))

    @property
    def share_a_better(self) -> float | None:
        """Share of replicates in which A is ahead, ties counted half; None without replicates."""
        ahead = (self.replicates > 0) + (self.replicates == 0) / 2
        return float(np.mean(ahead)) if len(ahead) else None


def placements(evidence: Evidence) -> FloatArray:
    """(N,) share of the other class that each patch is ranked on the right side of, ties half.

    For a tumour patch the share of tumour-free scores below its own, for a tumour-free
    patch the share of tumour scores above. The mean over either class is the AUROC. NaN for the
    patches of a class whose other class is absent.
    """
    _, group = np.unique(evidence.scores, return_inverse=True)
    positive = np.bincount(group, evidence.labels)
    negative = np.bincount(group, ~evidence.labels)
    with np.errstate(invalid="ignore"):
        below = (np.cumsum(negative) - negative / 2) / negative.sum()
        above = 1 - (np.cumsum(positive) - positive / 2) / positive.sum()
    placed: FloatArray = np.where(evidence.labels, below[group], above[group])
    return placed


def auroc(evidence: Evidence) -> Measured:
    """AUROC 0..1 with DeLong's standard error and an interval on the logit scale.

    The chance that a random tumour patch scores above a random tumour-free one, ties counted half.
    DeLong et al. 1988, by the fast form of Sun & Xu 2014; the logit interval after Pepe 2003. It
    takes patches as independent: on clustered patches it is too narrow by about the square root of
    the design effect, so read the slide-cluster interval beside it. There is no interval at an area
    of exactly 0 or 1, where DeLong's variance is 0 and says nothing; the notes say why.
    """
    if not evidence.n_positive or not evidence.n_negative:
        return Measured(np.nan, notes=("Only one class: the area under the curve is undefined.",))
    value, variance = _area_and_variance(evidence, placements(evidence)[np.newaxis])
    area, error = float(value[0]), float(np.sqrt(variance[0, 0]))
    if np.isnan(error):
        return Measured(area, notes=("Fewer than 2 patches of a class: no interval.",))
    if not 0 < area < 1:
        why = f"The area is exactly {area:g}: no interval."
        return Measured(area, standard_error=error, notes=(why,))
    half = QUANTILE * error / (area * (1 - area))
    return Measured(
        area,
        float(scipy.special.expit(scipy.special.logit(area) - half)),
        float(scipy.special.expit(scipy.special.logit(area) + half)),
        "DeLong on the logit scale, patches as if independent",
        "patches",
        standard_error=error,
        notes=evidence.notes(),
    )


def paired_auroc(a: Evidence, b: Evidence) -> PairedDifference:
    """Difference of two models' AUROC on the same patches, paired DeLong (A minus B).

    Its p-value is too small, and its interval too narrow, for clustered patches.

    Raises:
        EvidenceError: the two do not hold the same labels and slides in the same order.
    """
    require_same_patches(a, b)
    if not a.n_positive or not a.n_negative:
        return PairedDifference(np.nan, np.nan, Measured(np.nan))
    areas, covariance = _area_and_variance(a, np.stack([placements(a), placements(b)]))
    difference = float(areas[0] - areas[1])
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    # Equal rankings leave a rounding error that may be negative.
    error = float(np.sqrt(variance)) if variance > 0 else 0.0 * variance
    measured, p_value = Measured(difference, standard_error=error), None
    if error > 0:
        measured = replace(
            measured,
            low=difference - QUANTILE * error,
            high=difference + QUANTILE * error,
            method="paired DeLong, patches as if independent",
            by="patches",
        )
        p_value = float(2 * scipy.special.ndtr(-abs(difference) / error))
    return PairedDifference(float(areas[0]), float(areas[1]), measured, p_value)


def require_same_patches(a: Evidence, b: Evidence) -> None:
    """EvidenceError unless two sets of evidence are of the same patches in the same order."""
    if len(a) != len(b) or not np.array_equal(a.labels, b.labels):
        raise EvidenceError(
            f"The models were judged on different patches ({len(a)} and {len(b)}, or labels that "
            "differ); expected the same labels in the same order. Match them by patch id first."
        )
    same = a.slides is b.slides or (
        a.slides is not None and b.slides is not None and np.array_equal(a.slides, b.slides)
    )
    if not same:
        raise EvidenceError(
            "The models' slides differ; expected the same for both. Take them from one table."
        )


def _area_and_variance(evidence: Evidence, placed: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Areas (M,) and their DeLong covariance (M, M) from placements (M, N) of M models."""
    areas = np.zeros(len(placed))
    covariance = np.zeros((len(placed), len(placed)))
    for rows in (evidence.labels, ~evidence.labels):
        values, total = placed[:, rows], np.count_nonzero(rows)
        areas = values.mean(axis=1)
        apart = values - areas[:, np.newaxis]
        with np.errstate(invalid="ignore", divide="ignore"):
            covariance += apart @ apart.T / (total - 1) / total if total > 1 else np.nan
    return areas, covariance
