import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from core.errors import DiskError, RunError
from core.patches import Patch, open_source
from tests.toys import stained_patches, write_patches
from tests.training.toys import write_toy_kaggle
from training.data.labelled import open_labelled
from training.data.pack import open_pack
from training.runs.folder import write_tensors


def test_a_pack_holds_the_sources_pixels_labels_and_slides(kaggle: Path, tmp_path: Path) -> None:
    with open_source(kaggle) as source:
        pack = open_pack(source, tmp_path)
        patches = [patch for patch in source.stream() if isinstance(patch, Patch)]
    assert pack.table.ids.tolist() == [patch.entry.id for patch in patches]
    assert pack.table.labels.tolist() == [patch.entry.label for patch in patches]
    assert pack.table.slides.tolist() == [patch.entry.slide for patch in patches]
    for row, patch in zip(pack.image_rows, patches, strict=True):
        np.testing.assert_array_equal(pack.images_rgb_u8[row], patch.image_rgb_u8)


def test_a_pack_is_decoded_once_and_labels_are_read_anew(tmp_path: Path) -> None:
    data = write_toy_kaggle(tmp_path / "data")
    with open_source(data) as source:
        first = open_pack(source, tmp_path / "cache")
    files = {file: file.stat().st_mtime_ns for file in (tmp_path / "cache").rglob("*.*")}
    labels = data / "train_labels.csv"
    labels.write_text(labels.read_text("utf-8").replace("p000,0", "p000,1"), "utf-8")
    with open_source(data) as source:
        again = open_pack(source, tmp_path / "cache")
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "cache").rglob("*.*")} == files
    np.testing.assert_array_equal(first.images_rgb_u8, again.images_rgb_u8)
    assert again.table.labels[0] == 1


def test_the_same_pixels_with_both_labels_are_told_before_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    patches = write_patches(tmp_path / "0", 3)
    (tmp_path / "1").mkdir()
    for number, patch in enumerate(patches[:2]):
        Image.open(patch).save(tmp_path / "1" / f"other-{number}.bmp")  # other bytes, same pixels
    write_patches(tmp_path / "1", 5)[4].rename(tmp_path / "1" / "mine.png")
    for copy in ("0/patch-002.png", "1/patch-000.png", "1/patch-001.png", "1/patch-002.png"):
        (tmp_path / copy).unlink()
    for _ in range(2):  # decoded, then from the cache
        with open_labelled(tmp_path) as source:
            open_pack(source, tmp_path.parent / "cache")
        assert "4 labelled files with the pixels of another one" in "".join(capsys.readouterr())


def test_data_sets_with_the_same_names_never_share_a_pack(tmp_path: Path) -> None:
    one, other = (write_toy_kaggle(tmp_path / name / "data") for name in ("one", "other"))
    Image.fromarray(np.full((96, 96, 3), 200, np.uint8)).save(other / "train" / "p000.tif")
    packs = []
    for data in (one, other):
        with open_source(data) as source:
            packs.append(open_pack(source, tmp_path / "cache"))
    assert packs[0].pixels_sha256 != packs[1].pixels_sha256
    assert (packs[1].images_rgb_u8[packs[1].image_rows[0]] == 200).all()


def test_unreadable_patches_are_left_out_and_listed(tmp_path: Path) -> None:
    data = write_toy_kaggle(tmp_path / "data")
    (data / "train" / "p003.tif").unlink()
    Image.new("RGB", (128, 128)).save(data / "train" / "p005.tif")
    with open_source(data) as source:
        pack = open_pack(source, tmp_path / "cache")
    assert pack.unreadable == 2
    assert not set(pack.table.ids) & {"p003", "p005"}
    assert len(pack) == len(pack.image_rows) == 58
    listed = next((tmp_path / "cache").glob("*/unreadable.csv")).read_text("utf-8")
    assert "p003" in listed
    assert "128" in listed


def test_where_none_can_be_read_the_reason_is_told(tmp_path: Path) -> None:
    data = write_toy_kaggle(tmp_path / "data")
    for file in (data / "train").iterdir():
        Image.new("CMYK", (96, 96)).save(file)
    refused = pytest.raises(RunError, match=r"None of the 60 patches .* colour mode CMYK")
    with open_source(data) as source, refused:
        open_pack(source, tmp_path / "cache")


@pytest.mark.parametrize("swapped", [False, True])
def test_colours_and_resolutions_that_do_not_fit_are_told_before_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], *, swapped: bool
) -> None:
    for number, image in enumerate(stained_patches(30)):
        folder = tmp_path / "data" / str(number % 2)
        folder.mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray(np.ascontiguousarray(image[..., :: -1 if swapped else 1]))
        dpi = 25_400 / (0.25 if number < 3 else 0.97)
        picture.save(folder / f"{number}.tif", resolution=dpi, resolution_unit="inch")
    with open_source(tmp_path / "data") as source:
        open_pack(source, tmp_path / "cache")
    told = capsys.readouterr().err
    assert ("Red and blue look swapped" in told) is swapped
    assert "Note: 3 patches: the file says 0.25 µm/px; this model needs 0.97 µm/px." in told


@contextmanager
def no_file_above(size: int) -> Iterator[None]:
    """Have the system refuse larger files, as a full disk would."""
    most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, most[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, most)


def test_a_full_disk_is_told_and_the_pack_made_later(kaggle: Path, tmp_path: Path) -> None:
    with open_source(kaggle) as source:
        with no_file_above(100_000), pytest.raises(DiskError, match="could not be written"):
            open_pack(source, tmp_path)
        pack = open_pack(source, tmp_path)
        first = source.read(0)
    assert isinstance(first, Patch)
    assert np.array_equal(pack.images_rgb_u8[pack.image_rows[0]], first.image_rgb_u8)


def test_a_full_disk_is_told_also_where_tensors_are_written(tmp_path: Path) -> None:
    tensors = {"w": torch.zeros(100_000)}
    with no_file_above(100_000), pytest.raises(DiskError, match=r"w\.safetensors could not be"):
        write_tensors(tmp_path / "w.safetensors", tensors, {})
    assert not list(tmp_path.iterdir())


def test_a_folder_without_labels_is_refused(tmp_path: Path) -> None:
    Image.new("RGB", (96, 96)).save(tmp_path / "a.png")
    with open_source(tmp_path) as source, pytest.raises(RunError, match=r"train_labels\.csv"):
        open_pack(source, tmp_path / "cache")


def test_a_damaged_pack_is_refused_with_its_folder(kaggle: Path, tmp_path: Path) -> None:
    with open_source(kaggle) as source:
        open_pack(source, tmp_path)
        file = next(tmp_path.glob("*/images.npy"))
        file.write_bytes(file.read_bytes()[:-10])
        with pytest.raises(RunError, match="Delete that folder"):
            open_pack(source, tmp_path)
