"""Threshold statistics: operating points, intervals over patches and slides, rules, calibration.

Start with `Evidence.of(labels, scores, slides)`, then `OperatingTable.of(evidence)` for every
threshold, `SlideBootstrap.of(evidence, rng)` for slide-cluster intervals, `operating_point` for
every metric with both intervals, and `choose(rule, evidence)` for a threshold.
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
from core.statistics.candidates import Rule
from core.statistics.choosing import ChosenThreshold, choose
from core.statistics.cluster import REPLICATES, SlideBootstrap, SlideCounts, SlideEstimate
from core.statistics.comparison import Comparison, compare_auroc
from core.statistics.curves import Curve, average_precision, precision_recall_curve, roc_curve
from core.statistics.decision import (
    DecisionCurve,
    ExpectedCost,
    PerThousand,
    PredictiveValues,
    decision_curve,
    expected_cost,
    per_thousand,
    predictive_values,
    predictive_values_over_slides,
)
from core.statistics.evidence import Evidence
from core.statistics.grey_zone import GreyZone, grey_zone
from core.statistics.intervals import LEVEL, Interval, wilson_interval, wilson_of
from core.statistics.metrics import METRIC_NAMES, Confusion, Confusions, MetricName, measure
from core.statistics.operating import OperatingTable, round_threshold
from core.statistics.operating_point import MetricRow, OperatingPoint, operating_point
from core.statistics.parts import Part, SlideSplit, split_slides
from core.statistics.rules import (
    BestF1,
    By,
    FixedThreshold,
    FlagTopShare,
    LeastExpectedCost,
    SensitivityAtLeast,
    SpecificityAtLeast,
    YoudenIndex,
)
from core.statistics.slide_rates import SlideRate, slide_rate
from core.statistics.slides import SlideRow, slide_table
from core.statistics.stability import Stability, threshold_stability
from core.statistics.temperature import TemperatureFit, fit_temperature, require_other_slides

__all__ = [
    "BINS",
    "LEVEL",
    "METRIC_NAMES",
    "REPLICATES",
    "Auroc",
    "AurocDifference",
    "BestF1",
    "By",
    "CalibrationLine",
    "ChosenThreshold",
    "Comparison",
    "Confusion",
    "Confusions",
    "Curve",
    "DecisionCurve",
    "Evidence",
    "ExpectedCost",
    "FixedThreshold",
    "FlagTopShare",
    "GreyZone",
    "Interval",
    "LeastExpectedCost",
    "MetricName",
    "MetricRow",
    "OperatingPoint",
    "OperatingTable",
    "Part",
    "PerThousand",
    "PredictiveValues",
    "Reliability",
    "ReliabilityBin",
    "Rule",
    "SensitivityAtLeast",
    "SlideBootstrap",
    "SlideCounts",
    "SlideEstimate",
    "SlideRate",
    "SlideRow",
    "SlideSplit",
    "SpecificityAtLeast",
    "Stability",
    "TemperatureFit",
    "YoudenIndex",
    "auroc",
    "average_precision",
    "average_precision_over_slides",
    "calibration_line",
    "choose",
    "compare_auroc",
    "decision_curve",
    "expected_cost",
    "fit_temperature",
    "grey_zone",
    "log_loss",
    "measure",
    "operating_point",
    "paired_auroc",
    "per_thousand",
    "precision_recall_curve",
    "predictive_values",
    "predictive_values_over_slides",
    "reliability",
    "require_other_slides",
    "roc_curve",
    "round_threshold",
    "slide_rate",
    "slide_table",
    "split_slides",
    "threshold_stability",
    "wilson_interval",
    "wilson_of",
]
