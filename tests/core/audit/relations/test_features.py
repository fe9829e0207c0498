import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA

from core.audit.columns import STATISTICS
from core.audit.relations.doubtful import label_candidates
from core.audit.summaries import embedding_table


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
