from collections.abc import Callable

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from core.statistics import (
    Evidence,
    OperatingTable,
    SlideBootstrap,
    average_precision_over_slides,
)


def by_scikit_learn(bootstrap: SlideBootstrap) -> list[float]:
    evidence = bootstrap.evidence
    weights = bootstrap.draws[:, evidence.slide_codes]
    return [
        float(average_precision_score(evidence.labels, evidence.scores, sample_weight=row))
        for row in weights
        if row[evidence.labels].any()
    ]


def test_replicates_equal_scikit_learn_up_to_2000_distinct_scores(evidence: Evidence) -> None:
    bootstrap = SlideBootstrap.of(evidence, np.random.default_rng(0), replicates=20)
    resampled = average_precision_over_slides(bootstrap, OperatingTable.of(evidence))
    assert resampled.measured.value == pytest.approx(
        average_precision_score(evidence.labels, evidence.scores), abs=1e-12
    )
    np.testing.assert_allclose(resampled.replicates, by_scikit_learn(bootstrap), atol=1e-9)


def test_beyond_that_replicates_are_within_a_ten_thousandth(
    make: Callable[..., Evidence],
) -> None:
    bootstrap = SlideBootstrap.of(make(rows=30_000, slides=60), np.random.default_rng(1), 20)
    resampled = average_precision_over_slides(bootstrap, OperatingTable.of(bootstrap.evidence))
    np.testing.assert_allclose(resampled.replicates, by_scikit_learn(bootstrap), atol=1e-4)
    assert resampled.measured.covers(resampled.measured.value)
