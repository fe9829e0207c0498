"""What a viewer is shown, the drawn slide, and cells on their way to a review."""

import hashlib
import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from core.__main__ import main
from core.jobs import JobStore
from core.patches import Patch, PatchEntry, open_source
from core.review.patches import PatchFolder
from core.scoring import Classifier, open_classifier
from core.settings import SHIPPED_MODEL
from core.slides import command, open_slide
from core.slides.drawn import draw_slide, write_pyramid
from core.slides.run import cell_patch, cell_surroundings, cells_as_patches
from core.slides.view import TILE_PX, SlideTiles, open_file
from tests.core.slides.toys import green_cells, slide_of, tissue_image


def picture(jpeg: bytes | None) -> np.ndarray:
    assert jpeg is not None
    return np.asarray(Image.open(io.BytesIO(jpeg)), np.int16)


@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_tiles_put_together_are_the_slide(tmp_path: Path, suffix: str) -> None:
    image = np.kron(
        np.random.default_rng(1).integers(60, 220, (15, 22, 3)), np.ones((40, 40, 1))
    ).astype(np.uint8)
    path = slide_of(tmp_path / "a.tif", image)
    if suffix == ".png":
        path = path.with_suffix(suffix)
        Image.fromarray(image).save(path)
    tiles = SlideTiles(open_file(path))
    assert (tiles.width_px, tiles.height_px) == (880, 600)
    assert 2**tiles.last_level >= 880 > 2 ** (tiles.last_level - 1)
    whole = np.zeros(image.shape, np.int16)
    for row in range(3):
        for column in range(4):
            part = picture(tiles.jpeg(tiles.last_level, column, row))
            y, x = row * TILE_PX, column * TILE_PX
            whole[y : y + len(part), x : x + part.shape[1]] = part
    assert np.abs(whole - image).mean() < 3
    small = picture(tiles.jpeg(tiles.first_level, 0, 0))
    assert max(small.shape) <= TILE_PX
    assert np.abs(small.mean(axis=(0, 1)) - image.mean(axis=(0, 1))).max() < 3


def test_there_is_nothing_beside_the_tiles(tmp_path: Path) -> None:
    tiles = SlideTiles(open_file(slide_of(tmp_path / "a.tif", tissue_image(green_cells(20, 20)))))
    last = tiles.last_level
    places = [(last + 1, 0, 0), (-1, 0, 0), (last, 3, 0), (last, 0, 3), (last, -1, 0)]
    assert [tiles.jpeg(*place) for place in places] == [None] * len(places)


def test_the_drawn_slide_has_its_islands_and_says_its_scale(tmp_path: Path) -> None:
    image, tumour = draw_slide(1024)
    np.testing.assert_array_equal(image, draw_slide(1024)[0])
    assert 0.005 < tumour.mean() < 0.05
    # Tumour cells are larger and paler than the lymphocytes around.
    glass = image.min(axis=2) > 235
    assert image[tumour].mean() > image[~tumour & ~glass].mean() + 10
    write_pyramid(tmp_path / "drawn.tif", image)
    with open_slide(tmp_path / "drawn.tif") as view:
        assert view.spacing.origin == "file"
        np.testing.assert_array_equal(view.read(0, 0, 1024, 1024), image)


def test_the_shipped_model_tells_the_islands_of_the_drawn_slide_from_what_is_around() -> None:
    classifier = open_classifier(SHIPPED_MODEL)
    image, tumour = draw_slide(1024)
    around = np.ones((97, 97), np.uint8)
    tissue = cv2.morphologyEx((image.min(axis=2) < 235).astype(np.uint8), cv2.MORPH_CLOSE, around)
    free = (cv2.erode(tissue, around) > 0) & (cv2.dilate(tumour.astype(np.uint8), around) == 0)
    called = []
    for middle in (tumour, free):
        rows, columns = np.nonzero(cv2.erode(middle.astype(np.uint8), np.ones((33, 33), np.uint8)))
        chosen = np.random.default_rng(0).choice(len(rows), 40, replace=False)
        patches = [
            Patch(number, PatchEntry(str(number), ""), image[y - 48 : y + 48, x - 48 : x + 48], "")
            for number, (y, x) in enumerate(zip(rows[chosen], columns[chosen], strict=True))
        ]
        called.append(np.mean([row.predicted_label for row in classifier.score(patches)]))
    assert called[0] > 0.9
    assert called[1] < 0.1


