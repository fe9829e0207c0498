from collections.abc import Callable

import numpy as np
import pytest

from core.errors import EvidenceError
from core.statistics import Evidence, OperatingTable, SlideBootstrap
from core.thresholds import (
    Assumptions,
    BestF1,
    FixedThreshold,
    FlagTopShare,
    LeastExpectedCost,
    Rule,
    SensitivityAtLeast,
    SpecificityAtLeast,
    YoudenIndex,
    choose,
    threshold_stability,
)

RULES: list[Rule] = [
    YoudenIndex(),
    BestF1(),
    SensitivityAtLeast(0.9),
    SensitivityAtLeast(0.8, by="wilson"),
    SensitivityAtLeast(0.4, by="slides"),
    SpecificityAtLeast(0.7),
    SpecificityAtLeast(0.4, by="slides"),
    LeastExpectedCost(Assumptions(0.1, 10, 1)),
    FlagTopShare(0.4),
]


def chosen_or_nan(rule: Rule, evidence: Evidence) -> float:
    try:
        return choose(rule, evidence).threshold
    except EvidenceError:
        return float("nan")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.name} {rule.over_slides}")
def test_each_replicate_equals_choosing_again_on_the_resampled_patches(
    rule: Rule, make: Callable[..., Evidence]
) -> None:
    # 150 distinct scores: fewer than any grid, so replicates must be exact.
    evidence = make(rows=150, slides=12, seed=3)
    bootstrap = SlideBootstrap.of(evidence, np.random.default_rng(0), replicates=15)
    stability = threshold_stability(rule, bootstrap, OperatingTable.of(evidence))
    again = []
    for draw in bootstrap.draws.astype(int):
        rows, names = [], []
        for slide, count in enumerate(draw):
            for copy in range(count):
                here = np.flatnonzero(evidence.slide_codes == slide)
                rows.append(here)
                names += [f"{slide}-{copy}"] * len(here)
        one = evidence.select(np.concatenate(rows))
        again.append(chosen_or_nan(rule, Evidence.of(one.labels, one.scores, names)))
    kept = np.array(again)[~np.isnan(again)]
    np.testing.assert_array_equal(stability.replicates, kept)
    for slide, threshold in enumerate(stability.without_slide):
        rest = evidence.select(evidence.slide_codes != slide)
        np.testing.assert_equal(threshold, chosen_or_nan(rule, rest))


def test_a_fixed_threshold_does_not_move(make: Callable[..., Evidence]) -> None:
    evidence = make()
    bootstrap = SlideBootstrap.of(evidence, np.random.default_rng(0), replicates=10)
    stability = threshold_stability(FixedThreshold(0.3), bootstrap, OperatingTable.of(evidence))
    assert set(stability.replicates) == {0.3}
    assert stability.threshold.width == 0


def test_the_slide_that_moves_the_threshold_most_is_named() -> None:
    rng = np.random.default_rng(1)
    labels = np.tile([0, 1], 200)
    scores = np.where(labels == 1, 0.7, 0.3) + rng.uniform(-0.1, 0.1, 400)
    slides = np.repeat([f"s{number}" for number in range(20)], 20)
    scores[(slides == "s7") & (labels == 1)] = 0.05  # one slide whose tumour is not seen
    evidence = Evidence.of(labels, scores, slides)
    bootstrap = SlideBootstrap.of(evidence, np.random.default_rng(0), replicates=200)
    stability = threshold_stability(
        SensitivityAtLeast(0.97), bootstrap, OperatingTable.of(evidence)
    )
    assert stability.threshold.value == 0.05
    name, without = stability.most_influential
    assert name == "s7"
    assert without > 0.5
    # The slide is missing from about a third of the replicates: (19 / 20) ** 20 = 0.36.
    assert np.mean(stability.replicates > 0.5) == pytest.approx(0.36, abs=0.1)
