"""What a slide's file says, and its pixels at the spacing of the model."""

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import openslide
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from core.errors import NodelensError, PatchError, SourceError, SpacingError
from core.patches import ImageU8
from core.slides import ClaimedSpacing, TissueRule, find_tissue, open_slide, settle_spacing
from core.slides.pyramid import Pyramid
from core.slides.tiff import PlainTiff
from core.slides.tissue import has_no_colour
from core.slides.view import open_file
from tests.core.slides.toys import green_cells, slide_of, tissue_image


def noise(height: int, width: int, seed: int = 0) -> ImageU8:
    coarse = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return cv2.GaussianBlur(coarse, (5, 5), 0).astype(np.uint8)


@pytest.mark.parametrize(
    ("claimed", "why"),
    [
        (ClaimedSpacing(), "does not state"),
        (ClaimedSpacing(25_400 / 72, 25_400 / 72), "no slide scanner"),
        (ClaimedSpacing(0.097, 0.097), "no slide scanner"),
        (ClaimedSpacing(0.05, 0.05), "no slide scanner"),
        (ClaimedSpacing(0.5, 0.25), "square"),
        (ClaimedSpacing(0.5, 0.5, 40), "contradict"),
        (ClaimedSpacing(4.0, 4.0), "needs 0.97"),
        (ClaimedSpacing(power=40), r"objective of 40x \(usually 0.25"),
        (ClaimedSpacing(power=5), "5x .usually 2 µm/px, too coarse"),
    ],
)
def test_spacing_is_asked_for_and_never_guessed(claimed: ClaimedSpacing, why: str) -> None:
    with pytest.raises(SpacingError, match=why) as error:
        settle_spacing("a.tif", claimed, None)
    assert "--um-per-px" in str(error.value)
    assert settle_spacing("a.tif", claimed, 0.5).origin == "given"


@pytest.mark.parametrize("um_px", [0.25, 0.5, 1.0])
def test_every_spacing_that_is_offered_can_be_given(um_px: float) -> None:
    with pytest.raises(SpacingError, match=f"{um_px:g}.*x.*"):
        settle_spacing("a.tif", ClaimedSpacing(), None)
    assert settle_spacing("a.tif", ClaimedSpacing(), um_px).um_px == um_px


def test_a_spacing_that_is_given_must_be_one() -> None:
    for wrong in (0.0, -1.0, 400.0, float("nan")):
        with pytest.raises(SpacingError, match="expected about"):
            settle_spacing("a.tif", ClaimedSpacing(0.5, 0.5), wrong)


def means_along(values: NDArray[np.float64], per_px: int, fine: int) -> NDArray[np.float64]:
    """Means of stretches of `per_px / fine` values down the columns: each value `fine` times."""
    stretches = values.repeat(fine, axis=0).reshape(-1, per_px, *values.shape[1:])
    means: NDArray[np.float64] = stretches.mean(axis=1)
    return means


@pytest.mark.parametrize(("um_px", "fine"), [(0.25, 25), (0.5, 50), (0.2, 20)])
def test_resampling_is_by_area(tmp_path: Path, um_px: float, fine: int) -> None:
    image = noise(194, 291)
    down = means_along(image.astype(np.float64), 97, fine)
    expected = means_along(down.transpose(1, 0, 2), 97, fine).transpose(1, 0, 2)
    with open_slide(slide_of(tmp_path / "a.tif", image, um_px)) as view:
        found = view.read(0, 0, expected.shape[1], expected.shape[0])
        assert np.abs(found - expected).max() < 0.51
        assert view.spacing_um_px == pytest.approx(0.97)


def test_an_exact_factor_gives_exact_means(tmp_path: Path) -> None:
    image = noise(256, 256)
    with open_slide(slide_of(tmp_path / "a.tif", image, 0.97 / 4)) as view:
        means = image.reshape(64, 4, 64, 4, 3).mean(axis=(1, 3))
        assert np.abs(view.read(0, 0, 64, 64) - means).max() <= 0.5


def test_a_part_read_alone_has_the_pixels_of_the_whole(tmp_path: Path) -> None:
    with open_slide(slide_of(tmp_path / "a.tif", noise(600, 600), 0.41)) as view:
        whole = view.read(-40, -40, 300, 300)
        part = view.read(37, 61, 96, 96)
        assert np.abs(whole[101:197, 77:173].astype(int) - part).max() <= 1
        assert (whole[:39, :39] == 255).all()