def test_cells_for_a_review_score_like_the_slide(
    toy_classifier: Classifier, toy_bundle: Path, tmp_path: Path
) -> None:
    path = slide_of(tmp_path / "a.tif", tissue_image(green_cells(8, 8, (2, 3))))
    places = np.array([[2, 3], [0, 0], [7, 7]])
    (tmp_path / "cells").mkdir()
    kept = PatchFolder(tmp_path / "kept")
    with open_slide(path) as view:
        keep = lambda sha256, around: kept.keep_around(around, sha256=sha256)  # noqa: E731 - short
        for file in cells_as_patches(view, places, keep):
            (tmp_path / "cells" / file.name).write_bytes(file.read())
        expected = [cell_patch(view, *place) for place in places.tolist()]
        around = cell_surroundings(view, 2, 3)
    np.testing.assert_array_equal(around[96:192, 96:192], expected[0])
    digest = hashlib.sha256((tmp_path / "cells" / "r2c3.png").read_bytes()).hexdigest()
    seen = kept.around(digest)
    assert seen is not None
    assert np.abs(seen.astype(int) - around).mean() < 6  # JPEG, of noise
    assert kept.around("0" * 64) is None
    assert (tmp_path / "cells" / "slides.csv").read_text().splitlines()[1] == "r2c3,,a.tif"
    store = JobStore(tmp_path / "jobs")
    with open_slide(path) as view:
        job = store.add_upload("o" * 43, "cells", cells_as_patches(view, places))
    entries = store.open(job).entries
    assert [one.path for one in entries] == ["r2c3.png", "r0c0.png", "r7c7.png"]
    assert {one.slide for one in entries} == {"a.tif"}
    with open_source(tmp_path / "cells") as source:
        names = [entry.id for entry in source.entries]
        for name, image in zip(["r2c3", "r0c0", "r7c7"], expected, strict=True):
            item = source.read(names.index(name))
            np.testing.assert_array_equal(item.image_rgb_u8, image)  # type: ignore[union-attr]


def test_the_files_of_a_series_are_one_slide(
    toy_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.tif", "b.tif", "c.tif"):
        slide_of(tmp_path / name, tissue_image(green_cells(4, 4)))
    series = {"a.tif": "1.2.3", "b.tif": "1.2.3"}
    monkeypatch.setattr(command, "dicom_series", lambda path: series.get(path.name))
    arguments = ["regions", tmp_path, "--out", tmp_path / "out", "--model", toy_bundle]
    assert main([str(one) for one in arguments]) == 0
    assert {folder.name for folder in (tmp_path / "out").iterdir()} == {"a.tif", "c.tif"}


def test_shards_of_a_folder_share_its_slides(toy_bundle: Path, tmp_path: Path) -> None:
    for name in "abc":
        slide_of(tmp_path / f"{name}.tif", tissue_image(green_cells(4, 4)))
    found = []
    for part in ("1/2", "2/2"):
        out = tmp_path / "out" / part[0]
        arguments = ["regions", tmp_path, "--out", out, "--model", toy_bundle, "--shard", part]
        assert main([str(one) for one in arguments]) == 0
        found.append({folder.name for folder in out.iterdir()})
    assert found == [{"a.tif", "c.tif"}, {"b.tif"}]
    one = ["regions", str(tmp_path / "a.tif"), "--out", str(tmp_path / "o"), "--shard", "1/2"]
    assert main([*one, "--model", str(toy_bundle)]) == 2
