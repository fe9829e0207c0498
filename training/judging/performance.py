"""How good scores are: every metric with an interval that resamples slides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.errors import EvidenceError
from core.statistics import (
    Evidence,
    Measured,
    OperatingTable,
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
from training.bundling.report import brier_over_slides, ece_over_slides, slide_bootstrap


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
    metrics: Mapping[str, Measured]


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
    metrics: Mapping[str, Measured]
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
        points=tuple(_rates(table, bootstrap, one) for one in thresholds),
        notes=evidence.notes(),
    )


def _ranking(
    evidence: Evidence, table: OperatingTable, bootstrap: SlideBootstrap | None
) -> dict[str, Measured]:
    by_patches = auroc(evidence)
    if bootstrap is None:
        area = Measured(by_patches.value)
        precision = Measured(average_precision(table))
    else:
        area = bootstrap.auroc(patch_error=by_patches.standard_error).best
        precision = average_precision_over_slides(bootstrap, table).best
    return {"auroc": area, "auroc_by_patches": by_patches, "average_precision": precision}


def _calibration(evidence: Evidence, bootstrap: SlideBootstrap | None) -> dict[str, Measured]:
    diagram = reliability(evidence)
    measured = {"brier": Measured(diagram.brier), "ece": Measured(diagram.ece)}
    if bootstrap is not None:
        measured["brier"] = brier_over_slides(bootstrap).best
        measured["ece"] = ece_over_slides(bootstrap).best
    measured["log_loss"] = Measured(log_loss(evidence))
    try:
        line = calibration_line(evidence)
    except EvidenceError:
        return measured  # separable or constant scores have no line
    measured["calibration_slope"] = line.slope
    measured["calibration_in_the_large"] = Measured(line.intercept_at_slope_1)
    return measured


def _rates(
    table: OperatingTable, bootstrap: SlideBootstrap | None, threshold: Threshold
) -> RatesAt:
    confusion = table.confusion(threshold.value)
    slides = None if bootstrap is None else ResampledCounts.of(bootstrap, threshold.value)
    return RatesAt(
        name=threshold.name,
        threshold=threshold.value,
        origin=threshold.origin,
        counts={name: getattr(confusion, name) for name in ("tp", "fp", "fn", "tn")},
        metrics={str(name): one for name, one in metrics_at(confusion, slides).items()},
    )
