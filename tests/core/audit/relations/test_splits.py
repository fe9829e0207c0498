from collections.abc import Sequence

import pandas as pd

from core.audit.relations.splits import split_table
from tests.core.audit.relations.planted import search
from tests.toys import noise_patches

SLIDES = ["a", "a", "b", "b", "c", None]
SPLITS = ["train", "val", "train", "train", "val", "val"]


def table_of(slides: Sequence[str | None], splits: Sequence[str | None]) -> pd.DataFrame:
    return pd.DataFrame({"slide": list(slides), "split": list(splits)}, dtype=object)


def test_slides_and_copies_in_two_splits_are_counted() -> None:
    images = noise_patches(6)
    images[4] = images[2]
    found = search(images, slide=SLIDES, split=SPLITS)
    table = split_table(table_of(SLIDES, SPLITS), found.pairs, found.groups)
    assert table is not None
    rows = [
        ["" if pd.isna(cell) else cell for cell in row] for row in table.itertuples(index=False)
    ]
    assert rows == [
        ["common-slide", "a", "", "train, val", 2, ""],
        ["crossing", "train", "val", "same-pixels", 1, ""],
        ["touched", "train", "", "", 1, 3],
        ["touched", "val", "", "", 1, 3],
    ]


def test_a_table_without_splits_has_nothing_in_common() -> None:
    found = search(noise_patches(1))
    assert split_table(table_of(["a"], [None]), found.pairs, found.groups) is None
