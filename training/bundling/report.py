"""Validation metrics for the card, each with an interval over slides where slides are known."""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.bundle import Interval
from core.errors import EvidenceError
from core.statistics import (
    Auroc,
    Evidence,
    MetricName,
    OperatingTable,
    SlideBootstrap,
    SlideEstimate,
    auroc,
    average_precision_over_slides,
    calibration_line,
    reliability,
    wilson_of,
)
from training.bundling.calibration import THRESHOLD_PART, Calibration

_BOOTSTRAP_SEED: Final = 0
_BINS: Final = 10
RATES: Final[tuple[MetricName, ...]] = ("sensitivity", "specificity")


def validation_metrics(calibration: Calibration) -> dict[str, Interval]:
    """Return the metrics of the card by name; what cannot be had with an interval is left out.

    Discrimination is of all validation patches; calibration is of the half that the temperature
    did not see; the rates are of all, and of each half by itself.
    """
    everything, judging = calibration.everything, calibration.judging
    ranking = auroc(everything)
    found: dict[str, Interval | None] = {
        "auroc": _over_slides(
            everything, lambda slides: slides.auroc(patch_error=ranking.standard_error)
        ),
        "auroc_by_patches": _of_auroc(ranking),
        "average_precision": _over_slides(
            everything,
            lambda slides: average_precision_over_slides(slides, OperatingTable.of(everything)),
        ),
    }
    found["auroc"] = found["auroc"] or found["auroc_by_patches"]
    threshold = calibration.chosen.threshold
    for rate in RATES:
        found[rate] = rate_interval(everything, rate, threshold)
        if calibration.fitting is not calibration.judging:
            found[f"{rate}_calibration_slides"] = rate_interval(
                calibration.fitting, rate, threshold
            )
    where = "" if judging is everything else f"; on the {THRESHOLD_PART}"
    for name, value in _calibration_metrics(judging).items():
        found[name] = None if value is None else _placed(value, where)
    return {name: interval for name, interval in found.items() if interval is not None}


def rate_interval(evidence: Evidence, name: MetricName, threshold: float) -> Interval | None:
    """Return a rate at a threshold with its slide-cluster interval, or Wilson's without slides."""
    over_slides = _over_slides(evidence, lambda slides: slides.rate(name, threshold))
    if over_slides is not None:
        return over_slides
    confusion = OperatingTable.of(evidence).confusion(threshold)
    interval = wilson_of(name, confusion)
    if interval is None or not np.isfinite(interval.low):
        return None
    return Interval(
        value=confusion.value(name), low=interval.low, high=interval.high, method=interval.method
    )


def _calibration_metrics(evidence: Evidence) -> dict[str, Interval | None]:
    return {
        "brier": _over_slides(evidence, brier_over_slides),
        "ece": _over_slides(evidence, ece_over_slides),
        "calibration_slope": _slope(evidence),
    }


def brier_over_slides(slides: SlideBootstrap) -> SlideEstimate:
    """Return the Brier score with its slide-bootstrap interval."""
    evidence = slides.evidence
    squares = (evidence.scores.astype(np.float64) - evidence.labels) ** 2
    return mean_over_slides(slides, squares)


def mean_over_slides(slides: SlideBootstrap, values: NDArray[np.float64]) -> SlideEstimate:
    """Return the mean of a value 0..1 of each patch (N,) with its slide-bootstrap interval."""
    codes = slides.evidence.slide_codes
    resampled = slides.draws @ np.bincount(codes, values) / (slides.draws @ np.bincount(codes))
    return slides.estimate(float(values.mean()), resampled, freedom=slides.degrees_of_freedom)


def ece_over_slides(slides: SlideBootstrap) -> SlideEstimate:
    """Return the expected calibration error in 10 bins with its slide-bootstrap interval."""
    evidence = slides.evidence
    scores, codes = evidence.scores.astype(np.float64), evidence.slide_codes
    bins = np.minimum((scores * _BINS).astype(np.int64), _BINS - 1)
    gaps = np.zeros((len(evidence.slide_names), _BINS))
    np.add.at(gaps, (codes, bins), scores - evidence.labels)
    resampled = np.abs(slides.draws @ gaps).sum(axis=1) / (slides.draws @ np.bincount(codes))
    value = reliability(evidence, bins=_BINS).ece
    return slides.estimate(value, resampled, freedom=slides.degrees_of_freedom)


def _slope(evidence: Evidence) -> Interval | None:
    try:
        line = calibration_line(evidence)
    except EvidenceError:
        return None  # separable or constant scores have no line
    bounds = line.slope_interval
    return Interval(value=line.slope, low=bounds.low, high=bounds.high, method=bounds.method)


def _over_slides(
    evidence: Evidence, statistic: Callable[[SlideBootstrap], SlideEstimate]
) -> Interval | None:
    if evidence.slides is None or len(evidence.slide_names) < 2:
        return None
    rng = np.random.default_rng(_BOOTSTRAP_SEED)
    estimate = statistic(SlideBootstrap.of(evidence, rng))
    interval = estimate.interval or estimate.percentile
    if interval is None or not np.isfinite([interval.low, interval.high]).all():
        return None
    return Interval(
        value=estimate.value, low=interval.low, high=interval.high, method=interval.method
    )


def _of_auroc(found: Auroc) -> Interval | None:
    if found.interval is None:
        return None
    bounds = found.interval
    return Interval(value=found.value, low=bounds.low, high=bounds.high, method=bounds.method)


def _placed(interval: Interval, where: str) -> Interval:
    return interval.model_copy(update={"method": interval.method + where})
