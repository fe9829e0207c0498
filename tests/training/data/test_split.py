import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import RunError
from tests.training.toys import toy_table
from training.data.split import split_patches

PATCHES = st.lists(st.tuples(st.integers(0, 1), st.integers(-1, 14)), min_size=30, max_size=200)


@settings(max_examples=60, deadline=None)
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
    with pytest.raises(RunError, match="both classes"):
        split_patches(table, seed=0)
