"""Estimates from labelled scores: rates, AUROC, calibration, with intervals by patches and slides.

Start with `Evidence.of(labels, scores, slides)`, then `OperatingTable.of(evidence)` for every
threshold and `SlideBootstrap.of(evidence, rng)` for slide-cluster intervals. Nothing here decides:
rules, grey zones and locks are in `core.thresholds`.
"""

from core.statistics.auroc import Auroc, AurocDifference, auroc, paired_auroc
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
from core.statistics.cluster import REPLICATES, SlideBootstrap, SlideCounts, SlideEstimate
from core.statistics.comparison import Comparison, compare_auroc
from core.statistics.curves import Curve, average_precision, precision_recall_curve, roc_curve
from core.statistics.evidence import Evidence
from core.statistics.intervals import LEVEL, Interval, wilson_interval, wilson_of
from core.statistics.metrics import METRIC_NAMES, Confusion, Confusions, MetricName, measure
from core.statistics.operating import OperatingTable, round_threshold
from core.statistics.parts import Part, SlideSplit, split_slides
from core.statistics.slide_rates import SlideRate, slide_rate
from core.statistics.slides import SlideRow, slide_table
from core.statistics.temperature import TemperatureFit, fit_temperature, require_other_slides

__all__ = [
    "BINS",
    "LEVEL",
    "METRIC_NAMES",
    "REPLICATES",
    "Auroc",
    "AurocDifference",
    "CalibrationLine",
    "Comparison",
    "Confusion",
    "Confusions",
    "Curve",
    "Evidence",
    "Interval",
    "MetricName",
    "OperatingTable",
    "Part",
    "Reliability",
    "ReliabilityBin",
    "SlideBootstrap",
    "SlideCounts",
    "SlideEstimate",
    "SlideRate",
    "SlideRow",
    "SlideSplit",
    "TemperatureFit",
    "auroc",
    "average_precision",
    "average_precision_over_slides",
    "calibration_line",
    "compare_auroc",
    "fit_temperature",
    "log_loss",
    "measure",
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
