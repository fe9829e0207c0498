"""Threshold statistics: operating points, intervals over patches and slides, rules, calibration.

Start with `Evidence.of(labels, scores, slides)`, then `OperatingTable.of(evidence)` for every
threshold, `SlideBootstrap.of(evidence, rng)` for slide-cluster intervals and `choose(rule,
evidence)` for a threshold.
"""

from core.statistics.auroc import Auroc, AurocDifference, auroc, paired_auroc
from core.statistics.candidates import Rule
from core.statistics.choosing import ChosenThreshold, choose
from core.statistics.cluster import REPLICATES, SlideBootstrap, SlideCounts, SlideEstimate
from core.statistics.curves import (
    Curve,
    average_precision,
    precision_recall_curve,
    roc_curve,
)
from core.statistics.evidence import Evidence
from core.statistics.intervals import LEVEL, Interval, wilson_interval, wilson_of
from core.statistics.metrics import METRIC_NAMES, Confusion, Confusions, MetricName, measure
from core.statistics.operating import OperatingTable
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

__all__ = [
    "LEVEL",
    "METRIC_NAMES",
    "REPLICATES",
    "Auroc",
    "AurocDifference",
    "BestF1",
    "By",
    "ChosenThreshold",
    "Confusion",
    "Confusions",
    "Curve",
    "Evidence",
    "FixedThreshold",
    "FlagTopShare",
    "Interval",
    "LeastExpectedCost",
    "MetricName",
    "OperatingTable",
    "Rule",
    "SensitivityAtLeast",
    "SlideBootstrap",
    "SlideCounts",
    "SlideEstimate",
    "SlideRate",
    "SpecificityAtLeast",
    "YoudenIndex",
    "auroc",
    "average_precision",
    "choose",
    "measure",
    "paired_auroc",
    "precision_recall_curve",
    "roc_curve",
    "slide_rate",
    "wilson_interval",
    "wilson_of",
]
