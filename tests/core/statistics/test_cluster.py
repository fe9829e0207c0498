import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from core.errors import EvidenceError
from core.statistics import (
    METRIC_NAMES,
    Evidence,
    ResampledCounts,
    SlideBootstrap,
    SlideCounts,
    auroc,
    slide_rate,
)
from core.statistics.cluster import WinMatrix


def rows_of(evidence: Evidence, counts: np.ndarray) -> np.ndarray:
    """Row numbers of a resample in which each slide comes as often as its count says."""
    return np.concatenate(
        [
            np.flatnonzero(evidence.slide_codes == slide)
            for slide, count in enumerate(counts.astype(int))
            for _ in range(count)
        ]
    )


def test_every_replicate_of_the_area_equals_scikit_learn_on_the_resampled_rows(
    evidence: Evidence,
) -> None:
    bootstrap = SlideBootstrap.of(evidence, np.random.default_rng(0), replicates=30)
    areas = bootstrap.win_matrix.auroc(bootstrap.draws)
    for draw, area in zip(bootstrap.draws, areas, strict=True):
        rows = rows_of(evidence, draw)
        labels = evidence.labels[rows]
        if labels.all() or not labels.any():
            assert np.isnan(area)
        else:
            assert area == pytest.approx(roc_auc_score(labels, evidence.scores[rows]), abs=1e-12)


@pytest.mark.parametrize("name", METRIC_NAMES)
def test_every_replicate_of_a_rate_equals_the_resampled_rows(evidence: Evidence, name: str) -> None:
    bootstrap = SlideBootstrap.of(evidence, np.random.default_rng(1), replicates=20)
    found = ResampledCounts.of(bootstrap, 0.5).resampled(name)  # type: ignore[arg-type]
    expected = []
    for draw in bootstrap.draws:
        resampled = evidence.select(rows_of(evidence, draw))
        expected.append(SlideCounts.of(resampled, 0.5).total().value(name))  # type: ignore[arg-type]
    kept = np.array(expected)[np.isfinite(expected)]
    np.testing.assert_allclose(found.replicates, kept, atol=1e-12)


def test_the_draws_are_the_multinomial_of_slides() -> None:
    evidence = Evidence.of([0, 1] * 6, np.linspace(0, 1, 12), list("aabbccddeeff"))
    draws = SlideBootstrap.of(evidence, np.random.default_rng(2), replicates=20_000).draws
    assert (draws.sum(axis=1) == 6).all()
    np.testing.assert_allclose(draws.mean(axis=0), 1, atol=0.03)
    np.testing.assert_allclose(draws.var(axis=0), 5 / 6, atol=0.05)


def test_hand_worked_wins_with_a_tie() -> None:
    evidence = Evidence.of([1, 0, 1, 0], [0.5, 0.5, 0.9, 0.1], ["a", "a", "b", "b"])
    matrix = WinMatrix.of(evidence)
    # Slide a's tumour ties with a's normal and beats b's; slide b's tumour beats both.
    assert matrix.wins.tolist() == [[0.5, 1.0], [1.0, 1.0]]


def test_slides_that_agree_within_themselves_have_a_large_design_effect(
    evidence: Evidence,
) -> None:
    if len(evidence.slide_names) < 20:
        pytest.skip("a handful of slides cannot show it")
    bootstrap = SlideBootstrap.of(evidence, np.random.default_rng(3))
    assert bootstrap.auroc(patch_error=auroc(evidence).standard_error).measured.design_effect > 2
    assert SlideCounts.of(evidence, 0.5).rate("sensitivity").design_effect > 2


def test_shuffled_slides_have_a_design_effect_near_one() -> None:
    rng = np.random.default_rng(4)
    labels = rng.random(20_000) < 0.4
    scores = labels + rng.normal(0, 1, 20_000)
    names = np.array([f"s{number}" for number in range(200)])
    evidence = Evidence.of(labels, scores, names[rng.integers(0, 200, 20_000)])
    bootstrap = SlideBootstrap.of(evidence, np.random.default_rng(5))
    area = bootstrap.auroc(patch_error=auroc(evidence).standard_error).measured
    assert area.design_effect == pytest.approx(1, abs=0.25)
    assert SlideCounts.of(evidence, 0.5).rate("specificity").design_effect == pytest.approx(
        1, abs=0.25
    )


def test_the_same_seed_gives_the_same_interval(evidence: Evidence) -> None:
    one, two = (SlideBootstrap.of(evidence, np.random.default_rng(6)).auroc() for _ in range(2))
    for first, again in ((one.measured, two.measured), (one.percentile, two.percentile)):
        assert (first.low, first.high) == (again.low, again.high)


def test_without_slides_nothing_is_resampled() -> None:
    with pytest.raises(EvidenceError, match="no slide names"):
        SlideBootstrap.of(Evidence.of([0, 1], [0.1, 0.9]), np.random.default_rng(0))
    one = Evidence.of([0, 1], [0.1, 0.9], ["a", "a"])
    with pytest.raises(EvidenceError, match="1 slides"):
        SlideBootstrap.of(one, np.random.default_rng(0))


def test_f1_carries_the_interval_of_the_jaccard_index(evidence: Evidence) -> None:
    counts = SlideCounts.of(evidence, 0.5)
    jaccard = slide_rate(counts.tp, counts.tp + counts.fp + counts.fn)
    f1 = counts.rate("f1")
    assert f1.value == pytest.approx(f1_score(evidence.labels, evidence.scores >= 0.5))
    assert f1.low == pytest.approx(2 * jaccard.low / (1 + jaccard.low))
    assert f1.covers(f1.value)
