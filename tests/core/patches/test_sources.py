import csv
import gzip
import hashlib
import io
import os
import shutil
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from unicodedata import normalize
from urllib.parse import quote

import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.errors import Fault, SourceError
from core.patches import Patch, PatchSource, UnreadablePatch, files_source, open_source
from core.patches import source as source_module
from core.patches.naming import is_hidden, shown_path
from tests.toys import noise_patches, write_patches


def png(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def read_all(source: PatchSource) -> list[Patch | UnreadablePatch]:
    with source:
        return list(source.stream())


def test_a_folder_is_read_recursively_in_path_order_with_hidden_files_left_out(
    tmp_path: Path,
) -> None:
    images = noise_patches(6)
    names = ["b/2.png", "b/10.tif", "a.bmp", "b-1.webp", "c/d/e.jpeg", "c/d/E.PNG"]
    for name, image in zip(names, images, strict=True):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(tmp_path / name)
    for litter in [".hidden.png", "__MACOSX/._a.png", "b/.DS_Store", "Thumbs.db"]:
        (tmp_path / litter).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / litter).write_bytes(b"litter")
    items = read_all(open_source(tmp_path))
    assert [item.entry.path for item in items] == [
        "a.bmp",
        "b/10.tif",
        "b/2.png",
        "b-1.webp",
        "c/d/E.PNG",
        "c/d/e.jpeg",
    ]
    assert [item.entry.id for item in items] == ["a", "10", "2", "b-1", "E", "e"]
    assert [item.index for item in items] == list(range(6))
    assert all(isinstance(item, Patch) for item in items)


def test_broken_and_foreign_files_are_rows_with_reasons_between_the_good_ones(
    tmp_path: Path,
) -> None:
    good = write_patches(tmp_path, 3)
    (tmp_path / "patch-000-cut.tif").write_bytes(b"II*\0" + bytes(60))
    (tmp_path / "patch-001-notes.txt").write_text("not an image")
    (tmp_path / "patch-001-zero.png").write_bytes(b"")
    items = read_all(open_source(tmp_path))
    reasons = {i.entry.path: i.reason for i in items if isinstance(i, UnreadablePatch)}
    assert len(items) == 6
    assert set(reasons) == {"patch-000-cut.tif", "patch-001-notes.txt", "patch-001-zero.png"}
    assert ".txt file" in reasons["patch-001-notes.txt"]
    assert "empty" in reasons["patch-001-zero.png"]
    assert sum(isinstance(item, Patch) for item in items) == len(good)


def test_the_hash_is_that_of_the_bytes_as_received(tmp_path: Path) -> None:
    (path,) = write_patches(tmp_path, 1)
    (item,) = read_all(open_source(tmp_path))
    assert item.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_zip_gives_its_members_in_archive_order_without_extracting(tmp_path: Path) -> None:
    images = noise_patches(3)
    archive = tmp_path / "set.zip"
    with zipfile.ZipFile(archive, "w") as target:
        target.writestr("z/2.png", png(images[0]))
        target.writestr("__MACOSX/z/._2.png", b"litter")
        target.writestr("../../../etc/1.png", png(images[1]))
        target.writestr("a\\3.png", png(images[2]))
        target.writestr("folder/", b"")
    items = read_all(open_source(archive))
    assert [item.entry.path for item in items] == ["z/2.png", "../../../etc/1.png", "a/3.png"]
    for item, image in zip(items, images, strict=True):
        assert isinstance(item, Patch)
        np.testing.assert_array_equal(item.image_rgb_u8, image)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set.zip"]


