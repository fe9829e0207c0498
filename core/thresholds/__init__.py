"""Thresholds: rules that choose one, everything at one, the lock, and the one in force.

Start with `bundle_scores`, `run_scores` or `read_scores_csv`, then `ThresholdStudy.of(scores)`,
then `study.at(threshold, assumptions)` for each threshold that a reader tries. `choose(rule,
evidence)` is the bare choice; `OperatingPointStore` keeps what was locked.
"""

from core.thresholds.assumptions import Assumptions
from core.thresholds.choosing import Choice, choose
from core.thresholds.decision import (
    DecisionCurve,
    ExpectedCost,
    PerThousand,
    decision_curve,
    expected_cost,
    per_thousand,
    predictive_values,
)
from core.thresholds.grey_zone import grey_zone
from core.thresholds.locking import comparable, decision_of, obstacle_to_lock
from core.thresholds.record import Decision, LockedPoint
from core.thresholds.rules import (
    BestF1,
    By,
    FixedThreshold,
    FlagTopShare,
    LeastExpectedCost,
    Rule,
    SensitivityAtLeast,
    SpecificityAtLeast,
    YoudenIndex,
)
from core.thresholds.scores import (
    RUN_SCORES_FILE,
    UNKNOWN_SLIDE,
    ScoreSet,
    Source,
    bundle_scores,
    read_scores_csv,
    run_scores,
    threshold_part,
)
from core.thresholds.snapshot import Deferral, Snapshot
from core.thresholds.stability import Stability, threshold_stability
from core.thresholds.store import OperatingPointStore, read_locked_point
from core.thresholds.study import Histogram, ThresholdStudy
from core.thresholds.wording import GreyZoneTargets, Wanted, rule_of

__all__ = [
    "RUN_SCORES_FILE",
    "UNKNOWN_SLIDE",
    "Assumptions",
    "BestF1",
    "By",
    "Choice",
    "Decision",
    "DecisionCurve",
    "Deferral",
    "ExpectedCost",
    "FixedThreshold",
    "FlagTopShare",
    "GreyZoneTargets",
    "Histogram",
    "LeastExpectedCost",
    "LockedPoint",
    "OperatingPointStore",
    "PerThousand",
    "Rule",
    "ScoreSet",
    "SensitivityAtLeast",
    "Snapshot",
    "Source",
    "SpecificityAtLeast",
    "Stability",
    "ThresholdStudy",
    "Wanted",
    "YoudenIndex",
    "bundle_scores",
    "choose",
    "comparable",
    "decision_curve",
    "decision_of",
    "expected_cost",
    "grey_zone",
    "obstacle_to_lock",
    "per_thousand",
    "predictive_values",
    "read_locked_point",
    "read_scores_csv",
    "rule_of",
    "run_scores",
    "threshold_part",
    "threshold_stability",
]