def test_a_coarse_part_has_the_means_of_the_fine(tmp_path: Path) -> None:
    with open_slide(slide_of(tmp_path / "a.tif", noise(1100, 1300), 0.485)) as view:
        fine = view.read(64, 128, 96, 64)
        coarse = view.read(64, 128, 12, 8, coarsening=8)
        means = fine.reshape(8, 8, 12, 8, 3).mean(axis=(1, 3))
        assert np.abs(coarse - means).max() < 1.5  # the file's own levels are rounded


def test_a_level_of_the_right_spacing_is_taken_as_it_is(tmp_path: Path) -> None:
    image = noise(1024, 1024)
    path = slide_of(tmp_path / "a.tif", image, 0.49)  # its second level has 0.98
    level = tifffile.imread(path, key=1)
    with open_slide(path) as view:
        np.testing.assert_array_equal(view.read(10, 20, 96, 64), level[20:84, 10:106])
        assert view.spacing_um_px == pytest.approx(0.98)


@pytest.mark.parametrize("missing_px", [0, 1])
def test_pixels_of_a_scanner_s_file_are_as_sharp_wherever_they_are_read(
    tmp_path: Path, missing_px: int
) -> None:
    path, whole = tmp_path / "a.svs", noise(1024, 1024)
    fine = whole.repeat(2, axis=0).repeat(2, axis=1)[missing_px:, missing_px:]
    coarse = whole[missing_px:, missing_px:]
    words = (
        f"Aperio Image Library v11 \r\n{len(fine)}x{len(fine)} (256x256)|AppMag = 20|MPP = 0.485"
    )
    with tifffile.TiffWriter(path) as tiff:
        for image in (fine, coarse):
            tiff.write(
                image, tile=(256, 256), photometric="rgb", compression="adobe_deflate",
                description=words, metadata=None,
            )  # fmt: skip
    means = np.pad(fine, ((0, missing_px), (0, missing_px), (0, 0)), constant_values=255)
    means = means.reshape(len(means) // 2, 2, -1, 2, 3).mean(axis=(1, 3))
    with open_slide(path) as view:
        assert isinstance(view.file, Pyramid)
        for at in (0, 517, 800):
            found = view.read(at - 32, at - 32, 160, 160)[32:, 32:]
            assert np.abs(found - means[at : at + 128, at : at + 128]).max() <= 0.5


@pytest.mark.parametrize("compression", [None, "adobe_deflate", "jpeg"])
@pytest.mark.parametrize("rows", [7, 64])
def test_flat_tiffs_are_read_strip_by_strip(
    tmp_path: Path, compression: str | None, rows: int
) -> None:
    path = tmp_path / "flat.tif"
    rows = 64 if compression == "jpeg" else rows
    tifffile.imwrite(
        path, noise(300, 200), photometric="rgb", rowsperstrip=rows, compression=compression
    )
    pixels = tifffile.imread(path)
    with open_slide(path, um_per_px=0.97) as view:
        assert isinstance(view.file, PlainTiff)
        np.testing.assert_array_equal(view.read(50, 90, 96, 96), pixels[90:186, 50:146])
        beyond = view.read(-32, 270, 96, 96)
        np.testing.assert_array_equal(beyond[:30, 32:], pixels[270:, :64])
        assert (beyond[30:] == 255).all()


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_pictures_are_regions_whose_spacing_is_asked_for(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"region{suffix}"
    Image.fromarray(noise(200, 300)).save(path, dpi=(72, 72))
    with pytest.raises(SpacingError, match="--um-per-px"):
        open_slide(path)
    with open_slide(path, um_per_px=0.97) as view, Image.open(path) as picture:
        np.testing.assert_array_equal(view.read(0, 0, 300, 200), np.asarray(picture))


def test_label_and_macro_are_never_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> None:
        raise AssertionError("an associated image was asked for")

    monkeypatch.setattr(openslide.OpenSlide, "associated_images", property(refuse))
    path = slide_of(tmp_path / "a.tif", tissue_image(green_cells(8, 8)))
    with open_slide(path) as view:
        view.read(0, 0, 96, 96)


def test_a_picture_too_large_for_its_format_is_to_be_saved_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.fromarray(noise(200, 300)).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 200 * 300 // 2 - 1)
    with pytest.raises(SourceError, match=r"more than 59,998 pixels.* Save it as a tiled TIFF"):
        open_slide(tmp_path / "a.png", um_per_px=0.97)


def test_an_intact_picture_of_another_format_is_called_what_it_is(tmp_path: Path) -> None:
    Image.fromarray(noise(200, 300)).save(tmp_path / "a.jp2")
    with pytest.raises(SourceError, match=r"is a JPEG 2000 image.*; export it as one"):
        open_slide(tmp_path / "a.jp2", um_per_px=0.97)


@pytest.mark.parametrize("name", ["a.svs", "a.tif", "a.png", "a.dcm", "a.txt"])
@pytest.mark.parametrize("content", [b"", b"broken", b"II*\x00\x08\x00\x00\x00\xff\xff"])
def test_broken_files_are_sentences(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(NodelensError) as error:
        open_slide(tmp_path / name, um_per_px=0.5)
    assert name in str(error.value)
    with pytest.raises(SourceError, match="no file"):
        open_slide(tmp_path / "missing.svs")


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [
        ("CMYK", ".tif"),
        ("CMYK", ".jpg"),
        ("P", ".tif"),
        ("1", ".tif"),
        ("I;16", ".tif"),
        ("I;16", ".png"),
    ],
)
def test_colours_that_would_be_misread_are_refused(tmp_path: Path, mode: str, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    grey = np.asarray(Image.fromarray(noise(200, 200)).convert("L"))
    sixteen = Image.fromarray(grey.astype(np.uint16) * 257)
    picture = sixteen if mode == "I;16" else Image.fromarray(noise(200, 200)).convert(mode)
    picture.save(path)
    with pytest.raises(SourceError, match=r"a\.\w+ cannot be read.*ave it as a tiled TIFF"):
        open_slide(path, um_per_px=0.97)
    for layout in ({"rowsperstrip": 8}, {"tile": (64, 64)}):
        tifffile.imwrite(tmp_path / "w.tif", grey, photometric="miniswhite", **layout)
        with pytest.raises(SourceError, match="MINISWHITE"):
            open_slide(tmp_path / "w.tif", um_per_px=0.97)


@pytest.mark.parametrize("layout", [{"tile": (64, 64)}, {"rowsperstrip": 16}])
def test_a_picture_that_is_stored_turned_is_refused(tmp_path: Path, layout: dict[str, Any]) -> None:
    bottom_first = [(274, "H", 1, 4, True)]  # OpenSlide would turn each tile, not the whole
    tifffile.imwrite(
        tmp_path / "a.tif", noise(128, 128), photometric="rgb", extratags=bottom_first, **layout
    )
    with pytest.raises(SourceError, match=r"orientation 4.*Save it as a tiled TIFF"):
        open_slide(tmp_path / "a.tif", um_per_px=0.97)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_camera_s_picture_that_is_stored_turned_is_refused(tmp_path: Path, suffix: str) -> None:
    picture = Image.fromarray(noise(128, 128))
    for orientation in (1, 6):
        picture.getexif()[274] = orientation
        picture.save(tmp_path / f"{orientation}{suffix}", exif=picture.getexif())
    open_slide(tmp_path / f"1{suffix}", um_per_px=0.97).close()
    with pytest.raises(SourceError, match=r"orientation 6.*ave it as a tiled TIFF"):
        open_slide(tmp_path / f"6{suffix}", um_per_px=0.97)


@pytest.mark.parametrize("layout", [{"tile": (64, 64)}, {"rowsperstrip": 16}])
def test_a_fourth_sample_of_unknown_meaning_hides_nothing(
    tmp_path: Path, layout: dict[str, Any]
) -> None:
    pixels = np.dstack([noise(128, 128), np.zeros((128, 128), np.uint8)])
    tifffile.imwrite(
        tmp_path / "a.tif", pixels, photometric="rgb", extrasamples=["unspecified"], **layout
    )
    with open_slide(tmp_path / "a.tif", um_per_px=0.97) as view:
        np.testing.assert_array_equal(view.read(0, 0, 128, 128), pixels[..., :3])


@pytest.mark.parametrize("side", [16, 240])
def test_tiles_that_openslide_takes_for_broken_are_read(tmp_path: Path, side: int) -> None:
    pixels = noise(300, 500)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="rgb", tile=(side, side))
    with open_slide(tmp_path / "a.tif", um_per_px=0.97) as view:
        np.testing.assert_array_equal(view.read(0, 0, 500, 300), pixels)


@pytest.mark.parametrize("name", ["clear.png", "striped.tif", "tiled.tif"])
def test_what_is_transparent_is_glass(tmp_path: Path, name: str) -> None:
    pixels = np.dstack([noise(256, 256), np.full((256, 256), 255, np.uint8)])
    pixels[:128] = 0  # clear, and black beneath
    if name == "clear.png":
        Image.fromarray(pixels).save(tmp_path / name)
    else:
        parts = {"tile": (128, 128)} if name == "tiled.tif" else {"rowsperstrip": 16}
        tifffile.imwrite(
            tmp_path / name, pixels, photometric="rgb", extrasamples=["unassalpha"], **parts
        )
    with open_slide(tmp_path / name, um_per_px=0.97) as view:
        found = view.read(0, 0, 256, 256)
    assert (found[:128] == 255).all()
    np.testing.assert_array_equal(found[128:], pixels[128:, :, :3])


def test_the_spacing_of_qupath_and_of_imagej_is_known(tmp_path: Path) -> None:
    size = {
        f"PhysicalSize{axis}{what}": value
        for axis in "XY"
        for what, value in (("", 0.25), ("Unit", "µm"))
    }
    tifffile.imwrite(
        tmp_path / "q.ome.tif", noise(512, 512), ome=True, tile=(256, 256), photometric="rgb",
        metadata={"axes": "YXS", **size},
    )  # fmt: skip
    tifffile.imwrite(
        tmp_path / "i.tif", noise(512, 512), imagej=True, resolution=(4, 4),
        metadata={"axes": "YXS", "unit": "um"},
    )  # fmt: skip
    for name in ("q.ome.tif", "i.tif"):
        with open_slide(tmp_path / name) as view:
            assert view.spacing.um_px == pytest.approx(0.25)
            assert view.spacing.origin == "file"


@pytest.mark.parametrize("suffix", [".svs", ".ndpi", ".mrxs", ".dcm"])
def test_a_scanners_file_that_is_none_is_to_be_copied_again(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"text{suffix}"
    path.write_text("This is a letter.")
    with pytest.raises(SourceError, match="Copy it again") as error:
        open_slide(path, um_per_px=0.5)
    assert str(tmp_path) not in str(error.value)


def test_dicom_in_implicit_vr_is_to_be_stored_otherwise_and_no_folder_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        said = f"Reading {path}: Unsupported transfer syntax 1.2.840.10008.1.2"
        raise openslide.OpenSlideUnsupportedFormatError(said)

    monkeypatch.setattr(openslide, "OpenSlide", refuse)
    (tmp_path / "a.dcm").touch()
    with pytest.raises(SourceError, match=r"Reading a\.dcm.*Explicit VR Little Endian") as error:
        Pyramid(tmp_path / "a.dcm")
    assert str(tmp_path) not in str(error.value)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("layout", [{"tile": (64, 64)}, {"rowsperstrip": 16}, {}])
def test_a_damaged_file_is_read_or_refused_in_a_sentence(
    tmp_path: Path, layout: dict[str, Any]
) -> None:
    path = tmp_path / "a.tif"
    compression = "deflate" if layout else None
    tifffile.imwrite(path, noise(160, 144), photometric="rgb", compression=compression, **layout)
    whole, rng, outcomes = path.read_bytes(), np.random.default_rng(0), set()
    for _ in range(150):
        content = bytearray(whole)
        for at in rng.integers(0, 300, rng.integers(1, 5)).tolist():
            content[at] = int(rng.integers(256))
        path.write_bytes(content[: len(content) - int(rng.integers(400)) * int(rng.integers(2))])
        try:
            with open_slide(path, um_per_px=0.97) as view:
                view.read(0, 0, 144, 160)
            outcomes.add("read")
        except NodelensError:
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}


def test_tiles_too_large_to_hold_are_refused_before_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, noise(256, 256), photometric="rgb", tile=(128, 128))
    with tifffile.TiffFile(path, mode="r+") as file:
        for side in ("TileWidth", "TileLength"):
            file.pages.first.tags[side].overwrite(60_000)
    with pytest.raises(SourceError):
        open_slide(path, um_per_px=0.97)


def test_a_patch_is_no_slide(tmp_path: Path) -> None:
    path = tmp_path / "patch.png"
    Image.fromarray(noise(96, 96)).save(path, dpi=(25_400 / 0.97,) * 2)
    with open_slide(path) as view, pytest.raises(SourceError, match=r"one patch.*as a batch"):
        find_tissue(view, TissueRule())


def test_a_slide_of_which_nothing_can_be_read_says_so(tmp_path: Path) -> None:
    path = tmp_path / "lost.tif"
    tifffile.imwrite(path, noise(512, 512), photometric="rgb", tile=(256, 256), compression="lzma")
    with tifffile.TiffFile(path) as file:
        start = file.pages.first.dataoffsets[0]
    path.write_bytes(path.read_bytes()[:start].ljust(path.stat().st_size, b"x"))
    with (
        open_slide(path, um_per_px=0.97) as view,
        pytest.raises(SourceError, match=r"None of it can be read.*Copy it again"),
    ):
        find_tissue(view, TissueRule())


def test_another_picture_is_no_level_of_the_slide(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as tiff:
        for picture in (noise(512, 512), np.zeros((128, 256, 3), np.uint8), noise(128, 128)):
            tiff.write(
                picture, photometric="rgb", tile=(64, 64), subfiletype=picture.shape[1] < 512
            )
    file = open_file(path)
    assert [level.downsample for level in file.levels] == [1, 4]
    np.testing.assert_array_equal(file.read(1, 0, 0, 128, 128), noise(128, 128))
    file.close()


@pytest.mark.parametrize("layout", [{"tile": (64, 64)}, {"rowsperstrip": 16}])
def test_a_larger_picture_behind_the_first_is_not_taken_for_the_slide(
    tmp_path: Path, layout: dict[str, Any]
) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        for side in (300, 900):
            tiff.write(noise(side, side), photometric="rgb", **layout)
    with pytest.raises(SourceError, match="a picture after the first is larger"):
        open_slide(tmp_path / "a.tif", um_per_px=0.97)


def test_a_jpeg_of_which_half_is_zeros_is_no_region(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(noise(300, 300)).save(path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] + bytes(len(data) - len(data) // 2))
    with pytest.raises(SourceError, match="its end is missing"):
        open_slide(path, um_per_px=0.97)


Options = dict[str, Any]
PARTS: list[Options] = [{"tile": (64, 64)}, {"rowsperstrip": 64}]
DEFLATE: Options = {"compression": "deflate"}
JPEG: Options = {"compression": "jpeg"}
PACKBITS: Options = {"compression": "packbits"}


@pytest.mark.parametrize("layout", PARTS)
@pytest.mark.parametrize(
    ("packing", "fault"),
    [
        *((packing, fault) for packing in (DEFLATE, JPEG, PACKBITS) for fault in ("tail", "hole")),
        (JPEG, "end"),
    ],
)
def test_a_damaged_part_is_refused_and_not_painted(
    tmp_path: Path, layout: Options, packing: Options, fault: str
) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, noise(256, 256), photometric="rgb", **packing, **layout)
    with tifffile.TiffFile(path) as file:
        start, length = file.pages.first.dataoffsets[1], file.pages.first.databytecounts[1]
    before, data = tifffile.imread(path), bytearray(path.read_bytes())
    wrong = {"tail": bytes(length - length // 2), "hole": bytes(300), "end": b"\xff\xd9"}[fault]
    data[start + length // 2 : start + length // 2 + len(wrong)] = wrong
    path.write_bytes(data)
    with open_slide(path, um_per_px=0.97) as view:
        np.testing.assert_array_equal(view.read(0, 128, 256, 128), before[128:])  # others are read
        with pytest.raises(PatchError, match="damaged in part 1"):
            view.read(0, 0, 256, 128)


def test_a_jpeg_in_which_a_part_was_lost_is_no_region(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(noise(300, 300)).save(path)
    data = path.read_bytes()
    middle = len(data) // 2
    path.write_bytes(data[:middle] + bytes(600) + data[middle + 600 :])
    with pytest.raises(SourceError, match=r"cannot be read as a region.*Copy it again"):
        open_slide(path, um_per_px=0.97)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("name", ["a.jpg", "a.tif"])
def test_glass_packed_to_nothing_but_zeros_is_whole(
    tmp_path: Path, name: str, progressive: bool
) -> None:
    pixels = np.full((512, 512, 3), 243, np.uint8)
    pixels[:64] = noise(64, 512)
    packed = io.BytesIO()
    Image.fromarray(pixels).save(packed, "JPEG", optimize=True, progressive=progressive)
    path = tmp_path / name
    if name == "a.jpg":
        path.write_bytes(packed.getvalue())
    else:
        tifffile.imwrite(
            path, iter([packed.getvalue()]), shape=pixels.shape, dtype=np.uint8, tile=(512, 512),
            photometric="ycbcr", subsampling=(2, 2), compression="jpeg",
        )  # fmt: skip
    with open_slide(path, um_per_px=0.97) as view:
        assert (view.read(0, 128, 512, 384) == 243).all()


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P"])
def test_a_tall_picture_is_read_as_it_is_to_its_last_row(tmp_path: Path, mode: str) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (1100, 130, 4), np.uint8)
    picture = (
        Image.fromarray(noise).convert(mode) if mode != "P" else Image.fromarray(noise[..., 0])
    )
    if mode == "P":
        picture.putpalette(np.random.default_rng(2).integers(0, 256, 768).astype(np.uint8).tolist())
    picture.save(tmp_path / "a.png", transparency=7 if mode == "P" else None)
    white = Image.new("RGBA", picture.size, "white")
    with Image.open(tmp_path / "a.png") as again:
        expected = np.asarray(Image.alpha_composite(white, again.convert("RGBA")).convert("RGB"))
    with open_slide(tmp_path / "a.png", um_per_px=0.97) as view:
        found = view.read(0, 0, 130, 1100)
    assert np.abs(found.astype(int) - expected).max() <= 1  # of rounding


@pytest.mark.parametrize("at", [0.3, 0.6, 0.9])
def test_a_png_with_a_changed_bit_is_no_region(tmp_path: Path, at: float) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(noise(200, 200)).save(path, compress_level=0)
    data = bytearray(path.read_bytes())
    data[int(len(data) * at)] ^= 4
    path.write_bytes(data)
    with pytest.raises(SourceError, match=r"checksum.*Copy it again"):
        open_slide(path, um_per_px=0.97)


@pytest.mark.parametrize("sub_ifds", [True, False])
@pytest.mark.parametrize("big_endian", [True, False])
def test_smaller_levels_are_read_wherever_they_stand(
    tmp_path: Path, sub_ifds: bool, big_endian: bool
) -> None:
    levels = [noise(901, 700), noise(450, 350), noise(225, 175)]
    with tifffile.TiffWriter(tmp_path / "a.tif", byteorder=">" if big_endian else "<") as tiff:
        for number, pixels in enumerate(levels):
            first: Options = {"subifds": 2} if sub_ifds and number == 0 else {}
            tiff.write(
                pixels, photometric="rgb", tile=(64, 64), subfiletype=int(number > 0), **first
            )
    file = open_file(tmp_path / "a.tif")
    assert [level.downsample for level in file.levels] == [1, 2, 4]
    for number, pixels in enumerate(levels):
        np.testing.assert_array_equal(file.read(number, 0, 0, *pixels.shape[1::-1]), pixels)
    file.close()


@pytest.mark.parametrize("layout", [*PARTS, {}])
@pytest.mark.parametrize("packing", [DEFLATE, {}])
def test_planes_of_colour_are_put_together(
    tmp_path: Path, layout: Options, packing: Options
) -> None:
    pixels = noise(300, 200)
    planes = np.ascontiguousarray(pixels.transpose(2, 0, 1))
    tifffile.imwrite(
        tmp_path / "a.tif", planes, photometric="rgb", planarconfig="separate", **packing, **layout
    )
    with open_slide(tmp_path / "a.tif", um_per_px=0.97) as view:
        np.testing.assert_array_equal(view.read(0, 0, 200, 300), pixels)


@pytest.mark.parametrize("axes", ["ZYXS", "CYX"])
@pytest.mark.parametrize("layout", [*PARTS, {"imagej": True}])
def test_of_several_depths_or_channels_none_is_picked(
    tmp_path: Path, axes: str, layout: Options
) -> None:
    pixels = np.stack([noise(256, 256, seed) for seed in range(3)])
    kind: Options = {"ome": "imagej" not in layout, "metadata": {"axes": axes}}
    if axes == "CYX":
        pixels, kind = pixels[..., 0], kind | {"photometric": "minisblack"}
    tifffile.imwrite(tmp_path / "a.tif", pixels, **kind, **layout)
    with pytest.raises(SourceError, match=r"several pictures of that size.*which is the slide"):
        open_slide(tmp_path / "a.tif", um_per_px=0.97)


def test_a_tiff_that_was_cut_off_is_to_be_copied_again(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, noise(256, 256), photometric="rgb", rowsperstrip=8)
    data = path.read_bytes()
    start = int.from_bytes(data[4:8], "little")
    path.write_bytes(data[:4] + (len(data) * 2).to_bytes(4, "little") + data[8:])
    assert start < len(data)
    with pytest.raises(SourceError, match=r"cut off.*Copy it again"):
        open_slide(path, um_per_px=0.97)
    path.write_bytes(data[: len(data) * 2 // 3])  # its pixels end, what they are is known
    with open_slide(path, um_per_px=0.97) as view:
        np.testing.assert_array_equal(view.read(0, 0, 256, 128), noise(256, 256)[:128])
        with pytest.raises(PatchError, match="the file ends before it"):
            view.read(0, 192, 256, 64)
    with pytest.raises(SourceError, match=r"a\.tif was cut off\. Copy it again"):
        open_slide(path)  # no question for the spacing that the rest may state


@pytest.mark.parametrize("tag", ["ImageWidth", "ImageLength"])
@pytest.mark.parametrize("side", [100, 60_000])
def test_a_size_that_is_not_that_of_its_tiles_is_refused(
    tmp_path: Path, tag: str, side: int
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise(256, 256), photometric="rgb", tile=(64, 64))
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+") as file:
        file.pages.first.tags[tag].overwrite(side)
    with pytest.raises(SourceError, match=r"found 16 strips or tiles.*Copy it again"):
        open_slide(tmp_path / "a.tif", um_per_px=0.97)


def test_jpeg_2000_whose_colours_only_aperio_says_is_refused_elsewhere(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", noise(256, 256), tile=(256, 256), compression="aperio_jp2000_ycbc"
    )
    with pytest.raises(SourceError, match=r"APERIO_JP2000_YCBC.*Save it as a tiled TIFF"):
        open_slide(tmp_path / "a.tif", um_per_px=0.97)


def test_a_picture_without_colour_is_told_from_empty_glass() -> None:
    grey = noise(64, 64)[..., :1].repeat(3, axis=2)
    assert has_no_colour(grey)
    assert not has_no_colour(noise(64, 64))
    assert not has_no_colour(np.full((64, 64, 3), 245, np.uint8))


@pytest.mark.parametrize(
    ("pixel", "layout"),
    [
        (np.uint16, {"rowsperstrip": 8}),
        (np.uint16, {"tile": (64, 64)}),
        (np.float32, {"tile": (64, 64)}),
    ],
)
def test_tiffs_of_other_bits_are_refused_with_what_to_do(
    tmp_path: Path, pixel: type[np.generic], layout: Options
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((64, 64, 3), pixel), photometric="rgb", **layout)
    with pytest.raises(SourceError, match="8 bits"):
        open_slide(tmp_path / "a.tif", um_per_px=0.5)


@pytest.mark.parametrize(
    ("name", "compression", "description", "claims"),
    [
        ("a.svs", "aperio_jp2000_rgb", "Aperio\n|AppMag = 20|MPP = 0.485", "0.485 µm/px at 20x"),
        ("b.svs", "aperio_jp2000_rgb", "Aperio\nx", "no spacing"),
        ("c.tif", "jpeg2000", None, "no spacing"),
    ],
)
def test_jpeg_2000_is_read(
    tmp_path: Path, name: str, compression: str, description: str | None, claims: str
) -> None:
    image = tissue_image(green_cells(20, 20, (3, 3)))
    with tifffile.TiffWriter(tmp_path / name) as tiff:
        tiff.write(
            image,
            tile=(256, 256),
            photometric="rgb",
            compression=compression,
            description=description,
            metadata=None,
        )
    file = open_file(tmp_path / name)
    assert str(file.claimed) == claims
    found = file.read(0, 100, 60, 300, 200)
    file.close()
    assert np.abs(found.astype(int) - image[60:260, 100:400]).mean() < 1  # the encoder's loss
