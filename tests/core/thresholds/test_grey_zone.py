import numpy as np
import pytest

from core.errors import EvidenceError
from core.statistics import Confusion, Evidence, OperatingTable
from core.thresholds import Choice, GreyZoneTargets, choose


def achieved(choice: Choice, evidence: Evidence) -> Confusion:
    return OperatingTable.of(evidence).confusion(choice.threshold)


def test_hand_worked_grey_zone() -> None:
    # Tumours at 0.9 0.8 0.6 0.4 0.2, normals at 0.7 0.5 0.3 0.1 0.05.
    evidence = Evidence.of(
        [1, 1, 0, 1, 0, 1, 0, 1, 0, 0],
        [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05],
    )
    choice = choose(GreyZoneTargets(0.2, 0.2), evidence)
    # Four of five tumours reach 0.4; one of five normals reaches 0.6.
    assert (choice.lower, choice.threshold) == (0.4, 0.6)
    assert (achieved(choice, evidence).fp, achieved(choice, evidence).tn) == (1, 4)


def test_both_targets_hold_and_every_patch_goes_one_way(evidence: Evidence) -> None:
    for target in (0.02, 0.1, 0.3):
        try:
            choice = choose(GreyZoneTargets(target, target), evidence)
        except EvidenceError:
            continue  # coarse ties may not allow it
        scores, labels = evidence.scores, evidence.labels
        lower = choice.threshold if choice.lower is None else choice.lower
        cleared, flagged = scores < lower, scores >= choice.threshold
        assert np.count_nonzero(cleared & labels) / evidence.n_positive <= target + 1e-12
        assert np.count_nonzero(flagged & ~labels) / evidence.n_negative <= target + 1e-12
        assert achieved(choice, evidence).fp == np.count_nonzero(flagged & ~labels)


def test_nothing_is_deferred_where_one_threshold_meets_both_targets() -> None:
    evidence = Evidence.of([1, 1, 0, 0], [0.9, 0.8, 0.2, 0.1])
    choice = choose(GreyZoneTargets(0.5, 0.5), evidence)
    assert choice.lower is None
    assert (achieved(choice, evidence).fp, achieved(choice, evidence).fn) == (0, 1)


def test_bounds_widen_the_zone(evidence: Evidence) -> None:
    plain = choose(GreyZoneTargets(0.4, 0.45), evidence)
    bound = choose(GreyZoneTargets(0.4, 0.45, "wilson"), evidence)
    starts = [zone.threshold if zone.lower is None else zone.lower for zone in (bound, plain)]
    assert starts[0] <= starts[1]
    assert bound.threshold - starts[0] >= plain.threshold - starts[1]


def test_what_cannot_be_had_is_refused() -> None:
    evidence = Evidence.of([0, 1], [0.9, 0.1])
    with pytest.raises(EvidenceError, match="specificity"):
        choose(GreyZoneTargets(0.1, 0.1), evidence)
    with pytest.raises(EvidenceError, match="miss rate of 5"):
        choose(GreyZoneTargets(5, 0.1), evidence)