def test_a_zip_bomb_and_damaged_members_fail_alone(tmp_path: Path) -> None:
    archive = tmp_path / "set.zip"
    image = png(noise_patches(1)[0])
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("bomb.png", bytes(64 * 2**20))
        target.writestr("good.png", image)
        target.writestr("damaged.png", image, zipfile.ZIP_STORED)
    data = bytearray(archive.read_bytes())
    data[data.rindex(image) + 60] ^= 0xFF
    archive.write_bytes(data)
    bomb, good, damaged = read_all(open_source(archive))
    assert isinstance(bomb, UnreadablePatch)
    assert "64.0 MiB" in bomb.reason
    assert isinstance(good, Patch)
    assert isinstance(damaged, UnreadablePatch)
    assert "damaged" in damaged.reason


def test_a_zip_that_keeps_its_names_in_unicode_apart_is_read_by_those(tmp_path: Path) -> None:
    # APPNOTE 4.6.9: version, CRC-32 of the old name, the name in UTF-8
    image = png(noise_patches(1)[0])
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as target:
        for old, new in (("l?mph.png", "lýmph.png"), ("other.png", "näme.png")):
            info = zipfile.ZipInfo(old)
            named = old if old == "l?mph.png" else "another name"  # the second field is stale
            field = b"\1" + zlib.crc32(named.encode()).to_bytes(4, "little") + new.encode()
            info.extra = struct.pack("<HH", 0x7075, len(field)) + field
            target.writestr(info, image)
    with open_source(tmp_path / "set.zip") as source:
        assert [entry.path for entry in source.entries] == ["lýmph.png", "other.png"]
        assert all(isinstance(source.read(index), Patch) for index in range(2))


def test_what_is_no_zip_is_refused(tmp_path: Path) -> None:
    (tmp_path / "no.zip").write_bytes(b"PK but no")
    with pytest.raises(SourceError, match="not a readable ZIP"):
        open_source(tmp_path / "no.zip")
    (tmp_path / "nothing.zip").touch()
    with pytest.raises(SourceError, match=r"nothing\.zip is empty \(0 bytes\)"):
        open_source(tmp_path / "nothing.zip")


def pcam_file(folder: Path, split: str, images: np.ndarray, labels: np.ndarray) -> Path:
    base = folder / f"camelyonpatch_level_2_split_{split}"
    with h5py.File(f"{base}_x.h5", "w") as file:
        file.create_dataset("x", data=images, chunks=(1, 96, 96, 3), compression="gzip")
    with h5py.File(f"{base}_y.h5", "w") as file:
        file["y"] = labels.reshape(-1, 1, 1, 1).astype(np.uint8)
    rows = "".join(f"{n},slide-{n % 2}\n" for n in range(len(images)))
    Path(f"{base}_meta.csv").write_text(f"row,wsi\n{rows}")
    return Path(f"{base}_x.h5")


def test_pcam_opens_with_labels_splits_and_slides(tmp_path: Path) -> None:
    images, labels = noise_patches(5), np.array([0, 1, 1, 0, 1])
    pcam_file(tmp_path, "valid", images[3:], labels[3:])
    train = pcam_file(tmp_path, "train", images[:3], labels[:3])
    items = read_all(open_source(tmp_path))
    assert [item.entry.label for item in items] == labels.tolist()
    assert [item.entry.split for item in items] == ["train"] * 3 + ["valid"] * 2
    assert [item.entry.slide for item in items] == [f"slide-{n}" for n in (0, 1, 0, 0, 1)]
    assert [item.index for item in items] == list(range(5))
    for item, image in zip(items, images, strict=True):
        assert isinstance(item, Patch)
        np.testing.assert_array_equal(item.image_rgb_u8, image)
        assert item.sha256 == hashlib.sha256(image.tobytes()).hexdigest()
    assert len(read_all(open_source(train))) == 3


@pytest.mark.parametrize("word", ["val", "validation", "Valid", "VAL"])
def test_a_part_of_pcam_is_read_whatever_its_name(tmp_path: Path, word: str) -> None:
    images = noise_patches(4)
    pcam_file(tmp_path, word, images[2:], np.array([0, 1]))
    pcam_file(tmp_path, "train", images[:2], np.array([1, 0]))
    entries = open_source(tmp_path).entries
    assert [entry.split for entry in entries] == ["train"] * 2 + ["valid"] * 2
    assert [entry.label for entry in entries] == [1, 0, 0, 1]


