import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from core.audit.columns import STATISTICS
from core.audit.relations.doubtful import label_candidates
from core.audit.relations.probes import embedding_table, probes


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


def test_swapped_labels_lead_the_candidates_for_review() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 1000)
    prob = np.clip(0.15 + 0.7 * truth + rng.normal(0, 0.08, 1000), 0.01, 0.99)
    labels = truth.copy()
    swapped = rng.choice(1000, 30, replace=False)
    labels[swapped] ^= 1
    ids = np.array([f"p{k}" for k in range(1000)])
    frame = label_candidates(ids, labels, prob)
    assert set(frame["id"][:30]) == {f"p{k}" for k in swapped}
    assert frame["rank"].tolist() == list(range(1, len(frame) + 1))
    own = np.where(frame["label"] == 1, frame["prob_tumour"], 1 - frame["prob_tumour"])
    assert frame["self_confidence"].to_numpy() == pytest.approx(own)
    for _, part in frame.groupby("confident"):
        assert part["self_confidence"].is_monotonic_increasing
    assert frame["confident"].is_monotonic_decreasing
    assert frame["confident"].sum() >= 10


def test_the_map_agrees_with_principal_components() -> None:
    rng = np.random.default_rng(0)
    names = [name for name in STATISTICS if "hue" not in name]
    values = rng.normal(size=(300, len(names))) @ rng.normal(size=(len(names), len(names)))
    patches = pd.DataFrame(values, columns=names).assign(row=np.arange(300) * 2, fault="")
    patches.loc[::10, "fault"] = "damaged"
    table = embedding_table(patches)
    assert table is not None
    known = patches[patches["fault"] == ""]
    standard = known[names] - known[names].mean()
    standard /= standard.std(ddof=0)
    reference = PCA(2, svd_solver="full").fit(standard)
    expected = reference.transform(standard)
    assert table["row"].tolist() == known["row"].tolist()
    assert np.abs(table[["x", "y"]].to_numpy()) == pytest.approx(np.abs(expected), abs=1e-3)
    shares = table[["share_x", "share_y"]].iloc[0].tolist()
    assert shares == pytest.approx(reference.explained_variance_ratio_, abs=1e-5)


def test_two_patches_have_no_map() -> None:
    names = [name for name in STATISTICS if "hue" not in name]
    patches = pd.DataFrame(np.zeros((2, len(names))), columns=names).assign(row=[0, 1], fault="")
    assert embedding_table(patches) is None
