"""Tables of a data set under other names, in other forms and beside each other: read, or told."""

import gzip
import hashlib
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core.errors import SourceError
from core.patches import Patch, open_source
from core.patches.naming import told_by_folders
from tests.toys import noise_patches, write_patches

IDS = ("00000", "00001", "00002", "12345")
LABELS = "id,label\n00000,0\n00001,1\n00002,0\n12345,1\n"
SPLIT = "id,split\n00000,train\n00001,val\n00002,test\n12345,test\n"
Facts = list[tuple[str, int | None, str | None, str | None]]


def folder(root: Path, **tables: str | bytes) -> Path:
    """Kaggle's layout; `a__b` names the table a.b."""
    for path, patch_id in zip(write_patches(root / "train", 4, suffix=".tif"), IDS, strict=True):
        path.rename(path.with_name(f"{patch_id}.tif"))
    for name, content in tables.items():
        data = content.encode() if isinstance(content, str) else content
        (root / name.replace("__", ".")).write_bytes(data)
    return root


def packed(root: Path) -> Path:
    with zipfile.ZipFile(root.with_suffix(".zip"), "w") as archive:
        for file in sorted(root.rglob("*")):
            archive.write(file, f"deep/down/{file.relative_to(root).as_posix()}")
    return root.with_suffix(".zip")


def facts(path: Path) -> Facts:
    with open_source(path) as source:
        source.require_consistent()
        return [(e.id, e.label, e.slide, e.split) for e in source.entries]


@pytest.mark.parametrize("place", [lambda root: root, packed], ids=["folder", "zip"])
@pytest.mark.parametrize(
    "name", ["split__csv", "Split__CSV", "split__tsv", "split__csv__gz", "SPLIT__csv__gz"]
)
def test_a_declared_split_is_read_in_any_form_and_capitals(
    tmp_path: Path, name: str, place: Callable[[Path], Path]
) -> None:
    text = SPLIT.replace(",", "\t") if "tsv" in name else SPLIT
    table = gzip.compress(text.encode()) if name.endswith("gz") else text.encode()
    root = folder(tmp_path / "set", train_labels__csv=LABELS, **{name: table})
    assert [part for *_, part in facts(place(root))] == ["train", "val", "test", "test"]


@pytest.mark.parametrize("place", [lambda root: root, packed], ids=["folder", "zip"])
def test_a_layout_in_capitals_is_the_same_layout(
    tmp_path: Path, place: Callable[[Path], Path]
) -> None:
    root = folder(tmp_path / "set", TRAIN_LABELS__CSV=LABELS)
    (root / "train").rename(root / "TRAIN")
    assert [(label, part) for _, label, _, part in facts(place(root))] == [
        *((0, "train"), (1, "train"), (0, "train"), (1, "train"))
    ]


def test_a_pipe_in_the_place_of_a_table_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    root = folder(tmp_path / "set", train_labels__csv=LABELS)
    os.mkfifo(root / "split.csv")
    with pytest.raises(SourceError, match="a pipe"):
        open_source(root)


def test_labels_in_parquet_are_labels(tmp_path: Path) -> None:
    root = folder(tmp_path)
    pd.DataFrame({"id": IDS, "label": [0, 1, 0, 1]}).to_parquet(root / "train_labels.parquet")
    assert [label for _, label, *_ in facts(root)] == [0, 1, 0, 1]


def test_slides_and_splits_may_stand_beside_the_labels(tmp_path: Path) -> None:
    text = "id,label,wsi,split\n00000,0,s1,train\n00001,1,s1,train\n00002,0,s2,Test\n12345,1,,\n"
    found = facts(folder(tmp_path / "a", train_labels__csv=text))
    assert [fact[2:] for fact in found] == [
        ("s1", "train"),
        ("s1", "train"),
        ("s2", "test"),
        (None, "train"),
    ]
    own = folder(tmp_path / "b", train_labels__csv=text, split__csv=SPLIT)
    assert [part for *_, part in facts(own)] == ["train", "val", "test", "test"]