def test_labels_of_pcam_are_found_under_the_other_suffix_of_hdf5(tmp_path: Path) -> None:
    pcam_file(tmp_path, "test", noise_patches(2), np.array([1, 0]))
    for file in tmp_path.glob("*.h5"):
        file.rename(file.with_suffix(".hdf5"))
    with open_source(tmp_path) as source:
        assert [(e.label, e.split) for e in source.entries] == [(1, "test"), (0, "test")]


def test_a_part_of_pcam_that_is_still_compressed_is_told(tmp_path: Path) -> None:
    pcam_file(tmp_path, "test", noise_patches(2), np.array([1, 0]))
    train = pcam_file(tmp_path, "train", noise_patches(2), np.array([1, 0]))
    for file in tmp_path.glob("*_train_?.h5"):
        Path(f"{file}.gz").write_bytes(gzip.compress(file.read_bytes()))
    with open_source(tmp_path) as source:  # both forms of one part: nothing is missing
        assert (len(source), source.notes) == (4, ())
    train.unlink()
    with open_source(tmp_path) as source:
        assert len(source) == 2
        assert any(f"still compressed ({train.name}.gz)" in note for note in source.notes)


def test_hdf5_that_points_to_another_file_is_refused(tmp_path: Path) -> None:
    secret = pcam_file(tmp_path, "train", noise_patches(1), np.array([0]))
    (tmp_path / "other").mkdir()
    linked = tmp_path / "other" / "linked.h5"
    with h5py.File(linked, "w") as file:
        file["x"] = h5py.ExternalLink(str(secret), "x")
    with pytest.raises(SourceError, match="expected 'x'"):
        open_source(linked)
    virtual = tmp_path / "other" / "virtual.h5"
    layout = h5py.VirtualLayout((1, 96, 96, 3), np.uint8)
    layout[:] = h5py.VirtualSource(str(secret), "x", (1, 96, 96, 3))
    with h5py.File(virtual, "w") as file:
        file.create_virtual_dataset("x", layout)
    with pytest.raises(SourceError, match="a different file"):
        open_source(virtual)


def test_hdf5_of_another_shape_or_still_compressed_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "small.h5", "w") as file:
        file["x"] = np.zeros((2, 64, 64, 3), np.uint8)
    with pytest.raises(SourceError, match=r"\(2, 64, 64, 3\)"):
        open_source(tmp_path / "small.h5")
    (tmp_path / "packed.h5").write_bytes(b"\x1f\x8b\x08" + bytes(20))
    with pytest.raises(SourceError, match="gunzip"):
        open_source(tmp_path / "packed.h5")


def kaggle_folder(root: Path) -> Path:
    for path in write_patches(root / "train", 4, suffix=".tif"):
        path.rename(path.with_name(f"{path.stem[-3:]}.tif"))
    (root / "train_labels.csv").write_text("id,label\n000,0\n001,1\n002,1\nlost,0\n")
    (root / "patch_id_wsi.csv").write_text("id,wsi\n000,s1\n002,s2\n")
    (root / "split.csv").write_text("id,split\n000,train\n001,val\n002,train\n")
    return root


