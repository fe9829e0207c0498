"""Estimates from labelled scores: rates, AUROC, calibration, with intervals by patches and slides.

Start with `Evidence.of(labels, scores, slides)`, then `OperatingTable.of(evidence)` for every
threshold and `SlideBootstrap.of(evidence, rng)` for slide-cluster intervals. Nothing here decides:
rules, grey zones and locks are in `core.thresholds`.
"""

from core.statistics.at_threshold import ResampledCounts, SlideCounts, metrics_at
from core.statistics.auroc import AurocDifference, auroc, paired_auroc
from core.statistics.average_precision import average_precision_over_slides
from core.statistics.calibration import (
    BINS,
    CalibrationLine,
    Reliability,
    ReliabilityBin,
    calibration_line,
    log_loss,
    reliability,
)
from core.statistics.cluster import REPLICATES, Resampled, SlideBootstrap
from core.statistics.comparison import Comparison, compare_auroc
from core.statistics.curves import Curve, average_precision, precision_recall_curve, roc_curve
from core.statistics.evidence import Evidence
from core.statistics.intervals import wilson_interval, wilson_of
from core.statistics.measured import LEVEL, Measured
from core.statistics.metrics import METRIC_NAMES, Confusion, Confusions, MetricName, measure
from core.statistics.operating import OperatingTable, round_threshold
from core.statistics.parts import split_slides
from core.statistics.slide_rates import slide_rate
from core.statistics.slides import SlideRow, auroc_by_slide, slide_table
from core.statistics.temperature import TemperatureFit, fit_temperature, require_other_slides

__all__ = [
    "BINS",
    "LEVEL",
    "METRIC_NAMES",
    "REPLICATES",
    "AurocDifference",
    "CalibrationLine",
    "Comparison",
    "Confusion",
    "Confusions",
    "Curve",
    "Evidence",
    "Measured",
    "MetricName",
    "OperatingTable",
    "Reliability",
    "ReliabilityBin",
    "Resampled",
    "ResampledCounts",
    "SlideBootstrap",
    "SlideCounts",
    "SlideRow",
    "TemperatureFit",
    "auroc",
    "auroc_by_slide",
    "average_precision",
    "average_precision_over_slides",
    "calibration_line",
    "compare_auroc",
    "fit_temperature",
    "log_loss",
    "measure",
    "metrics_at",
    "paired_auroc",
    "precision_recall_curve",
    "reliability",
    "require_other_slides",
    "roc_curve",
    "round_threshold",
    "slide_rate",
    "slide_table",
    "split_slides",
    "wilson_interval",
    "wilson_of",
]
