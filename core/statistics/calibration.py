"""How well scores are probabilities: reliability, ECE, Brier, log-loss, recalibration; temperature.

All of it holds at the prevalence of the evidence only. Formulas are own code, checked
against scikit-learn and statsmodels in the tests.
"""

from dataclasses import dataclass

import numpy as np
import scipy

from core.errors import EvidenceError
from core.statistics.evidence import Evidence, FloatArray, IntArray
from core.statistics.intervals import QUANTILE, UPPER, wilson_interval
from core.statistics.measured import Measured, Unit
from core.statistics.slide_rates import slide_rate

BINS = 10
"""Bins of a reliability diagram unless another number is asked for."""

EDGE = 1e-7
"""Scores closer to 0 or 1 than this are moved to it before a logarithm: float32 knows no finer."""

_STEPS = 100
_SETTLED = 1e-10
_SINGULAR = 1e12
_COLDEST = 1e6


@dataclass(frozen=True)
class ReliabilityBin:
    """The patches whose score falls into one bin.

    Attributes:
        low: lower edge, included.
        n: patches.
        mean_score: what the model says, 0..1.
        tumour_share: what was found, 0..1, over slides where these are known.
    """

    low: float
    n: int
    mean_score: float
    tumour_share: Measured


@dataclass(frozen=True)
class Reliability:
    """A reliability diagram with the errors it sums up to.

    Attributes:
        bins: those that hold patches, lowest first.
        ece: expected calibration error, mean of |tumour share - mean score| over patches,
            0..1 (Guo et al. 2017). It grows with the number of bins and is biased up by noise.
        brier: mean squared error of the scores, 0..1.
    """

    bins: tuple[ReliabilityBin, ...]
    ece: float
    brier: float


@dataclass(frozen=True)
class CalibrationLine:
    """Logistic recalibration: log odds of tumour = intercept + slope x log odds of the score.

    Attributes:
        slope: 1 is ideal; below 1 the scores are too extreme, above 1 too timid. Its interval is
            by slides where they are known, else by patches.
        intercept: of the same line; 0 is ideal.
        intercept_at_slope_1: calibration in the large; above 0 the scores are too low.
    """

    slope: Measured
    intercept: float
    intercept_at_slope_1: float


def reliability(evidence: Evidence, bins: int = BINS) -> Reliability:
    """The reliability diagram of scores that are probabilities, in bins of equal width over 0..1.

    Raises:
        EvidenceError: scores outside 0..1, or fewer than 1 bin.
    """
    scores = probabilities(evidence)
    if bins < 1:
        raise EvidenceError(f"Found {bins} bins; expected at least 1. Ask for 10.")
    edges = np.arange(bins + 1) / bins  # 0.6, which linspace gives as 0.6000000000000001
    inside = np.searchsorted(edges[1:-1], scores, side="right")
    members = ((low, (inside == number).nonzero()[0]) for number, low in enumerate(edges[:-1]))
    kept = [_bin(float(low), evidence, scores, rows) for low, rows in members if len(rows)]
    return Reliability(
        bins=tuple(kept),
        ece=sum(b.n * abs(b.tumour_share.value - b.mean_score) for b in kept) / len(evidence),
        brier=float(np.mean((scores - evidence.labels) ** 2)),
    )


def log_loss(evidence: Evidence) -> float:
    """Mean negative log-likelihood in nats; scores 0..1, moved `EDGE` off the ends."""
    scores = np.clip(probabilities(evidence), EDGE, 1 - EDGE)
    losses = -scipy.special.xlogy(evidence.labels, scores) - scipy.special.xlog1py(
        ~evidence.labels, -scores
    )
    return float(losses.mean())


def calibration_line(evidence: Evidence) -> CalibrationLine:
    """Slope and intercept of logistic recalibration (Cox 1958; Van Calster et al. 2019).

    Newton's method on two numbers; the slope's variance is the cluster sandwich over slides, with
    t of (slides - 1) degrees of freedom, or the likelihood's own without slides.

    Raises:
        EvidenceError: scores outside 0..1, one class only, all scores equal, or scores that
            separate the classes, where no finite line exists.
    """
    log_odds = score_log_odds(evidence)
    if not evidence.n_positive or not evidence.n_negative or np.ptp(log_odds) == 0:
        raise EvidenceError(
            f"Found {evidence.n_positive} tumour and {evidence.n_negative} tumour-free patches "
            "with a constant score or one class; a calibration line needs both classes and "
            "scores that differ. Add patches."
        )
    design = np.column_stack((np.ones_like(log_odds), log_odds))
    line, information = _fit(design, np.zeros_like(log_odds), evidence)
    large, _ = _fit(design[:, :1], log_odds, evidence)
    inverse = np.linalg.inv(information)
    covariance, quantile = inverse, QUANTILE
    by: Unit = "patches"
    method = "likelihood, patches as if independent"
    if evidence.slides is not None and len(evidence.slide_names) >= 2:
        slides = len(evidence.slide_names)
        residual = evidence.labels - scipy.special.expit(design @ line)
        pulls = np.column_stack(
            [np.bincount(evidence.slide_codes, residual * column) for column in design.T]
        )
        covariance = inverse @ (pulls.T @ pulls) @ inverse * slides / (slides - 1)
        quantile = float(scipy.special.stdtrit(slides - 1, UPPER))
        by, method = "slides", "slide-cluster sandwich, t"
    slope, half = float(line[1]), quantile * float(np.sqrt(covariance[1, 1]))
    return CalibrationLine(
        slope=Measured(slope, slope - half, slope + half, method, by),
        intercept=float(line[0]),
        intercept_at_slope_1=float(large[0]),
    )