def test_the_kaggle_layout_opens_with_labels_slides_and_both_kinds_of_mismatch(
    tmp_path: Path,
) -> None:
    source = open_source(kaggle_folder(tmp_path))
    facts = [(e.id, e.label, e.slide, e.split) for e in source.entries]
    assert source.kind == "kaggle"
    assert facts == [
        ("000", 0, "s1", "train"),
        ("001", 1, None, "val"),
        ("002", 1, "s2", "train"),
        ("003", None, None, "train"),
        ("lost", 0, None, "train"),
    ]
    items = read_all(source)
    assert [isinstance(item, Patch) for item in items] == [True, True, True, True, False]
    assert isinstance(items[-1], UnreadablePatch)
    assert "missing" in items[-1].reason


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ("id,label\n000,1\n001,0\n", "2 files in train without a label"),
        ("id,label\n000,1\n9,0\n8,1\n", "2 ids of 3 without a file in train (9)"),
        ("id,label\n1.2E+45,1\n000,0\n", "a spreadsheet seems to have shortened 1 id"),
    ],
)
def test_labels_without_files_and_files_without_labels_are_counted(
    tmp_path: Path, labels: str, said: str
) -> None:
    kaggle_folder(tmp_path)
    (tmp_path / "train_labels.csv").write_text(labels)
    with open_source(tmp_path) as source:
        assert any(said in note for note in source.notes)
        assert source.contradictions == ()


def test_files_that_the_split_does_not_list_and_ids_of_no_file_are_counted(tmp_path: Path) -> None:
    kaggle_folder(tmp_path)
    (tmp_path / "split.csv").write_text("id,split\n000,train\n001,test\n0O2,test\n003,train\n")
    with open_source(tmp_path) as source:
        assert "split.csv: 1 file in train not listed (train/002.tif); they count as train." in (
            source.notes
        )
        assert "split.csv: 1 id of 4 without a file here (0O2)." in source.notes


@pytest.mark.parametrize("spoilt", [lambda i: f"b{i}", lambda i: f"C:\\set\\b{i}.tif"])
def test_labels_of_no_file_at_all_are_a_fault_that_shows_both_spellings(
    tmp_path: Path, spoilt: Callable[[str], str]
) -> None:
    kaggle_folder(tmp_path)
    rows = "".join(f"{spoilt(name)},1\n" for name in ("000", "001", "002", "003"))
    (tmp_path / "train_labels.csv").write_text(f"id,label\n{rows}")
    with open_source(tmp_path) as source, pytest.raises(SourceError) as refusal:
        source.require_consistent()
    assert f"4 ids of 4 without a file in train ({spoilt('000')})" in str(refusal.value)
    assert "4 files in train without a label in train_labels.csv (train/000.tif)" in str(
        refusal.value
    )


@pytest.mark.parametrize("second", ["b/000.tif", "000.png", "000.TIFF"])
def test_one_label_for_two_files_is_refused(tmp_path: Path, second: str) -> None:
    kaggle_folder(tmp_path)
    twin = tmp_path / "train" / second
    twin.parent.mkdir(exist_ok=True)
    shutil.copy(tmp_path / "train" / "001.tif", twin)
    with open_source(tmp_path) as source:
        assert any("1 input with the same id as another (000)" in note for note in source.notes)
        with pytest.raises(SourceError, match="1 id of more than one file in train"):
            source.require_consistent()


def test_letters_composed_in_two_ways_are_one_id(tmp_path: Path) -> None:
    names = (normalize("NFC", "Übung"), normalize("NFD", "Übung"))
    for name, image in zip(names, noise_patches(2), strict=True):
        Image.fromarray(image).save(tmp_path / f"{name}.png")
    with open_source(tmp_path) as source:
        assert any("1 input with the same id as another" in note for note in source.notes)


@pytest.mark.parametrize("name", ["list.csv", "list.tsv", "list.csv.gz", "list.parquet"])
def test_a_table_of_paths_is_read_in_every_form(tmp_path: Path, name: str) -> None:
    write_patches(tmp_path, 2)
    table = pd.DataFrame({"path": ["patch-001.png", "patch-000.png"], "label": [1, 0]})
    if name.endswith(".parquet"):
        table.to_parquet(tmp_path / name)
    else:
        table.to_csv(tmp_path / name, index=False, sep="\t" if "tsv" in name else ",")
    read = read_all(open_source(tmp_path / name))
    assert [(one.entry.id, one.entry.label) for one in read] == [("patch-001", 1), ("patch-000", 0)]
    assert all(isinstance(one, Patch) for one in read)


