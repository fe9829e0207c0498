"""What a logistic regression tells from plain statistics."""

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from core.audit.relations.probes import probes


def features(count: int = 300, seed: int = 0) -> NDArray[np.float32]:
    out = np.random.default_rng(seed).standard_normal((count, 6), dtype=np.float32)
    out *= np.array([5, 3, 1, 1, 1, 1], dtype=np.float32)
    return out


def test_a_probe_tells_what_is_in_the_features_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    slide = pd.Series(np.repeat([f"s{k}" for k in range(12)], 50))
    split = pd.Series(np.where(np.arange(600) < 300, "train", "val"))
    label = pd.Series(rng.integers(0, 2, 600))
    ring = features(600)
    ring[:, 0] += 100 * pd.factorize(slide)[0]
    found = {(p.told, p.seen): p for p in probes(ring, features(600, 1), slide, split, label)}
    assert found["slide", "ring"].score > 0.5
    assert found["slide", "centre"].score == pytest.approx(1 / 12, abs=0.06)
    assert found["slide", "ring"].chance == pytest.approx(1 / 12)
    assert found["split", "ring"].folds == "slides apart"
    assert found["label", "ring"].score == pytest.approx(0.5, abs=0.1)
    assert found["label", "ring"].chance == 0.5


def test_a_probe_of_one_value_has_no_score_and_says_why() -> None:
    one = pd.Series(["a"] * 50)
    unknown = pd.Series([None] * 50, dtype="object")
    for probe in probes(features(50), features(50), one, one, unknown):
        assert np.isnan(probe.score)
        assert "fewer than two" in probe.note
