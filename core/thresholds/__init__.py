"""Threshold tuning: scores from anywhere, everything at one threshold, and the lock.

Start with `bundle_scores`, `run_scores` or `read_scores_csv`, then `ThresholdStudy.of(scores)`,
then `study.at(threshold, assumptions)` for each threshold that a reader tries.
"""

from core.thresholds.assumptions import Assumptions
from core.thresholds.batch import GREY, Batch, BatchEffect, Change
from core.thresholds.locking import comparable, decision_of, obstacle_to_lock
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
from core.thresholds.snapshot import Deferral, Estimate, Snapshot
from core.thresholds.study import Choice, Histogram, ThresholdStudy
from core.thresholds.wording import GreyZoneTargets, Wanted, rule_of

__all__ = [
    "GREY",
    "RUN_SCORES_FILE",
    "UNKNOWN_SLIDE",
    "Assumptions",
    "Batch",
    "BatchEffect",
    "Change",
    "Choice",
    "Deferral",
    "Estimate",
    "GreyZoneTargets",
    "Histogram",
    "ScoreSet",
    "Snapshot",
    "Source",
    "ThresholdStudy",
    "Wanted",
    "bundle_scores",
    "comparable",
    "decision_of",
    "obstacle_to_lock",
    "read_scores_csv",
    "rule_of",
    "run_scores",
    "threshold_part",
]
