"""Validation metrics for the card, each with an interval over slides where slides are known."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.errors import EvidenceError
from core.statistics import (
    Evidence,
    Measured,
    MetricName,
    OperatingTable,
    Resampled,
    ResampledCounts,
    SlideBootstrap,
    auroc,
    average_precision_over_slides,
    calibration_line,
    metrics_at,
    reliability,
)
from training.bundling.calibration import THRESHOLD_PART, Calibration

BOOTSTRAP_SEED: Final = 0
_BINS: Final = 10
RATES: Final[tuple[MetricName, ...]] = ("sensitivity", "specificity")


def validation_metrics(calibration: Calibration) -> dict[str, Measured]:
    """Return the metrics of the card by name; what cannot be had with an interval is left out.

    Discrimination is of all validation patches; calibration is of the half that the temperature
    did not see; the rates are of all, and of each half by itself.
    """
    everything, judging = calibration.everything, calibration.judging
    ranking = auroc(everything)
    metrics: dict[str, Measured | None] = {
        "auroc": _over_slides(
            everything, lambda slides: slides.auroc(patch_error=ranking.standard_error)
        ),
        "auroc_by_patches": ranking if ranking.has_interval else None,
        "average_precision": _over_slides(
            everything,
            lambda slides: average_precision_over_slides(slides, OperatingTable.of(everything)),
        ),
    }
    metrics["auroc"] = metrics["auroc"] or metrics["auroc_by_patches"]
    threshold = calibration.chosen.threshold
    for rate in RATES:
        metrics[rate] = rate_interval(everything, rate, threshold)
        if calibration.fitting is not calibration.judging:
            metrics[f"{rate}_calibration_slides"] = rate_interval(
                calibration.fitting, rate, threshold
            )
    where = "" if judging is everything else f"; on the {THRESHOLD_PART}"
    for name, value in _calibration_metrics(judging).items():
        metrics[name] = value and replace(value, method=value.method + where)
    return {name: value for name, value in metrics.items() if value is not None}


def rate_interval(evidence: Evidence, name: MetricName, threshold: float) -> Measured | None:
    """Return a rate at a threshold with its slide-cluster interval, or Wilson's without slides."""
    slides = slide_bootstrap(evidence)
    counts = None if slides is None else ResampledCounts.of(slides, threshold)
    rate = metrics_at(OperatingTable.of(evidence).confusion(threshold), counts)[name]
    return rate if rate.has_interval else None


def _calibration_metrics(evidence: Evidence) -> dict[str, Measured | None]:
    return {
        "brier": _over_slides(evidence, brier_over_slides),
        "ece": _over_slides(evidence, ece_over_slides),
        "calibration_slope": _slope(evidence),
    }


def brier_over_slides(slides: SlideBootstrap) -> Resampled:
    """Return the Brier score with its slide-bootstrap interval."""
    evidence = slides.evidence
    squares = (evidence.scores.astype(np.float64) - evidence.labels) ** 2
    return mean_over_slides(slides, squares)


def mean_over_slides(slides: SlideBootstrap, values: NDArray[np.float64]) -> Resampled:
    """Return the mean of a value 0..1 of each patch (N,) with its slide-bootstrap interval."""
    codes = slides.evidence.slide_codes
    resampled = slides.draws @ np.bincount(codes, values) / (slides.draws @ np.bincount(codes))
    return slides.estimate(float(values.mean()), resampled, freedom=slides.degrees_of_freedom)


def ece_over_slides(slides: SlideBootstrap) -> Resampled:
    """Return the expected calibration error in 10 bins with its slide-bootstrap interval."""
    evidence = slides.evidence
    scores, codes = evidence.scores.astype(np.float64), evidence.slide_codes
    bins = np.minimum((scores * _BINS).astype(np.int64), _BINS - 1)
    gaps = np.zeros((len(evidence.slide_names), _BINS))
    np.add.at(gaps, (codes, bins), scores - evidence.labels)
    resampled = np.abs(slides.draws @ gaps).sum(axis=1) / (slides.draws @ np.bincount(codes))
    value = reliability(evidence, bins=_BINS).ece
    return slides.estimate(value, resampled, freedom=slides.degrees_of_freedom)


def _slope(evidence: Evidence) -> Measured | None:
    try:
        return calibration_line(evidence).slope
    except EvidenceError:
        return None  # separable or constant scores have no line


def slide_bootstrap(evidence: Evidence) -> SlideBootstrap | None:
    """Return the bootstrap of the slides, with a fixed seed; None with fewer than 2."""
    if evidence.slides is None or len(evidence.slide_names) < 2:
        return None
    return SlideBootstrap.of(evidence, np.random.default_rng(BOOTSTRAP_SEED))


def _over_slides(
    evidence: Evidence, statistic: Callable[[SlideBootstrap], Resampled]
) -> Measured | None:
    slides = slide_bootstrap(evidence)
    best = None if slides is None else statistic(slides).best
    return best if best is not None and best.has_interval else None
