import numpy as np
import pytest

from core.errors import EvidenceError
from core.statistics import Evidence
from core.thresholds import grey_zone


def test_hand_worked_grey_zone() -> None:
    # Tumours at 0.9 0.8 0.6 0.4 0.2, normals at 0.7 0.5 0.3 0.1 0.05.
    evidence = Evidence.of(
        [1, 1, 0, 1, 0, 1, 0, 1, 0, 0],
        [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05],
    )
    found = grey_zone(evidence, miss_rate=0.2, false_alarm_rate=0.2)
    # Four of five tumours reach 0.4; one of five normals reaches 0.6.
    assert (found.lower, found.threshold) == (0.4, 0.6)
    assert (found.achieved.fp, found.achieved.tn) == (1, 4)


def test_both_targets_hold_and_every_patch_goes_one_way(evidence: Evidence) -> None:
    for target in (0.02, 0.1, 0.3):
        try:
            found = grey_zone(evidence, miss_rate=target, false_alarm_rate=target)
        except EvidenceError:
            continue  # coarse ties may not allow it
        scores, labels = evidence.scores, evidence.labels
        lower = found.threshold if found.lower is None else found.lower
        cleared, flagged = scores < lower, scores >= found.threshold
        assert np.count_nonzero(cleared & labels) / evidence.n_positive <= target + 1e-12
        assert np.count_nonzero(flagged & ~labels) / evidence.n_negative <= target + 1e-12
        assert found.achieved.fp == np.count_nonzero(flagged & ~labels)


def test_nothing_is_deferred_where_one_threshold_meets_both_targets() -> None:
    found = grey_zone(
        Evidence.of([1, 1, 0, 0], [0.9, 0.8, 0.2, 0.1]), miss_rate=0.5, false_alarm_rate=0.5
    )
    assert found.lower is None
    assert (found.achieved.fp, found.achieved.fn) == (0, 1)


def test_bounds_widen_the_zone(evidence: Evidence) -> None:
    plain = grey_zone(evidence, miss_rate=0.4, false_alarm_rate=0.45)
    bound = grey_zone(evidence, miss_rate=0.4, false_alarm_rate=0.45, by="wilson")
    starts = [zone.threshold if zone.lower is None else zone.lower for zone in (bound, plain)]
    assert starts[0] <= starts[1]
    assert bound.threshold - starts[0] >= plain.threshold - starts[1]


def test_what_cannot_be_had_is_refused() -> None:
    evidence = Evidence.of([0, 1], [0.9, 0.1])
    with pytest.raises(EvidenceError, match="specificity"):
        grey_zone(evidence, miss_rate=0.1, false_alarm_rate=0.1)
    with pytest.raises(EvidenceError, match="miss rate of 5"):
        grey_zone(evidence, miss_rate=5, false_alarm_rate=0.1)