def test_two_tables_of_a_kind_are_refused_and_another_table_is_told(tmp_path: Path) -> None:
    root = folder(tmp_path, train_labels__csv=LABELS, splits__csv=SPLIT)
    with open_source(root) as source:
        assert "1 table besides the known ones not read (splits.csv)" in " ".join(source.notes)
    (root / "split.tsv").write_text(SPLIT.replace(",", "\t"))
    (root / "Split.csv").write_text(SPLIT)
    with pytest.raises(SourceError, match=r"two tables split\.csv"):
        open_source(root)


@pytest.mark.parametrize("table", ["train_labels", "patch_id_wsi", "split"])
def test_ids_that_a_spreadsheet_took_for_numbers_meet_their_files(
    tmp_path: Path, table: str
) -> None:
    texts = {
        "train_labels": LABELS,
        "patch_id_wsi": "id,wsi\n00000,s0\n00001,s1\n00002,s2\n12345,s3\n",
        "split": SPLIT,
    }
    kept = folder(tmp_path / "kept", **{f"{name}__csv": text for name, text in texts.items()})
    texts[table] = texts[table].replace("0000", "").replace("\n12345", "\n12345")
    lost = folder(tmp_path / "lost", **{f"{name}__csv": text for name, text in texts.items()})
    assert facts(lost) == facts(kept)
    with open_source(lost) as source:
        assert f"{table}.csv: 3 ids that a spreadsheet took for a number (0 is 00000)" in (
            " ".join(source.notes)
        )


def test_a_number_that_may_be_either_of_two_files_is_refused(tmp_path: Path) -> None:
    root = folder(tmp_path, train_labels__csv="id,label\n1,1\n00000,0\n")
    (root / "train" / "00002.tif").rename(root / "train" / "001.tif")
    with open_source(root) as source, pytest.raises(SourceError, match="of more than one file"):
        source.require_consistent()


def test_a_zip_that_lists_a_file_or_a_table_twice_is_refused(tmp_path: Path) -> None:
    root = folder(tmp_path / "set", train_labels__csv=LABELS)
    for again in ("train/00001.tif", "train_labels.csv"):
        archive = packed(root)
        with zipfile.ZipFile(archive, "a") as file, pytest.warns(UserWarning, match="Duplicate"):
            file.write(root / "train" / "00000.tif", f"deep/down/{again}")
        with pytest.raises(SourceError, match=f"lists {again} twice"):
            open_source(archive)


@pytest.mark.parametrize("name", ["Müller-é.tif", "病理.tif"])
def test_utf_8_in_a_zip_without_the_mark_is_read_as_macos_writes_it(
    tmp_path: Path, name: str
) -> None:
    """Archive Utility of macOS leaves bit 11 unset."""
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(name, write_patches(tmp_path / "p", 1)[0].read_bytes())
    data = bytearray(archive.read_bytes())
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = data.index(magic) + offset
        (flags,) = struct.unpack_from("<H", data, place)
        struct.pack_into("<H", data, place, flags & ~0x800)
    archive.write_bytes(data)
    with open_source(archive) as source:
        assert [entry.path for entry in source.entries] == [name]
        assert source.read(0).sha256


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ("p0.png,s1\np0.png,s2\n", "1 path more than one slide"),
        ("p0.png,s1\n./sub/../p0.png,s2\n", "1 path more than one slide"),
    ],
)
def test_a_file_of_two_slides_is_refused_however_its_path_is_spelt(
    tmp_path: Path, rows: str, found: str
) -> None:
    write_patches(tmp_path, 1)[0].rename(tmp_path / "p0.png")
    (tmp_path / "list.csv").write_text(f"path,slide\n{rows}")
    with open_source(tmp_path / "list.csv") as source, pytest.raises(SourceError, match=found):
        source.require_consistent()


