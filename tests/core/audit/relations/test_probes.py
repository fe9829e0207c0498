"""What a logistic regression tells from plain statistics."""

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from core.audit.columns import STATISTICS_OF
from core.audit.relations.probes import probe_table


def measured(
    ring: NDArray[np.float32], centre: NDArray[np.float32], **known: object
) -> pd.DataFrame:
    """Rows of patches with what is known of them."""
    patches = pd.DataFrame({"fault": "", **known}, index=range(len(ring)))
    for region, values in (("ring", ring), ("centre", centre)):
        patches[[name for name in STATISTICS_OF[region] if "hue" not in name]] = values
    return patches


def features(count: int = 300, seed: int = 0) -> NDArray[np.float32]:
    out = np.random.default_rng(seed).standard_normal((count, 14), dtype=np.float32)
    out *= np.array([5, 3, 1, 1, 1, 1, *[0] * 8], dtype=np.float32)
    return out


def test_a_probe_tells_what_is_in_the_features_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    slide = np.repeat([f"s{k}" for k in range(12)], 50)
    split = np.where(np.arange(600) < 300, "train", "val")
    ring = features(600)
    ring[:, 0] += 100 * pd.factorize(slide)[0]
    patches = measured(
        ring, features(600, 1), slide=slide, split=split, label=rng.integers(0, 2, 600)
    )
    probes = {(p["told"], p["seen"]): p for p in probe_table(patches).to_dict("records")}
    assert probes["slide", "ring"]["score"] > 0.5
    assert probes["slide", "centre"]["score"] == pytest.approx(1 / 12, abs=0.06)
    assert probes["slide", "ring"]["chance"] == pytest.approx(1 / 12)
    assert probes["split", "ring"]["folds"] == "slides apart"
    assert probes["label", "ring"]["score"] == pytest.approx(0.5, abs=0.1)
    assert probes["label", "ring"]["chance"] == 0.5


def test_a_probe_of_one_value_has_no_score_and_says_why() -> None:
    patches = measured(features(50), features(50), slide="a", split="a", label=None)
    for probe in probe_table(patches).to_dict("records"):
        assert np.isnan(probe["score"])
        assert "fewer than two" in probe["note"]