def fit_temperature(evidence: Evidence) -> float:
    """The temperature of least log-loss, above 0 (Guo et al. 2017): logits are divided by it.

    Above 1 it softens scores that were too extreme. No threshold may be chosen on the same slides.

    The log-loss is convex in 1 / temperature, so SciPy's `brentq` on its derivative finds the one
    minimum exactly.

    Raises:
        EvidenceError: scores outside 0..1, one class only, scores that separate the classes (the
            best temperature is 0) or that point the wrong way (there is none).
    """
    odds = score_log_odds(evidence)
    if not evidence.n_positive or not evidence.n_negative:
        raise EvidenceError(
            f"Found {evidence.n_positive} tumour and {evidence.n_negative} tumour-free patches; a "
            "temperature needs both. Split the slides again."
        )

    def slope(inverse: float) -> float:
        return float(np.sum((scipy.special.expit(inverse * odds) - evidence.labels) * odds))

    if slope(0.0) >= 0:
        raise EvidenceError(
            "The scores do not increase with tumour around 0.5; no temperature helps. Check the "
            "labels, or recalibrate with an intercept."
        )
    if slope(_COLDEST) <= 0:
        raise EvidenceError(
            "Every patch is on the right side of 0.5, so no temperature can be fitted. Use "
            "patches with at least one error."
        )
    from scipy.optimize import brentq  # noqa: PLC0415 - slow to load

    return 1 / float(brentq(slope, 0.0, _COLDEST, xtol=1e-12, rtol=1e-12))


def probabilities(evidence: Evidence) -> FloatArray:
    """(N,) the scores in float64; EvidenceError unless all lie in 0..1."""
    low, high = float(evidence.scores.min()), float(evidence.scores.max())
    if low < 0 or high > 1:
        raise EvidenceError(
            f"Found scores from {low:g} to {high:g}; calibration needs probabilities between 0 "
            "and 1. Pass the scores through a sigmoid first."
        )
    return evidence.scores.astype(np.float64)


def score_log_odds(evidence: Evidence) -> FloatArray:
    """(N,) log odds of the scores, moved `EDGE` off 0 and 1."""
    odds: FloatArray = scipy.special.logit(np.clip(probabilities(evidence), EDGE, 1 - EDGE))
    return odds


def _bin(low: float, evidence: Evidence, scores: FloatArray, rows: IntArray) -> ReliabilityBin:
    labels = evidence.labels[rows]
    share = wilson_interval(int(labels.sum()), len(rows))
    if evidence.slides is not None:
        codes = evidence.slide_codes[rows]
        share = slide_rate(np.bincount(codes, labels), np.bincount(codes)).over(share)
    return ReliabilityBin(low, len(rows), float(scores[rows].mean()), share)


def _fit(
    design: FloatArray, offset: FloatArray, evidence: Evidence
) -> tuple[FloatArray, FloatArray]:
    """Logistic regression of the labels on a design (N, D) with an offset; and its information."""
    line = np.zeros(design.shape[1])
    for _ in range(_STEPS):
        fitted = scipy.special.expit(design @ line + offset)
        slopes = design.T @ (evidence.labels - fitted)
        information = (design.T * (fitted * (1 - fitted))) @ design
        if np.linalg.cond(information) > _SINGULAR:
            break
        step = np.linalg.solve(information, slopes)
        # A full step can overshoot from afar; the likelihood is concave, so half steps get there.
        line += step / max(1.0, float(np.abs(step).max()) / 2)
        if np.abs(step).max() < _SETTLED:
            return line, information
    raise EvidenceError(
        "No finite calibration line fits: the scores separate tumour from tumour-free patches "
        "completely. Use evidence with at least one overlap."
    )