LITTER = [
    *("~$x.tif", "Icon\r", "x.tif~", "x.tif.aux.xml", ".directory", "ehthumbs_vista.db"),
    *("scores.csv.run.json", "scores.parquet.run.json"),
    *("@Recycle/x.tif", "CVS/Entries", "x.tif:com.apple.quarantine", "sync.ffs_db"),
    *("x.tif:AFP_AfpInfo", "x.tif:SmartScreen:$DATA", "x.png:com.apple.metadata:kMDItem"),
    *("a.csv:Zone.Identifier", "README:Zone.Identifier", "x.tif\uf03acom.dropbox.attributes"),
    *("Network Trash Folder/x.tif", "found.000/x.tif", "__pycache__/x.pyc", "Picasa.ini"),
]


@pytest.mark.parametrize("form", ["folder", "zip"])
def test_litter_is_no_input(tmp_path: Path, form: str) -> None:
    root = tmp_path / "in"
    write_patches(root, 1)
    for name in LITTER:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(b"litter")
    if form == "zip":
        root = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", root))
    assert [one.entry.path for one in read_all(open_source(root))] == ["patch-000.png"]


@pytest.mark.parametrize(
    "name", ["x.part", "x.crdownload", "README.txt", "copy of x.png", "x.tif:2.tif"]
)
def test_what_may_have_been_meant_as_an_input_is_not_called_litter(name: str) -> None:
    assert not is_hidden(name)


def test_a_folder_in_a_zip_that_only_windows_marks_as_one_is_no_input(tmp_path: Path) -> None:
    folder = zipfile.ZipInfo("test")
    folder.external_attr = 0x10
    (patch,) = write_patches(tmp_path, 1)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(folder, b"")
        archive.write(patch, "test/a.png")
    assert [one.entry.path for one in read_all(open_source(tmp_path / "a.zip"))] == ["test/a.png"]


