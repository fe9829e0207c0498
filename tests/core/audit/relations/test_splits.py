import numpy as np
import pandas as pd
import pytest

from core.audit.relations import split_audit
from core.errors import EvidenceError
from tests.core.audit.relations.planted import search
from tests.toys import noise_patches

SLIDES = ["a", "a", "b", "b", "c", None]
SPLITS = ["train", "val", "train", "train", "val", "val"]


def test_slides_and_copies_in_two_splits_are_counted() -> None:
    images = noise_patches(6)
    images[4] = images[2]
    table = pd.DataFrame({"slide": SLIDES, "split": SPLITS})
    audit = split_audit(table, search(images, slide=SLIDES, split=SPLITS))
    assert audit.common_slides.to_numpy().tolist() == [["a", "train, val", 2]]
    assert audit.patches_without_slide == 1
    assert audit.crossings.to_numpy().tolist() == [["train", "val", "same-pixels", 1]]
    assert audit.patches_touched.to_numpy().tolist() == [["train", 3, 1], ["val", 3, 1]]


def test_the_stain_distance_counts_standard_deviations_about_the_slide() -> None:
    rng = np.random.default_rng(0)
    count = 2000
    slide = np.repeat(["a", "b", "c", "d"], count)
    split = np.where(np.isin(slide, ["c", "d"]), "val", "train")
    centre = {"a": 0.0, "b": 0.0, "c": 3.0, "d": 3.0}
    measure = np.array([centre[name] for name in slide]) + rng.normal(size=len(slide))
    stain = pd.DataFrame({"h_mean": 10 * measure, "e_mean": rng.normal(size=len(slide))})
    table = pd.DataFrame({"slide": slide, "split": split})
    relations = search(noise_patches(1))
    with pytest.raises(EvidenceError, match="expected the same patches"):
        split_audit(table, relations, stain)
    whole = type(relations)(len(table), relations.pairs, relations.groups, False, 0)
    audit = split_audit(table, whole, stain)
    assert audit.split_stain["distance"].tolist() == pytest.approx([3.0], abs=0.1)
    assert audit.slide_stain["distance"].tolist() == pytest.approx([1.5] * 4, abs=0.1)


def test_a_table_without_splits_is_refused() -> None:
    with pytest.raises(EvidenceError, match="expected a column split"):
        split_audit(pd.DataFrame({"slide": ["a"]}), search(noise_patches(1)))