@pytest.mark.parametrize(("column", "values"), [("label", "01"), ("split", ("train", "test"))])
def test_an_id_or_a_path_with_two_values_is_refused(
    tmp_path: Path, column: str, values: str
) -> None:
    first, second = (path.name for path in write_patches(tmp_path, 2))
    table = tmp_path / "list.csv"
    for header, rows in (
        (f"path,{column}", f"{first},{values[0]}\n{first},{values[1]}\n"),
        (f"path,id,{column}", f"{first},x,{values[0]}\n{second},x,{values[1]}\n"),
    ):
        table.write_text(f"{header}\n{rows}")
        with (
            open_source(table) as source,
            pytest.raises(SourceError, match=f"more than one {column}"),
        ):
            source.require_consistent()


def test_hdf5_labels_that_are_packed_or_contradict_each_other_are_told(tmp_path: Path) -> None:
    images, labels = noise_patches(4), np.array([0, 1, 0, 1])
    for name, values in (("a_x", labels), ("a_y", 1 - labels)):
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            if name == "a_x":
                file["x"] = images
            file["y"] = values
    with pytest.raises(SourceError, match="differ from those in the file beside it"):
        open_source(tmp_path / "a_x.h5")
    (tmp_path / "a_y.h5.gz").write_bytes(gzip.compress((tmp_path / "a_y.h5").read_bytes()))
    (tmp_path / "a_y.h5").unlink()
    with pytest.raises(SourceError, match=r"a_y\.h5\.gz is still gzip-compressed"):
        open_source(tmp_path / "a_x.h5")


def test_labels_of_pcam_s_own_table_are_read_without_y_and_compared_with_it(
    tmp_path: Path,
) -> None:
    base = "camelyonpatch_level_2_split_valid_"
    with h5py.File(tmp_path / f"{base}x.h5", "w") as file:
        file["x"] = noise_patches(3)
    meta = ",tumor_patch,center_tumor_patch,wsi\n0,True,True,a\n1,True,False,a\n2,True,True,b\n"
    (tmp_path / f"{base}meta.csv").write_text(meta)
    with open_source(tmp_path) as source:
        assert [entry.label for entry in source.entries] == [1, 0, 1]
        assert "labels from center_tumor_patch" in source.notes[1]
    for labels, said in (([1, 0, 1], False), ([0, 0, 1], True)):
        with h5py.File(tmp_path / f"{base}y.h5", "w") as file:
            file["y"] = np.array(labels).reshape(-1, 1, 1, 1)
        with open_source(tmp_path) as source:
            assert [entry.label for entry in source.entries] == labels
            assert any("1 row in center_tumor_patch of 3 unlike" in n for n in source.notes) == said


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ([0, 255], r"1, first 255\); expected 1 with tumour"),
        ([[1, 0], [0, 1]], r"is \(2, 2\) int64; expected labels, one number for each patch"),
    ],
)
def test_labels_in_hdf5_that_are_none_are_told_with_what_was_found(
    tmp_path: Path, labels: list[object], said: str
) -> None:
    with h5py.File(tmp_path / "d.h5", "w") as file:
        file["x"], file["y"] = noise_patches(2), np.array(labels)
    with pytest.raises(SourceError, match=said):
        open_source(tmp_path / "d.h5")


def test_cells_without_a_label_are_told_with_their_number(tmp_path: Path) -> None:
    root = folder(tmp_path / "set", train_labels__csv=LABELS.replace("00001,1", "00001,"))
    with open_source(root) as source:
        said = "1 file in train without a label in train_labels.csv (train/00001.tif)."
        assert said in source.notes
    (root / "list.csv").write_text("path,label\ntrain/00000.tif,0\ntrain/00001.tif,\n")
    with open_source(root / "list.csv") as source:
        assert source.coverage == ("list.csv: 1 of 2 inputs with a label.",)


