"""Tables of labels beside patches: which are read, of which patches, and what is told."""

import zipfile
from pathlib import Path

import h5py
import pytest

from core.errors import SourceError
from core.patches import Patch, PatchSource, open_source
from tests.toys import noise_patches, write_patches


def labels_of(source: PatchSource) -> dict[str, int | None]:
    return {entry.path: entry.label for entry in source.entries}


@pytest.mark.parametrize("packed", [False, True])
def test_labels_beside_patches_are_read_and_are_no_patch(tmp_path: Path, packed: bool) -> None:
    folder = tmp_path / "set"
    write_patches(folder, 3)
    (folder / "labels.csv").write_text("id;label;slide\npatch-000;tumour;s1\npatch-001.png;0;s2\n")
    if packed:
        with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
            for file in sorted(folder.iterdir()):
                archive.write(file, file.name)
    with open_source(tmp_path / ("set.zip" if packed else "set")) as source:
        assert labels_of(source) == {"patch-000.png": 1, "patch-001.png": 0, "patch-002.png": None}
        assert [source.read(at).entry for at in range(3)] == list(source.entries)
        assert [item.entry.slide for item in source.read_many(range(3))] == ["s1", "s2", None]
        assert source.coverage == ("labels.csv: 2 of 3 inputs with a label.",)


def test_labels_of_every_patch_need_no_word(tmp_path: Path) -> None:
    write_patches(tmp_path, 2)
    (tmp_path / "labels.csv").write_text("id,label\npatch-000,1\npatch-001,0\n")
    with open_source(tmp_path) as source:
        assert set(labels_of(source).values()) == {0, 1}
        assert source.remarks == ()


@pytest.mark.parametrize("form", ["folder", "zip", "list of paths"])
def test_folders_of_classes_label_patches_that_no_table_labels(tmp_path: Path, form: str) -> None:
    folder = tmp_path / "set"
    for name in ("tumour", "normal", "other"):
        (folder / name).mkdir(parents=True)
        write_patches(folder / name, 1)
    place = folder
    if form == "list of paths":
        place = tmp_path / "list.csv"
        files = (str(file.relative_to(tmp_path)) for file in sorted(folder.rglob("*.png")))
        place.write_text("\n".join(("path", *files)))
    elif form == "zip":
        place = tmp_path / "set.zip"
        with zipfile.ZipFile(place, "w") as archive:
            for file in sorted(folder.rglob("*.png")):
                archive.write(file, file.relative_to(folder))
    with open_source(place) as source:
        assert [entry.label for entry in source.entries] == [0, None, 1]
        told = [note for note in source.remarks if "the names of folders" in note]
        assert "normal: 2 of 3 inputs" in told[0]
    table = tmp_path / "labels.csv"
    table.write_text("id,label\nother/patch-000,1\n")
    with open_source(place, added=[("labels.csv", table)]) as source:
        assert [entry.label for entry in source.entries] == [None, 1, None]


def test_a_table_is_of_its_own_folder_where_there_are_patches(tmp_path: Path) -> None:
    for part, label in (("train", 0), ("test", 1)):
        write_patches(tmp_path / part, 2)
        (tmp_path / part / "labels.csv").write_text(f"id,label\npatch-000,{label}\n")
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "slides.csv").write_text("id,slide\ntrain/patch-001,s1\nx,s2\n")
    source = open_source(tmp_path)
    assert labels_of(source) == {
        "test/patch-000.png": 1,
        "test/patch-001.png": None,
        "train/patch-000.png": 0,
        "train/patch-001.png": None,
    }
    assert [entry.slide for entry in source.entries] == [None, None, None, "s1"]
    assert "slides.csv: 0 of 4 inputs with a label; 1 id of no input here (x)." in source.coverage


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("notes.csv", "day,who\n1,me\n", "it has the columns 'day', 'who'; expected 'label'"),
        ("labels.csv", "id,label\npatch-000,perhaps\n", "'perhaps'"),
        ("labels.csv", "file,label\npatch-000,1\n", "expected also 'id'"),
        ("labels.csv", "id,label\nother,1\n", "None of the 1 ids"),
        ("labels.csv", "id,label\npatch-000,1\npatch-000,0\n", "1 id more than one label"),
        ("labels.xlsx", "PK\x03\x04", "save it as comma-separated"),
        ("train_labels.csv.zip", "PK\x03\x04", "Unpack it, or save it"),
        ("sample_submission.csv", "id,label\npatch-000,0\n", "placeholders"),
        ("before.csv", "id,label,prob_tumour,model_id\npatch-000,0,0.1,m\n", "scores of a model"),
    ],
)
def test_a_table_that_is_of_no_use_is_told_and_is_no_patch(
    tmp_path: Path, name: str, text: str, said: str
) -> None:
    write_patches(tmp_path, 1)
    (tmp_path / name).write_text(text)
    source = open_source(tmp_path)
    assert labels_of(source) == {"patch-000.png": None}
    assert any(said in note for note in source.notes)


