import sys

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from core.audit.relations import embedding, label_candidates, nearest_neighbours, probes
from core.errors import EvidenceError, SettingsError


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
    frame = label_candidates(ids, labels, prob, out_of_fold=True)
    assert set(frame["id"][:30]) == {f"p{k}" for k in swapped}
    assert frame["rank"].tolist() == list(range(1, len(frame) + 1))
    own = np.where(frame["label"] == 1, frame["prob_tumour"], 1 - frame["prob_tumour"])
    assert frame["self_confidence"].to_numpy() == pytest.approx(own)
    for _, part in frame.groupby("confident"):
        assert part["self_confidence"].is_monotonic_increasing
    assert frame["confident"].is_monotonic_decreasing
    assert frame["confident"].sum() >= 10
    assert "warning" not in frame.attrs


def test_scores_of_training_patches_come_with_a_warning() -> None:
    frame = label_candidates(
        np.array(["a", "b", "c", "d"] * 5),
        np.array([0, 0, 1, 1] * 5),
        np.array([0.1, 0.2, 0.9, 0.8] * 5),
        out_of_fold=False,
    )
    assert "not out of fold" in frame.attrs["warning"]


def test_one_label_alone_cannot_be_doubted() -> None:
    with pytest.raises(EvidenceError, match="both 0 and 1"):
        label_candidates(np.array(["a"]), np.array([1]), np.array([0.1]), out_of_fold=True)


def test_the_map_agrees_with_principal_components() -> None:
    values = features()
    found = embedding(values)
    reference = PCA(2, svd_solver="full").fit(values)
    expected = reference.transform(values)
    assert np.abs(found.xy) == pytest.approx(np.abs(expected), abs=1e-3)
    assert found.explained_share == pytest.approx(reference.explained_variance_ratio_, abs=1e-5)


def test_umap_that_is_not_installed_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "umap.umap_", None)
    with pytest.raises(SettingsError, match="pip install umap-learn"):
        embedding(features(), umap=True)


def test_nearest_neighbours_agree_with_scikit_learn() -> None:
    values = features(1500)
    rows, similarity = nearest_neighbours(values, 5)
    reference = NearestNeighbors(n_neighbors=6, metric="cosine").fit(values)
    distance, expected = reference.kneighbors(values)
    assert (rows == expected[:, 1:]).mean() > 0.999
    assert similarity == pytest.approx(1 - distance[:, 1:], abs=1e-5)
