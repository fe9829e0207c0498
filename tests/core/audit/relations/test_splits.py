from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from core.audit.relations.splits import split_table
from tests.core.audit.relations.planted import search
from tests.toys import noise_patches

SLIDES = ["a", "a", "b", "b", "c", None]
SPLITS = ["train", "val", "train", "train", "val", "val"]
STAIN = ["haematoxylin_mean", "haematoxylin_sd", "eosin_mean", "eosin_sd"]


def table_of(
    slides: Sequence[str | None], splits: Sequence[str | None], stain: NDArray[np.float64]
) -> pd.DataFrame:
    names = pd.DataFrame({"slide": list(slides), "split": list(splits)}, dtype=object)
    return names.join(pd.DataFrame(stain, columns=[f"whole_{name}" for name in STAIN]))


def test_slides_and_copies_in_two_splits_are_counted() -> None:
    images = noise_patches(6)
    images[4] = images[2]
    matches = search(images, slide=SLIDES, split=SPLITS)
    table = split_table(
        table_of(SLIDES, SPLITS, np.full((6, 4), np.nan)), matches.pairs, matches.groups
    )
    assert table is not None
    rows = [
        ["" if pd.isna(cell) else cell for cell in row]
        for row in table.drop(columns="distance").itertuples(index=False)
    ]
    assert rows == [
        ["common-slide", "a", "", "train, val", 2, ""],
        ["crossing", "train", "val", "same-pixels", 1, ""],
        ["touched", "train", "", "", 1, 3],
        ["touched", "val", "", "", 1, 3],
    ]


def test_the_stain_distance_counts_standard_deviations_about_the_slide() -> None:
    rng = np.random.default_rng(0)
    slide = np.repeat(["a", "b", "c", "d"], 2000)
    val = np.isin(slide, ["c", "d"])
    stain = rng.normal(size=(len(slide), 4))
    stain[:, 0] = 10 * (3.0 * val + stain[:, 0])
    splits = np.where(val, "val", "train").tolist()
    none = search(noise_patches(1))
    table = split_table(table_of(slide.tolist(), splits, stain), none.pairs, none.groups)
    assert table is not None
    distances = table.set_index("kind")["distance"]
    assert distances["split-stain"] == pytest.approx(3.0, abs=0.1)
    assert distances["slide-stain"].tolist() == pytest.approx([1.5] * 4, abs=0.1)
    assert distances["slide-stain"].is_monotonic_decreasing


def test_a_table_without_splits_has_nothing_in_common() -> None:
    matches = search(noise_patches(1))
    patches = table_of(["a"], [None], np.zeros((1, 4)))
    assert split_table(patches, matches.pairs, matches.groups) is None