def test_labels_beside_patches_in_one_file_are_read_in_their_folder_and_else_told(
    tmp_path: Path,
) -> None:
    with h5py.File(tmp_path / "d.h5", "w") as file:
        file["x"] = noise_patches(2)
    (tmp_path / "labels.csv").write_text("id,label\nd_000001,1\n")
    with open_source(tmp_path) as source:
        assert labels_of(source) == {"d.h5/000000": None, "d.h5/000001": 1}
        assert isinstance(source.read(1), Patch)
    with open_source(tmp_path / "d.h5") as source:
        assert set(labels_of(source).values()) == {None}
        assert "labels.csv beside d.h5 is not read" in source.notes[0]
    given = [("labels.csv", tmp_path / "labels.csv")]
    with open_source(tmp_path / "d.h5", added=given) as source:
        assert labels_of(source)["d.h5/000001"] == 1
        assert not source.notes


def test_two_values_for_one_patch_are_a_contradiction_and_named_labels_win(tmp_path: Path) -> None:
    folder, given = tmp_path / "set", tmp_path / "given.csv"
    write_patches(folder, 2)
    (folder / "a.csv").write_text("id,label\npatch-000,1\n")
    (folder / "b.csv").write_text("id,label\npatch-000,0\n")
    with pytest.raises(SourceError, match=r"b\.csv gives 1 input another label"):
        open_source(folder).require_consistent()
    given.write_text("id,label\npatch-000,0\n")
    source = open_source(folder, added=[("given.csv", given)], beside=False)
    source.require_consistent()
    assert labels_of(source) == {"patch-000.png": 0, "patch-001.png": None}
    given.write_text("id,label\nelse,0\n")
    with pytest.raises(SourceError, match=r"None of the 1 ids in given\.csv"):
        open_source(folder, added=[("given.csv", given)], beside=False)


def test_a_label_that_may_be_of_two_patches_is_of_none(tmp_path: Path) -> None:
    write_patches(tmp_path / "a", 2)
    write_patches(tmp_path / "b", 1)
    (tmp_path / "labels.csv").write_text("id,label\npatch-000,1\npatch-001,1\n")
    source = open_source(tmp_path)
    assert labels_of(source)["a/patch-000.png"] is labels_of(source)["b/patch-000.png"] is None
    assert labels_of(source)["a/patch-001.png"] == 1
    assert "1 id of more than one patch" in " ".join(source.notes)


def test_ids_in_other_capitals_are_matched_where_they_can_be_one_patch(tmp_path: Path) -> None:
    write_patches(tmp_path / "train", 2)
    table = tmp_path / "labels.csv"
    table.write_text("id,label\nTrain\\PATCH-000.PNG,1\nPatch-001,0\n")
    source = open_source(tmp_path)
    assert list(labels_of(source).values()) == [1, 0]
    assert "2 paths in other capitals matched" in " ".join(source.notes)
    table.write_text("id,label\nPATCH-000,1\nPatch-000,0\n")
    assert (
        "2 paths in other capitals that may belong to one patch" in open_source(tmp_path).notes[0]
    )


def test_a_list_of_paths_in_other_capitals_opens_the_files(tmp_path: Path) -> None:
    write_patches(tmp_path / "Train", 2)
    (tmp_path / "list.csv").write_text("path\ntrain\\PATCH-000.png\nTrain/patch-001.png\n")
    source = open_source(tmp_path / "list.csv")
    assert all(source.digest(at) for at in range(2))
    assert "1 path in other capitals matched" in " ".join(source.notes)
    write_patches(tmp_path / "train", 1)
    source = open_source(tmp_path / "list.csv")
    assert "Write the paths as the files have them" in " ".join(source.notes)
    assert not source.digest(0)
