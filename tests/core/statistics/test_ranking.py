from random import Random

import numpy as np
import pytest
from confidenceinterval import roc_auc_score as reference_interval
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from core.errors import EvidenceError
from core.statistics import Evidence, auroc, paired_auroc


def slow_delong(labels: np.ndarray, scores: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """DeLong's placements straight from the definition, every pair compared."""
    ones, zeros = scores[labels], scores[~labels]
    wins = (ones[:, None] > zeros) + 0.5 * (ones[:, None] == zeros)
    return float(wins.mean()), wins.mean(axis=1), wins.mean(axis=0)


def test_area_equals_scikit_learn(evidence: Evidence) -> None:
    expected = roc_auc_score(evidence.labels, evidence.scores)
    assert auroc(evidence).value == pytest.approx(expected, abs=1e-12)


def test_standard_error_equals_delong_from_the_definition(evidence: Evidence) -> None:
    area, ones, zeros = slow_delong(evidence.labels, evidence.scores)
    variance = ones.var(ddof=1) / len(ones) + zeros.var(ddof=1) / len(zeros)
    ranking = auroc(evidence)
    assert ranking.value == pytest.approx(area, abs=1e-12)
    assert ranking.standard_error == pytest.approx(np.sqrt(variance), rel=1e-9)


def test_the_standard_error_gives_the_plain_interval_of_the_confidenceinterval_package(
    evidence: Evidence,
) -> None:
    _, (low, high) = reference_interval(
        evidence.labels.astype(int).tolist(), evidence.scores.astype(float).tolist()
    )
    area = auroc(evidence)
    half = norm.ppf(0.975) * area.standard_error
    plain = max(0.0, area.value - half), min(1.0, area.value + half)
    assert plain == pytest.approx((low, high), abs=1e-6)


def test_the_logit_interval_stays_inside_and_contains_the_area(evidence: Evidence) -> None:
    area = auroc(evidence)
    assert 0 < area.low < area.value < area.high < 1


def test_paired_delong_equals_the_definition(evidence: Evidence) -> None:
    rng = np.random.default_rng(1)
    other = Evidence.of(
        evidence.labels, evidence.scores + rng.normal(0, 0.3, len(evidence)), evidence.slides
    )
    a, ones_a, zeros_a = slow_delong(evidence.labels, evidence.scores)
    b, ones_b, zeros_b = slow_delong(other.labels, other.scores)
    variance = (ones_a - ones_b).var(ddof=1) / len(ones_a) + (zeros_a - zeros_b).var(ddof=1) / len(
        zeros_a
    )
    comparison = paired_auroc(evidence, other)
    assert comparison.difference.value == pytest.approx(a - b, abs=1e-12)
    assert comparison.difference.standard_error == pytest.approx(np.sqrt(variance), rel=1e-8)
    z = (a - b) / np.sqrt(variance)
    assert comparison.p_value == pytest.approx(2 * norm.sf(abs(z)), rel=1e-6)


def test_swapping_the_models_turns_the_sign(evidence: Evidence) -> None:
    other = Evidence.of(evidence.labels, evidence.scores[::-1].copy(), evidence.slides)
    one, two = paired_auroc(evidence, other), paired_auroc(other, evidence)
    assert one.difference.value == pytest.approx(-two.difference.value)
    assert one.p_value == pytest.approx(two.p_value)


def test_the_same_model_twice_differs_by_nothing(evidence: Evidence) -> None:
    comparison = paired_auroc(evidence, evidence)
    assert comparison.difference.value == 0
    assert not comparison.difference.has_interval


def test_different_patches_cannot_be_compared() -> None:
    a = Evidence.of([0, 1, 1], [0.1, 0.6, 0.9])
    with pytest.raises(EvidenceError, match="Match them by patch id"):
        paired_auroc(a, Evidence.of([1, 0, 1], [0.1, 0.6, 0.9]))
    with pytest.raises(EvidenceError, match="slides differ"):
        paired_auroc(a, Evidence.of([0, 1, 1], [0.1, 0.6, 0.9], ["a", "a", "b"]))


@pytest.mark.parametrize(("labels", "scores"), [([1, 1], [0.2, 0.3]), ([0], [0.5])])
def test_one_class_has_no_area(labels: list[int], scores: list[float]) -> None:
    area = auroc(Evidence.of(labels, scores))
    assert np.isnan(area.value)
    assert not area.has_interval
    assert "one class" in area.notes[0]


def test_perfect_separation_gets_no_interval_of_width_zero() -> None:
    area = auroc(Evidence.of([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]))
    assert area.value == 1
    assert not area.has_interval


@given(
    st.lists(st.tuples(st.booleans(), st.integers(-50, 50)), min_size=2, max_size=60),
    st.randoms(use_true_random=False),
)
def test_only_the_order_of_the_scores_counts(rows: list[tuple[bool, int]], random: Random) -> None:
    labels, scores = (np.array(column) for column in zip(*rows, strict=True))
    base = auroc(Evidence.of(labels, scores))
    stretched = auroc(Evidence.of(labels, np.exp(scores / 10) * 3 + 1))
    order = random.sample(range(len(rows)), len(rows))
    shuffled = auroc(Evidence.of(labels[order], scores[order]))
    turned = auroc(Evidence.of(~labels, -scores))
    for other in (stretched, shuffled, turned):
        assert other.value == pytest.approx(base.value, nan_ok=True, abs=1e-12)
        assert other.standard_error == pytest.approx(base.standard_error, nan_ok=True, abs=1e-9)
