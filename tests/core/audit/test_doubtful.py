import numpy as np
import pandas as pd
import pytest

from core.audit.doubtful import candidate_table


def test_swapped_labels_lead_the_candidates_for_review() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 1000)
    prob = np.clip(0.15 + 0.7 * truth + rng.normal(0, 0.08, 1000), 0.01, 0.99)
    labels = truth.copy()
    swapped = rng.choice(1000, 30, replace=False)
    labels[swapped] ^= 1
    ids = [f"p{k}" for k in range(1000)]
    patches = pd.DataFrame({"id": ids, "label": labels, "slide": None, "row": np.arange(1000)})
    frame = candidate_table(patches, pd.DataFrame({"prob_tumour": prob, "out_of_fold": True}))
    assert frame is not None
    assert frame["out_of_fold"].all()
    assert set(frame["id"][:30]) == {f"p{k}" for k in swapped}
    assert frame["rank"].tolist() == list(range(1, len(frame) + 1))
    own = np.where(frame["label"] == 1, frame["prob_tumour"], 1 - frame["prob_tumour"])
    assert frame["self_confidence"].to_numpy() == pytest.approx(own)
    for _, part in frame.groupby("confident"):
        assert part["self_confidence"].is_monotonic_increasing
    assert frame["confident"].is_monotonic_decreasing
    assert frame["confident"].sum() >= 10