@pytest.mark.parametrize("name", ["Split.tsv", "Train_Labels.csv", "a_y.h5.gz"])
def test_a_table_in_any_form_may_not_be_a_link_to_outside(tmp_path: Path, name: str) -> None:
    root = folder(tmp_path / "root", train_labels__csv=LABELS)
    with h5py.File(root / "a_x.h5", "w") as file:
        file["x"] = noise_patches(2)
    (tmp_path / "secret.env").write_text("PASSWORD=hunter2\nKEY=xyz\n")
    if "Labels" in name:
        (root / "train_labels.csv").unlink()
    (root / name).symlink_to(tmp_path / "secret.env")
    with pytest.raises(SourceError, match="links to a place") as refusal:
        open_source(root / "a_x.h5" if name.startswith("a_y") else root, confine_to=root)
    assert "hunter2" not in str(refusal.value)


def test_rows_that_were_never_written_are_told_as_that(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        images = file.create_dataset("x", (6, 96, 96, 3), "u1", chunks=(2, 96, 96, 3))
        images[:4] = noise_patches(4)
    with open_source(tmp_path / "x.h5") as source:
        found = [getattr(source.read(row), "reason", "") for row in range(6)]
    assert found[:4] == [""] * 4
    assert all("none were ever written" in reason for reason in found[4:])


def listed(root: Path, paths: list[str], here: list[str]) -> tuple[list[int | None], str]:
    """Which of the files here each path of a table is read as, and what is said of it."""
    for image, path in zip(noise_patches(len(here)), here, strict=True):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(root / path)
    (root / "list.csv").write_text("\n".join(["path", *paths]))
    own = [hashlib.sha256((root / path).read_bytes()).hexdigest() for path in here]
    with open_source(root / "list.csv") as source:
        digests = [source.read(row).sha256 for row in range(len(source))]
        return [own.index(one) if one else None for one in digests], " ".join(source.notes)


@pytest.mark.parametrize(
    ("path", "here", "read"),
    [
        ("C:\\d\\tumor\\1.tif", ["set A/tumor/1.tif", "set A/normal/1.tif"], 0),
        ("C:\\d\\tumor\\1.tif", ["1.tif", "b/tumor/1.tif"], 1),
        ("/home/x/tumor/1.tif", ["tumor/1.tif", "copy/tumor/1.tif"], 0),
        ("/home/x/1.tif", ["a/1.tif", "b/1.tif"], None),
        ("/home/x/1.tif", ["a/2.tif"], None),
        ("/home/../1.tif", ["1.tif"], None),
    ],
)
def test_a_path_of_another_machine_is_the_file_that_ends_most_like_it(
    tmp_path: Path, path: str, here: list[str], read: int | None
) -> None:
    found, said = listed(tmp_path, [path], here)
    assert found == [read]
    assert ("matched by the ending" in said) is (read is not None)
    assert ("could be more than one file here" in said) is (here == ["a/1.tif", "b/1.tif"])


def test_a_hole_in_stored_hdf5_rows_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.h5"
    with h5py.File(file, "w") as out:
        out["x"] = np.random.default_rng(1).integers(90, 250, (4, 96, 96, 3), np.uint8)
        begin = out["x"].id.get_offset()
    data = bytearray(file.read_bytes())
    data[begin + 40_001 : begin + 44_097] = bytes(4096)
    file.write_bytes(data)
    with open_source(file) as source:
        assert [isinstance(source.read(row), Patch) for row in range(4)] == [
            True,
            False,
            True,
            True,
        ]


@pytest.mark.parametrize(
    ("paths", "labels"),
    [
        (["0/a.tif", "1/b.tif"], [0, 1]),
        (["train/1/a.tif", "valid/0/b.tif"], [1, 0]),
        (["10253/0/a.png", "10253/1/b.png", "0/1/c.png"], [0, 1, 1]),
        (["1/a.tif", "2/b.tif", "0/c.tif"], [None, None, None]),
        (["1/a.tif", "1/b.tif"], [None, None]),
        (["normal/1/a.tif", "Tumor/2/b.tif", "tumor/normal/c.tif"], [0, 1, 0]),
        (["a.tif", "other/b.tif"], [None, None]),
    ],
)
def test_numbers_of_folders_are_labels_only_where_they_can_be_nothing_else(
    paths: list[str], labels: list[int | None]
) -> None:
    assert [label for label, _ in told_by_folders(paths)] == labels
