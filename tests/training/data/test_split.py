from collections.abc import Callable, Iterator
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import RunError
from tests.training.toys import toy_table
from training.data.split import PatchTable, Split, split_fold, split_none, split_patches
from training.options import Fold

PATCHES = st.lists(st.tuples(st.integers(0, 1), st.integers(-1, 14)), min_size=30, max_size=200)


@settings(max_examples=60)
@given(patches=PATCHES, seed=st.integers(0, 9))
def test_no_slide_trains_and_validates(patches: list[tuple[int, int]], seed: int) -> None:
    table = toy_table(
        [label for label, _ in patches], [f"s{slide}" if slide >= 0 else "" for _, slide in patches]
    )
    try:
        split = split_patches(table, seed=seed, val_share=0.25)
    except RunError:
        return  # too few slides or a side with one class: refused in words
    train, val = set(table.slides[split.train]), set(table.slides[split.val])
    assert not (train & val) - {""}
    assert "" not in val
    assert sorted([*split.train, *split.val]) == list(range(len(table)))


def test_the_split_follows_from_the_seed() -> None:
    table = toy_table([0, 1] * 50, [f"s{n // 5}" for n in range(100)])
    first, again, other = (split_patches(table, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.val, again.val)
    assert not np.array_equal(first.val, other.val)


def test_a_declared_split_is_kept_and_other_parts_are_left_out() -> None:
    table = toy_table(
        [0, 1, 0, 1, 0], ["a", "a", "b", "b", "c"], ["train", "train", "val", "val", "test"]
    )
    split = split_patches(table, seed=0)
    assert split.train.tolist() == [0, 1]
    assert split.val.tolist() == [2, 3]


def test_a_declared_split_with_a_slide_on_both_sides_is_refused() -> None:
    table = toy_table([0, 1, 0, 1], ["a", "a", "a", "b"], ["train", "train", "val", "val"])
    with pytest.raises(RunError, match="1 slides both in training and in validation"):
        split_patches(table, seed=0)


def test_patches_of_unknown_slide_train_and_are_counted() -> None:
    table = toy_table([0, 1] * 25, [f"s{n // 4}" if n < 40 else "" for n in range(50)])
    split = split_patches(table, seed=0, val_share=0.3)
    assert set(range(40, 50)) <= set(split.train.tolist())
    assert any("10 of" in warning for warning in split.warnings)


def test_without_slides_the_split_is_refused_and_says_what_a_random_one_costs() -> None:
    table = toy_table([0, 1] * 25, [""] * 50)
    with pytest.raises(RunError, match=r"--random-split .* 0\.84 to 0\.92"):
        split_patches(table, seed=0)


def test_a_random_split_warns() -> None:
    table = toy_table([0, 1] * 25, [""] * 50)
    split = split_patches(table, seed=0, val_share=0.2, at_random=True)
    assert len(split.val) == 10
    assert "too good" in split.warnings[0]


def test_a_side_with_one_class_is_refused() -> None:
    table = toy_table([0, 1, 0, 0], ["a", "a", "b", "b"], ["train", "train", "val", "val"])
    with pytest.raises(RunError, match=r"both classes\. Add patches, or correct the column split"):
        split_patches(table, seed=0)


PARTS = st.lists(
    st.tuples(
        st.integers(0, 1), st.integers(-1, 9), st.sampled_from(["", "train", "val", "test", "test"])
    ),
    min_size=1,
    max_size=80,
)


def splits(table: PatchTable, seed: int) -> Iterator[Split]:
    """Every kind of split that the table allows."""
    attempts: list[Callable[[], Split]] = [
        lambda: split_patches(table, seed=seed),
        lambda: split_patches(table, seed=seed, val_share=0.5),
        lambda: split_patches(table, seed=seed, at_random=True),
        lambda: split_fold(table, Fold(0, 3), seed=seed),
        lambda: split_fold(table, Fold(1, 3), seed=seed, teach_unknown=True),
        lambda: split_fold(table, Fold(1, 2), seed=seed, at_random=True),
        lambda: split_none(table),
    ]
    for attempt in attempts:
        with suppress(RunError):  # refused in words, and in no other way
            yield attempt()


@settings(max_examples=300)
@given(patches=PARTS, seed=st.integers(0, 9))
def test_declared_test_patches_take_no_part_in_any_split(
    patches: list[tuple[int, int, str]], seed: int
) -> None:
    labels, slides, parts = zip(*patches, strict=True)
    names = [f"s{slide}" if slide >= 0 else "" for slide in slides]
    table = toy_table(labels, names, parts)
    test = set(np.flatnonzero(table.splits == "test").tolist())
    for split in splits(table, seed):
        rows = [*split.train, *split.val, *split.teach]
        assert not test & set(rows)
        assert len(rows) == len(set(rows))
        assert any(f"{len(test):,} patches are declared test" in w for w in split.warnings) == bool(
            test
        )


def test_patches_of_unknown_slide_get_a_fold_each_for_teaching_only() -> None:
    table = toy_table([0, 1] * 30, [f"s{n // 5}" if n < 40 else "" for n in range(60)])
    folds = [split_fold(table, Fold(n, 4), seed=0, teach_unknown=True) for n in range(4)]
    taught = np.concatenate([fold.teach for fold in folds])
    assert sorted(taught.tolist()) == list(range(40, 60))
    for fold in folds:
        assert not set(fold.teach) & set(fold.train)
        assert (table.slides[fold.val] != "").all()


def test_without_validation_every_patch_trains_but_the_test_patches() -> None:
    table = toy_table([0, 1, 0, 1], ["a", "a", "b", ""], ["train", "val", "test", ""])
    split = split_none(table)
    assert split.train.tolist() == [0, 1, 3]
    assert not len(split.val)


def test_data_that_are_all_declared_test_are_told_as_such() -> None:
    table = toy_table([0, 1] * 10, [f"s{n // 2}" for n in range(20)], ["test"] * 20)
    with pytest.raises(RunError, match="All 20 patches are declared test"):
        split_fold(table, Fold(0, 2), seed=0)
