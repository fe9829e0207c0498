from collections.abc import Callable

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from core.errors import EvidenceError
from core.statistics import Evidence, PairedDifference, SlideBootstrap, compare_auroc


def noisier(evidence: Evidence, noise: float, seed: int = 1) -> Evidence:
    rng = np.random.default_rng(seed)
    scores = evidence.scores + rng.normal(0, noise, len(evidence))
    return Evidence.of(evidence.labels, scores, evidence.slides)


def compared(a: Evidence, b: Evidence, replicates: int = 2000) -> PairedDifference:
    of_a = SlideBootstrap.of(a, np.random.default_rng(0), replicates)
    return compare_auroc(of_a, SlideBootstrap(b, of_a.draws))


def test_replicates_of_the_difference_use_the_same_slides_for_both(
    make: Callable[..., Evidence],
) -> None:
    a = make()
    b = noisier(a, 0.3)
    comparison = compared(a, b, replicates=20)
    draws = SlideBootstrap.of(a, np.random.default_rng(0), replicates=20).draws
    expected = [
        roc_auc_score(a.labels, a.scores, sample_weight=row)
        - roc_auc_score(a.labels, b.scores, sample_weight=row)
        for row in draws[:, a.slide_codes]
    ]
    np.testing.assert_allclose(comparison.replicates, expected, atol=1e-9)


def test_a_clear_difference_is_found_and_none_is_not_invented(
    make: Callable[..., Evidence],
) -> None:
    a = make(rows=4000, slides=60)
    clear = compared(a, noisier(a, 1.0))
    assert clear.p_value is not None
    assert clear.p_value < 0.001
    assert clear.share_a_better == pytest.approx(1, abs=0.01)
    assert clear.difference.low > 0
    same = compared(noisier(a, 0.1, seed=2), noisier(a, 0.1, seed=3))
    assert same.p_value is not None
    assert same.p_value > 0.01


def test_the_same_model_twice_has_no_p_value(make: Callable[..., Evidence]) -> None:
    comparison = compared(make(), make(), replicates=50)
    assert comparison.p_value is None
    assert comparison.share_a_better == 0.5


def test_other_patches_are_refused(make: Callable[..., Evidence]) -> None:
    with pytest.raises(EvidenceError, match="Match them by patch id"):
        compared(make(), make(seed=1))
