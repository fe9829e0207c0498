"""How good scores are: every metric with an interval that resamples slides; and a card's."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

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
    average_precision,
    average_precision_over_slides,
    calibration_line,
    log_loss,
    metrics_at,
    reliability,
)
from training.bundling.calibration import Calibration

RATES: Final[tuple[MetricName, ...]] = ("sensitivity", "specificity")
_BINS: Final = 10


@dataclass(frozen=True)
class Performance:
    """What scores are worth on some patches.

    Attributes:
        positives: How many of them with tumour.
        slides: Known slides, 0 where unknown.
        metrics: By name: ranking and calibration.
    """

    patches: int
    positives: int
    slides: int
    metrics: Mapping[str, Measured]
    notes: tuple[str, ...]


def measure_performance(evidence: Evidence) -> Performance:
    """Return every metric of scores that are probabilities, whatever the threshold.

    Raises:
        EvidenceError: A class is absent.
    """
    if not evidence.n_positive or not evidence.n_negative:
        raise EvidenceError(
            f"Found {evidence.n_positive:,} patches with tumour and {evidence.n_negative:,} "
            "without; judging needs both. Add the missing class."
        )
    bootstrap = SlideBootstrap.seeded(evidence)
    by_patches = auroc(evidence)
    area = Measured(by_patches.value)
    if bootstrap is not None:
        area = bootstrap.auroc(patch_error=by_patches.standard_error).best
    metrics = {"auroc": area, "auroc_by_patches": by_patches}
    metrics |= {name: one.best for name, one in over_slides(evidence, bootstrap).items()}
    metrics["log_loss"] = Measured(log_loss(evidence))
    with suppress(EvidenceError):  # separable or constant scores have no line
        line = calibration_line(evidence)
        metrics["calibration_slope"] = line.slope
        metrics["calibration_in_the_large"] = Measured(line.intercept_at_slope_1)
    return Performance(
        patches=len(evidence),
        positives=evidence.n_positive,
        slides=0 if evidence.slides is None else len(evidence.slide_names),
        metrics=metrics,
        notes=evidence.notes(),
    )


def over_slides(evidence: Evidence, slides: SlideBootstrap | None) -> dict[str, Resampled]:
    """Return average precision, Brier score and calibration error; without slides, the values."""
    table = OperatingTable.of(evidence)
    if slides is not None:
        return {
            "average_precision": average_precision_over_slides(slides, table),
            "brier": _brier(slides),
            "ece": _ece(slides),
        }
    bins = reliability(evidence)
    plain = {"average_precision": average_precision(table), "brier": bins.brier, "ece": bins.ece}
    return {
        name: Resampled(Measured(value), Measured(value), np.empty(0))
        for name, value in plain.items()
    }


def validation_metrics(calibration: Calibration) -> dict[str, Measured]:
    """Return the metrics of the card by name; what cannot be had with an interval is left out.

    Discrimination, and the rates at the shipped threshold, are of all validation patches. How well
    scores are calibrated, and the rates named so, are cross-fitted where they can be: each patch's
    temperature and threshold come from folds of other slides.
    """
    everything, crossfitted = calibration.everything, calibration.crossfitted
    overall = measure_performance(everything).metrics
    metrics: dict[str, Measured | None] = {
        name: overall[name] for name in ("auroc", "auroc_by_patches", "average_precision")
    }
    if not overall["auroc"].has_interval:
        metrics["auroc"] = overall["auroc_by_patches"]
    for rate in RATES:
        metrics[rate] = rate_interval(everything, rate, calibration.chosen.threshold)
        if crossfitted is not None:
            metrics[f"{rate}_crossfitted"] = rate_interval(crossfitted.calls, rate, 0.5)
    calibrated = everything if crossfitted is None else crossfitted.scores
    where = "" if crossfitted is None else ", cross-fitted"
    of_calibrated = measure_performance(calibrated).metrics
    for name in ("brier", "ece", "calibration_slope"):
        if value := of_calibrated.get(name):
            metrics[name] = replace(value, method=value.method + where)
    return {name: one for name, one in metrics.items() if one is not None and one.has_interval}


def rate_interval(evidence: Evidence, name: MetricName, threshold: float) -> Measured | None:
    """Return a rate at a threshold, None where it has no interval."""
    slides = SlideBootstrap.seeded(evidence)
    rate = rates_at(OperatingTable.of(evidence), slides, threshold)[name]
    return rate if rate.has_interval else None


def rates_at(
    table: OperatingTable, slides: SlideBootstrap | None, threshold: float
) -> dict[MetricName, Measured]:
    """Return every metric at a threshold, with intervals over slides or, without them, Wilson's."""
    counts = None if slides is None else ResampledCounts.of(slides, threshold)
    return metrics_at(table.confusion(threshold), counts)


def _brier(slides: SlideBootstrap) -> Resampled:
    """Return the Brier score with its slide-bootstrap interval."""
    evidence, codes = slides.evidence, slides.evidence.slide_codes
    squares = (evidence.scores.astype(np.float64) - evidence.labels) ** 2
    resampled = slides.draws @ np.bincount(codes, squares) / (slides.draws @ np.bincount(codes))
    return slides.estimate(float(squares.mean()), resampled)


def _ece(slides: SlideBootstrap) -> Resampled:
    """Return the expected calibration error in 10 bins with its slide-bootstrap interval."""
    evidence = slides.evidence
    scores, codes = evidence.scores.astype(np.float64), evidence.slide_codes
    bins = np.minimum((scores * _BINS).astype(np.int64), _BINS - 1)
    gaps = np.zeros((len(evidence.slide_names), _BINS))
    np.add.at(gaps, (codes, bins), scores - evidence.labels)
    resampled = np.abs(slides.draws @ gaps).sum(axis=1) / (slides.draws @ np.bincount(codes))
    value = reliability(evidence, bins=_BINS).ece
    return slides.estimate(value, resampled)
