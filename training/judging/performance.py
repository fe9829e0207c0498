"""How good scores are: every metric with an interval that resamples slides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from core.errors import EvidenceError
from core.statistics import (
    Evidence,
    Interval,
    OperatingTable,
    SlideBootstrap,
    SlideEstimate,
    auroc,
    average_precision,
    average_precision_over_slides,
    calibration_line,
    log_loss,
    reliability,
)
from core.thresholds import MetricRow, operating_point
from training.bundling.report import brier_over_slides, ece_over_slides

BOOTSTRAP_SEED: Final = 0


@dataclass(frozen=True)
class Measure:
    """A number with its 95 % interval.

    Attributes:
        value: NaN where it cannot be computed.
        low: None where there is no interval.
        high: Likewise.
        method: How the interval was made, "" without one.
    """

    value: float
    low: float | None = None
    high: float | None = None
    method: str = ""

    @classmethod
    def of(cls, value: float, interval: Interval | None) -> "Measure":
        """Return a value with an interval, if its bounds are finite."""
        if interval is None or not np.isfinite([interval.low, interval.high]).all():
            return cls(value)
        return cls(value, interval.low, interval.high, interval.method)

    @classmethod
    def of_estimate(cls, estimate: SlideEstimate) -> "Measure":
        """Return a slide estimate; the percentile interval where there is no better one."""
        return cls.of(estimate.value, estimate.interval or estimate.percentile)


@dataclass(frozen=True)
class RatesAt:
    """Every metric at one threshold.

    Attributes:
        name: Of the operating point.
        threshold: Flag when the probability is at least this.
        origin: Who chose it, on what.
        counts: tp, fp, fn, tn.
        metrics: By name, as in `core.statistics.METRIC_NAMES`.
    """

    name: str
    threshold: float
    origin: str
    counts: Mapping[str, float]
    metrics: Mapping[str, Measure]


@dataclass(frozen=True)
class Threshold:
    """A threshold to judge.

    Attributes:
        name: Of the operating point.
        value: On the probability.
        origin: Who chose it, on what.
    """

    name: str
    value: float
    origin: str


@dataclass(frozen=True)
class Performance:
    """What scores are worth on some patches.

    Attributes:
        patches: How many.
        positives: How many of them with tumour.
        slides: Known slides, 0 where unknown.
        metrics: By name: ranking and calibration.
        points: Rates at each threshold.
        notes: What must not be trusted.
    """

    patches: int
    positives: int
    slides: int
    metrics: Mapping[str, Measure]
    points: tuple[RatesAt, ...]
    notes: tuple[str, ...]


def measure_performance(evidence: Evidence, thresholds: Sequence[Threshold]) -> Performance:
    """Return every metric of scores that are probabilities.

    Raises:
        EvidenceError: A class is absent.
    """
    if not evidence.n_positive or not evidence.n_negative:
        raise EvidenceError(
            f"Found {evidence.n_positive:,} patches with tumour and {evidence.n_negative:,} "
            "without; judging needs both. Add the missing kind."
        )
    table = OperatingTable.of(evidence)
    bootstrap = slide_bootstrap(evidence)
    return Performance(
        patches=len(evidence),
        positives=evidence.n_positive,
        slides=0 if evidence.slides is None else len(evidence.slide_names),
        metrics={**_ranking(evidence, table, bootstrap), **_calibration(evidence, bootstrap)},
        points=tuple(_rates(evidence, table, bootstrap, one) for one in thresholds),
        notes=evidence.notes(),
    )


def slide_bootstrap(evidence: Evidence) -> SlideBootstrap | None:
    """Return the bootstrap of the slides, with a fixed seed; None with fewer than 2."""
    if evidence.slides is None or len(evidence.slide_names) < 2:
        return None
    return SlideBootstrap.of(evidence, np.random.default_rng(BOOTSTRAP_SEED))


def _ranking(
    evidence: Evidence, table: OperatingTable, bootstrap: SlideBootstrap | None
) -> dict[str, Measure]:
    by_patches = auroc(evidence)
    measured = {
        "auroc": Measure(by_patches.value),
        "auroc_by_patches": Measure.of(by_patches.value, by_patches.interval),
        "average_precision": Measure(average_precision(table)),
    }
    if bootstrap is not None:
        over_slides = bootstrap.auroc(patch_error=by_patches.standard_error)
        measured["auroc"] = Measure.of_estimate(over_slides)
        measured["average_precision"] = Measure.of_estimate(
            average_precision_over_slides(bootstrap, table)
        )
    return measured


def _calibration(evidence: Evidence, bootstrap: SlideBootstrap | None) -> dict[str, Measure]:
    diagram = reliability(evidence)
    measured = {"brier": Measure(diagram.brier), "ece": Measure(diagram.ece)}
    if bootstrap is not None:
        measured["brier"] = Measure.of_estimate(brier_over_slides(bootstrap))
        measured["ece"] = Measure.of_estimate(ece_over_slides(bootstrap))
    measured["log_loss"] = Measure(log_loss(evidence))
    try:
        line = calibration_line(evidence)
    except EvidenceError:
        return measured  # separable or constant scores have no line
    measured["calibration_slope"] = Measure.of(line.slope, line.slope_interval)
    measured["calibration_in_the_large"] = Measure(line.intercept_at_slope_1)
    return measured


def _rates(
    evidence: Evidence,
    table: OperatingTable,
    bootstrap: SlideBootstrap | None,
    threshold: Threshold,
) -> RatesAt:
    point = operating_point(evidence, threshold.value, table, bootstrap)
    confusion = point.confusion
    return RatesAt(
        name=threshold.name,
        threshold=threshold.value,
        origin=threshold.origin,
        counts={name: getattr(confusion, name) for name in ("tp", "fp", "fn", "tn")},
        metrics={row.name: _measured(row) for row in point.rows},
    )


def _measured(row: MetricRow) -> Measure:
    if row.by_slides is not None:
        return Measure.of_estimate(row.by_slides)
    return Measure.of(row.value, row.by_patches)