def test_labels_under_another_name_in_an_hdf5_file_are_said_not_to_be_read(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file["x"], file["labels"] = np.full((2, 96, 96, 3), 200, np.uint8), [0, 1]
    source = open_source(tmp_path / "s.h5")
    assert source.notes == (
        "s.h5: labels not read; labels are read from the dataset y, as in PatchCamelyon.",
    )
    assert [entry.label for entry in source.entries] == [None, None]


def test_archives_joined_into_one_file_are_refused_and_other_bytes_before_one_are_not(
    tmp_path: Path,
) -> None:
    """A ZIP is read from its end, so that the files of the first would be lost without a word."""
    packed = []
    for number in range(2):
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as archive:
            archive.writestr(f"{number}.png", png(noise_patches(2)[number]))
            archive.comment = b"made by a program"
        packed.append(data.getvalue())
    joined = tmp_path / "joined.zip"
    joined.write_bytes(b"".join(packed))
    with pytest.raises(SourceError, match="several archives joined into one file"):
        open_source(joined)
    joined.write_bytes(b"MZ, a program that unpacks what follows" + packed[1])
    assert [entry.path for entry in open_source(joined).entries] == ["1.png"]


def test_an_archive_cut_off_behind_one_that_was_packed_in_it_is_refused(tmp_path: Path) -> None:
    """The end of the inner one would pass for its own, and the patches beside it be lost."""
    inner, outer = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("inner.png", png(noise_patches(1)[0]))
    with zipfile.ZipFile(outer, "w") as archive:
        archive.writestr("outer.png", png(noise_patches(1, seed=1)[0]))
        archive.writestr("inner.zip", inner.getvalue())
        directory = archive.fp.tell() if archive.fp else 0
    cut = tmp_path / "cut.zip"
    cut.write_bytes(outer.getvalue()[: directory + 20])
    with pytest.raises(SourceError, match="begins with files that its table of contents does not"):
        open_source(cut)


def test_labels_in_hdf5_whose_numbers_have_names_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.h5"
    kind = h5py.enum_dtype({"tumour": 0, "normal": 1}, basetype="u1")
    with h5py.File(file, "w") as written:
        written["x"] = noise_patches(2)
        written.create_dataset("y", data=[0, 1], dtype=kind)
    with pytest.raises(SourceError, match=r"of named values .*'tumour': 0.*expected labels"):
        open_source(file)
    with h5py.File(file, "r+") as written:
        del written["y"]
        written["y"] = np.array([True, False])  # kept as named values as well
    assert [entry.label for entry in open_source(file).entries] == [1, 0]


def test_a_link_in_hdf5_is_told_as_one(tmp_path: Path) -> None:
    file = tmp_path / "a.h5"
    with h5py.File(file, "w") as written:
        written["data"] = noise_patches(2)
        written["x"] = h5py.SoftLink("/data")
    with pytest.raises(SourceError, match=r"a link for a dataset; expected 'x' itself\. Copy"):
        open_source(file)


def test_a_link_in_a_zip_is_told_as_one(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link.tif")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    (read,) = read_all(open_source(tmp_path / "a.zip"))
    assert isinstance(read, UnreadablePatch)
    assert "The file is a link" in read.reason


def test_a_label_that_is_neither_0_nor_1_is_refused(tmp_path: Path) -> None:
    kaggle_folder(tmp_path)
    (tmp_path / "train_labels.csv").write_text("id,label\n000,2\n")
    with pytest.raises(SourceError, match="label '2'"):
        open_source(tmp_path)


def test_a_csv_of_paths_keeps_its_order_and_may_be_confined(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    write_patches(inside, 2)
    (outside,) = write_patches(tmp_path / "outside", 1)
    with (inside / "list.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [["path", "label", "slide"], ["patch-001.png", "1", "s"], [str(outside), "0", ""]]
        )
    free = read_all(open_source(inside / "list.csv"))
    assert [(i.entry.id, i.entry.label, i.entry.slide) for i in free] == [
        ("patch-001", 1, "s"),
        ("patch-000", 0, None),
    ]
    assert all(isinstance(item, Patch) for item in free)
    confined = read_all(open_source(inside / "list.csv", confine_to=inside))
    assert [isinstance(item, Patch) for item in confined] == [True, False]
    (inside / "link.png").symlink_to(outside)
    linked = read_all(open_source(inside, confine_to=inside))
    reasons = [i.reason for i in linked if isinstance(i, UnreadablePatch)]
    assert any("outside the folders" in reason for reason in reasons)


@pytest.mark.parametrize("root", ["/home/a/data/", "C:\\data\\", "\\\\server\\share\\"])
def test_a_csv_of_paths_of_another_machine_finds_the_files_beside_it(
    tmp_path: Path, root: str
) -> None:
    write_patches(tmp_path / "set", 2)
    table = tmp_path / "list.csv"
    table.write_text(f"path\n{root}set/patch-001.png\n{root}set/patch-000.png\n", "utf-8")
    with open_source(table) as source:
        assert [source.read(row).sha256 for row in (0, 1)] == [
            hashlib.sha256((tmp_path / "set" / f"patch-00{n}.png").read_bytes()).hexdigest()
            for n in (1, 0)
        ]
        assert "2 paths in another folder matched by the ending" in " ".join(source.notes)
    table.write_text(f"path\n{root}a/patch-001.png\n{root}b/patch-001.png\n", "utf-8")
    (tmp_path / "set" / "patch-001.png").rename(tmp_path / "patch-001.png")
    with open_source(table) as source, pytest.raises(SourceError, match="more than one path"):
        source.require_consistent()


@pytest.mark.parametrize("path", ["a\0b.png", "loop.png", "x" * 5000 + ".png", "../" * 40 + "a"])
def test_a_confined_path_that_cannot_be_followed_fails_alone(tmp_path: Path, path: str) -> None:
    write_patches(tmp_path, 1)
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    (tmp_path / "list.csv").write_text(f"path\n{path}\npatch-000.png\n")
    read = read_all(open_source(tmp_path / "list.csv", confine_to=tmp_path))
    assert [isinstance(item, Patch) for item in read] == [False, True]


def test_a_label_for_a_path_instead_of_an_id_opens_nothing(tmp_path: Path) -> None:
    root = tmp_path / "set"
    write_patches(root / "train", 1, suffix=".tif")
    write_patches(tmp_path / "secret", 1, suffix=".tif")
    (root / "train_labels.csv").write_text("id,label\npatch-000,1\n../../secret/patch-000,1\n")
    read = read_all(open_source(root))
    assert [isinstance(item, Patch) for item in read] == [True, False]
    assert isinstance(read[1], UnreadablePatch)
    assert "missing" in read[1].reason


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("file://{url}", ""),
        ("file://localhost{url}", ""),
        ("file:{url}", ""),
        ("file:///C:/Data/sub%20dir/a%20%C3%A9.png", ""),
        ('"sub dir/a é.png"', ""),
        ("'sub dir/a é.png'", ""),
        ("\u202aC:\\Data\\sub dir\\a é.png", ""),
        ("sub dir/a é.png", ""),
        ("sub%20dir/a%20%C3%A9.png", ""),
        ("C:sub dir\\a é.png", ""),
        ("", "This row has no path."),
        ("nan", "This row has no path."),
        ("#N/A", "This row has no path."),
        ("https://host/a.png", "The path is an address on a network."),
        ("s3://bucket/a.png", "The path is an address on a network."),
        ("~/a.png", "The path has ~ or a variable"),
        ("$SCRATCH/a.png", "The path has ~ or a variable"),
        ("${SCRATCH}/a.png", "The path has ~ or a variable"),
        ("%TEMP%\\a.png", "The path has ~ or a variable"),
        ("sub dir/b.png", "The file is missing."),
    ],
)
def test_a_path_is_read_however_programs_copy_it_or_refused_with_its_reason(
    tmp_path: Path, cell: str, reason: str
) -> None:
    """The file is named as macOS does it: the accent is a character of its own."""
    folder = tmp_path / "sub dir"
    folder.mkdir()
    file = folder / normalize("NFD", "a é.png")
    write_patches(tmp_path, 1)[0].rename(file)
    table = tmp_path / "list.csv"
    with table.open("w", newline="", encoding="utf-8") as opened:
        rows = csv.writer(opened)
        rows.writerows([("path", "label"), (cell.replace("{url}", quote(str(file))), 1), ("", 0)])
    source = open_source(table)
    assert source.contradictions == ()
    assert "capitals" not in " ".join(source.notes)
    found = source.read(0)
    assert isinstance(found, UnreadablePatch) == bool(reason)
    if isinstance(found, UnreadablePatch):
        assert found.reason.startswith(reason)
        assert found.kind is Fault.MISSING


@pytest.mark.parametrize("cell", ["sub\\s%20a.png", "/elsewhere/sub/s%20a.png", "SUB/S%20a.PNG"])
def test_a_name_with_a_percent_of_its_own_is_found_as_it_is(tmp_path: Path, cell: str) -> None:
    (tmp_path / "sub").mkdir()
    write_patches(tmp_path, 1)[0].rename(tmp_path / "sub" / "s%20a.png")
    (tmp_path / "list.csv").write_text(f"path,label\n{cell},1\n")
    source = open_source(tmp_path / "list.csv")
    assert isinstance(source.read(0), Patch)
    assert source.entries[0].id.lower() == "s%20a"


def test_sources_that_are_none_say_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no file or folder"):
        open_source(tmp_path / "absent")
    (tmp_path / "slide.svs").write_bytes(b"x")
    with pytest.raises(SourceError, match="expected a folder"):
        open_source(tmp_path / "slide.svs")
    (tmp_path / "list.csv").write_text("file\nx\n")
    with pytest.raises(SourceError, match="'path'"):
        open_source(tmp_path / "list.csv")


def test_hostile_upload_names_are_shown_harmless_and_never_opened(tmp_path: Path) -> None:
    (stored,) = write_patches(tmp_path, 1)
    hostile = "../../etc\\pass\u202ewd\n\x00.png"
    (item,) = read_all(files_source("upload", [(hostile, stored)]))
    assert isinstance(item, Patch)
    assert item.entry.path == "../../etc/pass�wd��.png"


@given(st.text(max_size=60))
def test_shown_paths_hold_no_control_or_direction_characters(name: str) -> None:
    shown = shown_path(name)
    assert shown.isprintable() or " " in shown or any(ord(c) > 127 for c in shown)
    assert not set(shown) & {"\n", "\r", "\0", "\u202e", "\u2066", "\\"}
    assert shown_path(shown) == shown
    assert isinstance(is_hidden(shown), bool)


@settings(max_examples=25)
@given(start=st.integers(0, 12), stop=st.integers(0, 12), workers=st.integers(0, 3))
def test_a_stream_is_the_slice_of_single_reads_whatever_the_workers(
    tmp_path_factory: pytest.TempPathFactory, start: int, stop: int, workers: int
) -> None:
    folder = tmp_path_factory.getbasetemp() / "streamed"
    if not folder.exists():
        write_patches(folder, 10)
        (folder / "patch-004x.png").write_bytes(b"broken")
    source = open_source(folder)
    expected = [source.read(index) for index in range(start, min(stop, len(source)))]
    found = list(source.stream(start, stop, workers=workers))
    assert [item.index for item in found] == [item.index for item in expected]
    assert [item.sha256 for item in found] == [item.sha256 for item in expected]


def test_the_reader_never_runs_further_ahead_than_its_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_module, "READ_AHEAD", 4)
    write_patches(tmp_path, 20)
    source = open_source(tmp_path)
    touched: list[int] = []
    original = source.read_bytes

    def counted(index: int) -> bytes:
        touched.append(index)
        return original(index)

    monkeypatch.setattr(source, "read_bytes", counted)
    stream = source.stream()
    for taken in range(1, 6):
        next(stream)
        assert len(touched) <= taken + 4
    stream.close()


