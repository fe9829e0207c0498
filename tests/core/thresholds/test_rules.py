import numpy as np
import pytest
from scipy.stats import binomtest

from core.errors import EvidenceError
from core.statistics import Evidence, OperatingTable, SlideCounts
from core.thresholds import (
    Assumptions,
    BestF1,
    FixedThreshold,
    FlagTopShare,
    LeastExpectedCost,
    SensitivityAtLeast,
    SpecificityAtLeast,
    YoudenIndex,
    choose,
)

TOY = Evidence.of(
    labels=[1, 1, 1, 1, 0, 1, 0, 0, 0, 0],
    scores=[0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1],
)


def test_hand_worked_choices() -> None:
    assert choose(FixedThreshold(), TOY).threshold == 0.5
    # At 0.7: 4 of 5 tumours, no false alarm (0.8); at 0.5: 5 of 5, 1 of 5 (0.8). The higher wins.
    assert choose(YoudenIndex(), TOY).threshold == 0.7
    # F1 at 0.7 is 8/9, at 0.5 it is 10/11.
    assert choose(BestF1(), TOY).threshold == 0.5
    assert choose(SensitivityAtLeast(0.8), TOY).threshold == 0.7
    assert choose(SensitivityAtLeast(0.81), TOY).threshold == 0.5
    assert choose(SpecificityAtLeast(0.8), TOY).threshold == 0.5
    assert choose(SpecificityAtLeast(0.81), TOY).threshold == 0.7
    assert choose(FlagTopShare(0.25), TOY).threshold == 0.9
    # A miss that costs 100 false alarms is worth the one false alarm.
    assert choose(LeastExpectedCost(Assumptions(0.5, 100, 1)), TOY).threshold == 0.5
    assert choose(LeastExpectedCost(Assumptions(0.5, 1, 100)), TOY).threshold == 0.7


def test_the_threshold_is_an_observed_score(evidence: Evidence) -> None:
    table = OperatingTable.of(evidence)
    for rule in (YoudenIndex(), BestF1(), SensitivityAtLeast(0.9), FlagTopShare(0.6)):
        chosen = choose(rule, evidence)
        assert evidence.scores.dtype.type(chosen.threshold) in evidence.scores
        assert table.confusion(chosen.threshold).tp == np.count_nonzero(
            evidence.labels & (evidence.scores >= chosen.threshold)
        )


def every_table(evidence: Evidence) -> list[tuple[float, int, int]]:
    return [
        (
            float(score),
            int(np.count_nonzero(evidence.labels & (evidence.scores >= score))),
            int(np.count_nonzero(~evidence.labels & (evidence.scores >= score))),
        )
        for score in np.unique(evidence.scores)[::-1]
    ]


def test_choices_equal_a_search_over_every_score(evidence: Evidence) -> None:
    positives, negatives = evidence.n_positive, evidence.n_negative
    tables = every_table(evidence)
    expected = next(t for t, tp, _ in tables if tp / positives >= 0.9)
    assert choose(SensitivityAtLeast(0.9), evidence).threshold == expected
    expected = [t for t, _, fp in tables if 1 - fp / negatives >= 0.8][-1]
    assert choose(SpecificityAtLeast(0.8), evidence).threshold == expected
    cost = [0.2 * 5 * (1 - tp / positives) + 0.8 * fp / negatives for _, tp, fp in tables]
    table = OperatingTable.of(evidence)
    least = choose(LeastExpectedCost(Assumptions(0.2, 5, 1)), evidence)
    chosen = table.confusion(least.threshold)
    found = 0.2 * 5 * (1 - chosen.sensitivity) + 0.8 * (1 - chosen.specificity)
    assert found == pytest.approx(min(cost))
    youden = table.confusion(choose(YoudenIndex(), evidence).threshold)
    best = max(tp / positives - fp / negatives for _, tp, fp in tables)
    assert youden.sensitivity + youden.specificity - 1 == pytest.approx(best)


def test_the_wilson_rule_is_the_first_score_whose_bound_reaches_the_target(
    evidence: Evidence,
) -> None:
    positives = evidence.n_positive

    def low(tp: int) -> float:
        interval = binomtest(tp, positives).proportion_ci(method="wilson")
        return float(interval.low)

    expected = next(t for t, tp, _ in every_table(evidence) if low(tp) >= 0.7)
    assert choose(SensitivityAtLeast(0.7, by="wilson"), evidence).threshold == expected


def test_the_slide_rule_is_the_first_score_whose_slide_bound_reaches_the_target(
    evidence: Evidence,
) -> None:
    def bound(threshold: float, name: str) -> float:
        rate = SlideCounts.of(evidence, threshold).rate(name)  # type: ignore[arg-type]
        return rate.low if rate.has_interval else -1.0

    scores = np.unique(evidence.scores)[::-1].tolist()
    chosen = choose(SensitivityAtLeast(0.2, by="slides"), evidence).threshold
    assert bound(chosen, "sensitivity") >= 0.2
    if len(scores) <= 1000:
        assert chosen == next(t for t in scores if bound(t, "sensitivity") >= 0.2)
        expected = [t for t in scores if bound(t, "specificity") >= 0.2][-1]
        assert choose(SpecificityAtLeast(0.2, by="slides"), evidence).threshold == expected


def test_a_bound_asks_for_a_lower_threshold_than_the_estimate(evidence: Evidence) -> None:
    kinds = [
        choose(SensitivityAtLeast(0.2, by), evidence).threshold
        for by in ("estimate", "wilson", "slides")
    ]
    assert kinds[0] >= max(kinds[1:])


def test_what_cannot_be_had_is_refused_with_what_can() -> None:
    with pytest.raises(EvidenceError, match=r"highest possible is 0\.5655"):
        choose(SensitivityAtLeast(0.9, by="wilson"), TOY)
    with pytest.raises(EvidenceError, match=r"highest score, 0\.1 are called"):
        choose(FlagTopShare(0.05), TOY)
    with pytest.raises(EvidenceError, match="no slide names"):
        choose(SensitivityAtLeast(0.9, by="slides"), TOY)
    tied = Evidence.of([1, 0], [0.5, 0.5])
    with pytest.raises(EvidenceError, match=r"highest possible is 0\.0000"):
        choose(SpecificityAtLeast(0.9), tied)


@pytest.mark.parametrize(
    "rule", [YoudenIndex(), LeastExpectedCost(Assumptions(0.1, 1, 1)), SpecificityAtLeast(0.9)]
)
def test_one_class_is_refused_by_the_rules_that_need_two(rule: YoudenIndex) -> None:
    with pytest.raises(EvidenceError, match="0 tumour-free"):
        choose(rule, Evidence.of([1, 1], [0.2, 0.8]))


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(EvidenceError, match="between 0 and 1"):
        SensitivityAtLeast(95)
    with pytest.raises(EvidenceError, match="costs"):
        Assumptions(0.1, 0, 1)
    with pytest.raises(EvidenceError, match="prevalence"):
        Assumptions(5, 1, 1)


def test_descriptions_say_what_was_done() -> None:
    assert SensitivityAtLeast(0.95, by="slides").description == (
        "The highest score at which the lower bound of the 95% slide-cluster interval of "
        "sensitivity is at least 0.95."
    )
