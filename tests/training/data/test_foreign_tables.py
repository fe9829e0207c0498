"""Labels, slides and splits as other people write them: which patches train and validate then."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import RunError, SourceError
from core.patches import open_source
from tests.toys import write_patches
from tests.training.toys import toy_table, write_table, write_toy_kaggle
from training.commands import main
from training.data.labelled import open_labelled
from training.data.pack import Pack, open_pack
from training.data.split import Split, split_fold, split_patches
from training.options import Fold


def rewrite(table: Path, rule: Callable[[str], str]) -> None:
    """Change every line of a table but the first."""
    first, *lines = table.read_text("utf-8").splitlines()
    table.write_text("\n".join([first, *map(rule, lines)]) + "\n", "utf-8")


def pack_of(data: Path) -> tuple[Pack, tuple[str, ...]]:
    with open_source(data) as source:
        return open_pack(source, data.parent / "cache"), source.notes


def ids(pack: Pack, split: Split) -> tuple[list[str], list[str]]:
    return pack.table.ids[split.train].tolist(), pack.table.ids[split.val].tolist()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Six slides of ten patches, the last two declared validation."""
    return write_toy_kaggle(tmp_path / "data")


@pytest.mark.parametrize(
    ("rule", "note"),
    [
        (lambda line: line + ",", "60 rows ending in one separator too many"),
        (lambda line: line.replace("train", "Train").replace("val", "Val"), "60 cells in 'split'"),
        (lambda line: line.replace("val", "VALID"), "20 cells in 'split' respelt"),
        (lambda line: line.replace(",", " , "), "120 cells with spaces"),
        (lambda line: line.replace(",", ".tif,"), "60 ids matched without the suffix"),
        (lambda line: line + "\r", ""),
    ],
)
def test_a_declared_split_holds_however_it_is_written(
    data: Path, rule: Callable[[str], str], note: str
) -> None:
    pack, _ = pack_of(data)
    expected = ids(pack, split_patches(pack.table, seed=0))
    rewrite(data / "split.csv", rule)
    pack, notes = pack_of(data)
    assert ids(pack, split_patches(pack.table, seed=0)) == expected
    assert len(expected[1]) == 20
    assert any(note in remark for remark in notes) == bool(note)


def test_ids_with_the_suffix_of_their_files_are_matched(data: Path) -> None:
    expected, _ = pack_of(data)
    rewrite(data / "train_labels.csv", lambda line: line.replace(",", ".tif,"))
    pack, notes = pack_of(data)
    assert pack.table.ids.tolist() == expected.table.ids.tolist()
    assert pack.table.labels.tolist() == expected.table.labels.tolist()
    assert any("60 ids matched without the suffix" in note for note in notes)


@pytest.mark.parametrize("word", ["nan", "NA", "", "None"])
def test_a_slide_that_is_no_name_is_unknown_and_only_trains(data: Path, word: str) -> None:
    (data / "split.csv").unlink()
    rewrite(data / "patch_id_wsi.csv", lambda line: re.sub("s[12]$", word, line))
    pack, _ = pack_of(data)
    split = split_patches(pack.table, seed=0, val_share=0.25)
    assert (pack.table.slides[split.val] != "").all()
    assert int((pack.table.slides[split.train] == "").sum()) == 20
    assert any("20 of" in warning for warning in split.warnings)


def test_a_slide_with_a_space_after_its_name_is_the_same_slide(data: Path) -> None:
    (data / "split.csv").unlink()
    rewrite(data / "patch_id_wsi.csv", lambda line: line + " " * (int(line[3]) % 2))
    pack, _ = pack_of(data)
    assert sorted(set(pack.table.slides)) == [f"s{number}" for number in range(6)]
    split = split_patches(pack.table, seed=0, val_share=0.25)
    assert not set(pack.table.slides[split.train]) & set(pack.table.slides[split.val])


@pytest.mark.parametrize("table", ["train_labels.csv", "split.csv", "patch_id_wsi.csv"])
def test_an_id_that_a_table_gives_two_values_stops_the_training(
    data: Path, table: str, capsys: pytest.CaptureFixture[str]
) -> None:
    other = {"train_labels.csv": "1", "split.csv": "val", "patch_id_wsi.csv": "s5"}[table]
    with (data / table).open("a", encoding="utf-8") as file:
        file.write(f"p000,{other}\n")
    out = data.parent / "out"
    arguments = ["fit", "--data", str(data), "--out", str(out), "--recipe", "tiny"]
    assert main([*arguments, "--device", "cpu"]) == 2
    assert f"{table} gives 1 id more than one" in capsys.readouterr().err


def test_a_split_of_other_ids_is_no_split(data: Path) -> None:
    write_table(data / "split.csv", ("id", "split"), [("x1", "train"), ("x2", "val")])
    with pytest.raises(SourceError, match=r"None of the 2 ids in split\.csv matches a patch here"):
        pack_of(data)


def test_a_repeated_row_counts_once_and_is_said(data: Path) -> None:
    with (data / "train_labels.csv").open("a", encoding="utf-8") as file:
        file.write("p000,0\n")
    pack, notes = pack_of(data)
    assert len(pack) == 60
    assert "train_labels.csv: 1 id more than once; the first row counts." in notes


@pytest.mark.parametrize("at_random", [False, True])
def test_declared_test_patches_take_no_part(data: Path, *, at_random: bool) -> None:
    rewrite(data / "split.csv", lambda line: line.replace("val", "Test"))
    pack, _ = pack_of(data)
    split = split_patches(pack.table, seed=0, val_share=0.25, at_random=at_random)
    train, val = ids(pack, split)
    assert sorted(train + val) == [f"p{number:03d}" for number in range(40)]
    assert any("20 patches are declared test" in warning for warning in split.warnings)
    fold = split_fold(pack.table, Fold(0, 2), seed=0, at_random=at_random)
    assert len(fold.train) + len(fold.val) == 40


def test_a_slide_that_trains_and_tests_is_told() -> None:
    table = toy_table(
        [0, 1] * 6, list("aabbccddeeff"), ["train"] * 4 + ["test"] + ["train"] * 5 + ["val"] * 2
    )
    assert any("1 slides have patches" in note for note in split_patches(table, seed=0).warnings)


def test_a_part_that_nobody_knows_is_refused_by_its_name() -> None:
    table = toy_table([0, 1, 0, 1], list("aabb"), ["train", "train", "val", "extern"])
    with pytest.raises(RunError, match=r"'extern' \(1 patches\)"):
        split_patches(table, seed=0)


def test_too_few_patches_of_a_class_are_told_with_their_numbers() -> None:
    labels, slides = [1] * 8 + [0] * 9, [f"s{number % 12}" for number in range(17)]
    with pytest.raises(RunError, match="17 patches of known slide, 8 with tumour and 9 without"):
        split_patches(toy_table(labels, slides), seed=0)


def test_folders_declare_the_split_of_patches_that_a_table_labels(tmp_path: Path) -> None:
    for part in ("train", "test"):
        write_patches(tmp_path / part, 2)
        (tmp_path / part / "labels.csv").write_text("id,label\npatch-000,0\npatch-001,1\n")
    entries = open_labelled(tmp_path).entries
    assert [(entry.label, entry.split) for entry in entries] == [
        (0, "test"),
        (1, "test"),
        (0, "train"),
        (1, "train"),
    ]
    assert len({entry.id for entry in entries}) == 4
