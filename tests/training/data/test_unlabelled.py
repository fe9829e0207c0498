from tests.training.toys import toy_table
from training.data.unlabelled import select_patches

SLIDES = ["a", "b", "c", "c", "d", "", ""]
SPLITS = ["train", "train", "val", "train", "test", "val", "train"]
TABLE = toy_table([0, 1, 0, 1, 0, 1, -1], SLIDES, SPLITS)


def test_held_out_patches_and_the_others_of_their_slides_are_left_out() -> None:
    selection = select_patches(TABLE)
    assert selection.rows.tolist() == [0, 1, 6]
    assert selection.held_out == 4
    assert not selection.warnings


def test_held_out_patches_are_taken_only_where_that_is_asked_and_said() -> None:
    selection = select_patches(TABLE, with_held_out=True)
    assert selection.rows.tolist() == list(range(7))
    assert selection.held_out == 0
    assert "4 validation or test patches" in selection.warnings[0]


def test_without_a_declared_split_all_are_taken_and_the_reader_is_told() -> None:
    selection = select_patches(toy_table([-1, -1], ["", "s"], ["", ""]))
    assert selection.rows.tolist() == [0, 1]
    assert "declare no validation or test" in selection.warnings[0]