def test_linked_folders_are_followed_once_even_in_a_circle(tmp_path: Path) -> None:
    write_patches(tmp_path / "real", 2)
    root = tmp_path / "root"
    root.mkdir()
    (root / "linked").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "circle").symlink_to(root)
    paths = [entry.path for entry in open_source(root).entries]
    assert paths == ["linked/patch-000.png", "linked/patch-001.png"]


def test_a_packed_array_is_read_as_it_lies_and_says_where_it_was_cut_short(tmp_path: Path) -> None:
    images, file = noise_patches(7), tmp_path / "packed.npy"
    np.save(file, images)
    with open_source(file) as source:
        found = [item for item in source.stream() if isinstance(item, Patch)]
        np.testing.assert_array_equal([item.image_rgb_u8 for item in found], images)
        assert [hashlib.sha256(image.tobytes()).hexdigest() for image in images] == [
            item.sha256 for item in found
        ]
        os.truncate(file, file.stat().st_size - 1)
        last = source.read(6)
        assert isinstance(last, UnreadablePatch)
        assert "cut short" in last.reason
        assert isinstance(source.read(5), Patch)
    np.save(file, np.asfortranarray(images))
    with pytest.raises(SourceError, match="C order"):
        open_source(file)
    file.write_bytes(file.read_bytes().replace(b"(7, 96", b"(-7,96"))
    with pytest.raises(SourceError, match="not a readable array"):
        open_source(file)
