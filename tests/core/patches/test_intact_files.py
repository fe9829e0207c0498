"""Intact files that are no ordinary patch: read right, or refused for what they are."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from core.errors import Fault, PatchError, SourceError
from core.jobs import inspect_source
from core.patches import ImageU8, Patch, decode_patch, open_source
from core.patches.colours import SWAPPED, look_swapped
from core.patches.decoding import decode_plain
from tests.core.patches.tiffs import LONG, RATIONAL, SHORT, ramp, saved, tiff_of
from tests.toys import noise_patches


def by_tifffile(image: np.ndarray, **options: Any) -> bytes:  # noqa: ANN401 - of its writer
    out = io.BytesIO()
    tifffile.imwrite(out, image, **options)
    return out.getvalue()


def big_endian_bigtiff() -> bytes:
    return by_tifffile(ramp(), bigtiff=True, byteorder=">", photometric="rgb")


def one_bit() -> Image.Image:
    return Image.fromarray(ramp()).convert("1")


REFUSED: dict[str, tuple[Callable[[], bytes], str, Fault]] = {
    "16 bits": (
        lambda: by_tifffile(ramp().astype(np.uint16), photometric="rgb"),
        "16 bits per channel",
        Fault.WRONG_MODE,
    ),
    "float": (
        lambda: by_tifffile(ramp().astype(np.float32) / 255, photometric="rgb"),
        "32-bit floating-point",
        Fault.WRONG_MODE,
    ),
    "signed": (
        lambda: by_tifffile(ramp().astype(np.int8), photometric="rgb"),
        "signed 8-bit",
        Fault.WRONG_MODE,
    ),
    "Aperio": (
        lambda: tiff_of(ramp(), {259: (SHORT, [33005])}),
        "JPEG 2000 (Aperio, RGB)",
        Fault.UNSUPPORTED,
    ),
    "JPEG 2000": (
        lambda: tiff_of(ramp(), {259: (SHORT, [34712])}),
        "compressed with JPEG 2000",
        Fault.UNSUPPORTED,
    ),
    "WebP in TIFF": (
        lambda: tiff_of(ramp(), {259: (SHORT, [50001])}),
        "compressed with WebP",
        Fault.UNSUPPORTED,
    ),
    "unheard of": (
        lambda: tiff_of(ramp(), {259: (SHORT, [4711])}),
        "compressed with method 4711",
        Fault.UNSUPPORTED,
    ),
    "BigTIFF": (big_endian_bigtiff, "BigTIFF in big-endian", Fault.UNSUPPORTED),
    "1 bit TIFF": (lambda: saved(one_bit(), "TIFF"), "1 bit per pixel", Fault.WRONG_MODE),
    "1 bit PNG": (lambda: saved(one_bit(), "PNG"), "1 bit per pixel", Fault.WRONG_MODE),
    "1 bit BMP": (lambda: saved(one_bit(), "BMP"), "1 bit per pixel", Fault.WRONG_MODE),
    "fax": (
        lambda: saved(one_bit(), "TIFF", compression="group4"),
        "1 bit per pixel",
        Fault.WRONG_MODE,
    ),
    "two images": (
        lambda: saved(ramp(), "TIFF", save_all=True, append_images=[Image.fromarray(ramp())]),
        "contains 2 images",
        Fault.WRONG_MODE,
    ),
    "GIF": (lambda: saved(ramp(), "GIF"), "a GIF image", Fault.UNSUPPORTED),
    "JP2": (lambda: saved(ramp(), "JPEG2000"), "a JPEG 2000 image", Fault.UNSUPPORTED),
    "bands called grey": (
        lambda: by_tifffile(ramp(), photometric="minisblack", planarconfig="contig"),
        "3 bands, but its header says grey",
        Fault.WRONG_MODE,
    ),
    "JPEG-LS": (
        lambda: bytes(imagecodecs.jpegls_encode(ramp())),
        "a JPEG-LS",
        Fault.UNSUPPORTED,
    ),
    "JPEG XR": (lambda: bytes(imagecodecs.jpegxr_encode(ramp())), "JPEG XR", Fault.UNSUPPORTED),
    "QOI": (lambda: bytes(imagecodecs.qoi_encode(ramp())), "a QOI image", Fault.UNSUPPORTED),
    "several AVIF": (
        lambda: saved(ramp(), "AVIF", save_all=True, append_images=[Image.fromarray(ramp())]),
        "an AVIF image",
        Fault.UNSUPPORTED,
    ),
    "alpha first": (
        lambda: by_tifffile(
            np.dstack([np.full((96, 96), 255, np.uint8), ramp()]),
            photometric="rgb",
            extrasamples=["unspecified"],
        ),
        "The red channel is 255 in every pixel",
        Fault.WRONG_MODE,
    ),
    "a channel missing": (
        lambda: saved(ramp() * np.array([1, 1, 0], np.uint8), "PNG"),
        "The blue channel is 0 in every pixel",
        Fault.WRONG_MODE,
    ),
    "web page": (lambda: b"<!DOCTYPE html><html>", "a web page", Fault.UNSUPPORTED),
    "1 bit kept as 8": (
        lambda: saved(one_bit().convert("RGB"), "TIFF"),
        "only two values",
        Fault.WRONG_MODE,
    ),
    "two colours": (
        lambda: saved(Image.fromarray(ramp()).quantize(2), "PNG", bits=1),
        "1 bit per pixel, two colours",
        Fault.WRONG_MODE,
    ),
    "BMP of 16 bits a pixel": (
        lambda: (
            b"BM"
            + struct.pack("<IHHI", 54 + 18_432, 0, 0, 54)
            + struct.pack("<IiiHHIIiiII", 40, 96, 96, 1, 16, *[0] * 6)
            + bytes(18_432)
        ),
        "5 or 6 bits per channel",
        Fault.WRONG_MODE,
    ),
    "stack behind one header": (
        lambda: by_tifffile(
            ramp(), photometric="rgb", metadata=None, description="ImageJ=1.54f\nimages=7\n"
        ),
        "contains 7 images",
        Fault.WRONG_MODE,
    ),
    "Git LFS": (
        lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 27934\n",
        "git lfs pull",
        Fault.UNSUPPORTED,
    ),
    "PPM": (lambda: saved(ramp(), "PPM"), "a PPM image", Fault.UNSUPPORTED),
    "text": (lambda: b'{"error": "not found"}', "contains text", Fault.NOT_AN_IMAGE),
    "ZIP": (lambda: b"PK\x03\x04" + bytes(60), "a ZIP archive", Fault.UNSUPPORTED),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_intact_file_is_refused_for_what_it_is_and_never_called_damaged(name: str) -> None:
    make, found, kind = REFUSED[name]
    with pytest.raises(PatchError) as refusal:
        decode_patch(make())
    assert found in str(refusal.value)
    assert "damaged" not in str(refusal.value)
    assert refusal.value.kind is kind


@pytest.mark.parametrize(
    "data",
    [
        tiff_of(ramp()),
        tiff_of(ramp(), {279: None}),
        tiff_of(ramp(), {278: None}),
        tiff_of(ramp(), {278: (LONG, [2**32 - 1])}),
        tiff_of(
            ramp(), {278: (SHORT, [48]), 273: (LONG, [8, 8 + 13824]), 279: (LONG, [13824, 13824])}
        ),
        by_tifffile(ramp(), photometric="rgb", byteorder=">"),
        by_tifffile(ramp(), photometric="rgb", bigtiff=True),
        by_tifffile(ramp(), photometric="rgb", tile=(32, 32)),
        by_tifffile(ramp(), photometric="rgb", tile=(64, 64)),
        by_tifffile(ramp(), photometric="rgb", rowsperstrip=7),
        by_tifffile(np.moveaxis(ramp(), -1, 0), photometric="rgb", planarconfig="separate"),
        saved(ramp(), "TIFF", compression="tiff_lzw"),
        saved(ramp(), "TIFF", compression="packbits"),
        saved(ramp(), "TIFF", compression="tiff_adobe_deflate"),
        saved(ramp(), "PNG"),
        saved(ramp(), "BMP"),
        saved(ramp(), "WEBP", lossless=True),
    ],
)
def test_the_same_pixels_come_out_of_every_way_to_write_them(data: bytes) -> None:
    found = decode_patch(data)
    np.testing.assert_array_equal(found.image_rgb_u8, ramp())
    assert found.note == ""


def png_of(rows: bytes, extra: bytes = b"", interlaced: int = 0) -> bytes:
    """A PNG of 8-bit RGB, chunk by chunk."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", 96, 96, 8, 2, 0, 0, interlaced)
    further = chunk(extra[:4], extra[4:]) if extra else b""
    chunks = (
        chunk(b"IHDR", header),
        further,
        chunk(b"IDAT", zlib.compress(rows)),
        chunk(b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def in_rows(image: np.ndarray) -> bytes:
    return b"".join(b"\0" + row.tobytes() for row in image)


def in_passes(image: np.ndarray) -> bytes:
    """As Adam7 interlaces rows."""
    starts = (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2)
    return b"".join(in_rows(image[y::dy, x::dx]) for x, y, dx, dy in (*starts, (0, 1, 1, 2)))


@pytest.mark.parametrize("share", [0.2, 0.5, 0.99])
def test_a_png_whose_data_end_early_is_refused_though_they_are_intact(share: float) -> None:
    for rows, interlaced in ((in_rows(ramp()), 0), (in_passes(ramp()), 1)):
        whole = decode_patch(png_of(rows, interlaced=interlaced))
        np.testing.assert_array_equal(whole.image_rgb_u8, ramp())
        with pytest.raises(PatchError, match="damaged or cut off"):
            decode_patch(png_of(rows[: int(len(rows) * share)], interlaced=interlaced))


def test_a_colour_profile_and_a_gamma_that_are_not_applied_are_told() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    other = srgb.replace(b"sRGB", b"ours").replace("sRGB".encode("utf-16-be"), bytes(8))
    for form in ("TIFF", "PNG", "JPEG", "WEBP"):
        assert decode_patch(saved(ramp(), form, icc_profile=srgb)).note == ""
        assert "its own colour profile" in decode_patch(saved(ramp(), form, icc_profile=other)).note
    told = decode_patch(png_of(in_rows(ramp()), b"gAMA" + struct.pack(">I", 100_000)))
    assert told.note == "asks for a gamma of 1, which is not applied"
    assert decode_patch(png_of(in_rows(ramp()), b"gAMA" + struct.pack(">I", 45_455))).note == ""


def test_a_colour_table_of_8_bit_values_in_a_tiff_is_not_drawn_black() -> None:
    palette = Image.fromarray(ramp()).quantize(256)
    table = np.array(palette.getpalette()).reshape(-1, 3).T
    tags = {258: (SHORT, [8]), 262: (SHORT, [3]), 277: (SHORT, [1]), 279: (LONG, [9216])}
    places = np.frombuffer(palette.tobytes().ljust(PIXELS_ROOM, b"\0"), np.uint8)
    for factor in (1, 257):
        colours = (table.astype(int) * factor).ravel().tolist()
        found = decode_patch(tiff_of(places, {**tags, 320: (SHORT, colours)}))
        np.testing.assert_array_equal(found.image_rgb_u8, np.array(palette.convert("RGB")))
        assert found.note == "palette image expanded to RGB"


PIXELS_ROOM = 96 * 96 * 3


OME = '<OME><Pixels PhysicalSizeX="250" PhysicalSizeXUnit="nm" PhysicalSizeY="250"/></OME>'


@pytest.mark.parametrize(
    ("description", "per_unit"),
    [
        (OME, 0),
        (OME.replace('"250" PhysicalSizeXUnit="nm"', '"0.25"'), 0),
        (OME.replace("250", ".25").replace("nm", "&#181;m").replace('"', "'"), 0),
        ("Aperio Image Library|AppMag = 40|Left = 1", 0),
        ("Aperio Image Library|AppMag = 40|MPP = 0.2500|Left = 1", 0),
        ("ImageJ=1.54f\nunit=micron\nimages=1\n", 4),
        ("ImageJ=1.54f\nunit=\\u00B5m\n", 4),
    ],
)
def test_the_spacing_that_a_microscopy_program_wrote_is_read(
    description: str, per_unit: float
) -> None:
    resolution = (per_unit, per_unit) if per_unit else None
    unit = "none" if per_unit else None
    data = by_tifffile(
        ramp(), photometric="rgb", metadata=None, description=description.encode(),
        resolution=resolution, resolutionunit=unit,
    )  # fmt: skip
    assert "says 0.25 µm/px" in decode_patch(data).note


@pytest.mark.parametrize(
    "description", ['PhysicalSizeX="0.97"', 'PhysicalSizeX="1e"', "MPP = 0", "ImageJ=1\nunit=inch"]
)
def test_a_description_that_tells_the_right_spacing_or_none_needs_no_word(description: str) -> None:
    data = by_tifffile(ramp(), photometric="rgb", metadata=None, description=description)
    assert decode_patch(data).note == ""


@pytest.mark.parametrize("bands", [1, 2])
def test_bands_beyond_red_green_and_blue_are_left_out_with_a_word(bands: int) -> None:
    more = np.concatenate([ramp(), np.zeros((96, 96, bands), np.uint8)], axis=2)
    extra = ["unspecified"] * bands
    found = decode_patch(by_tifffile(more, photometric="rgb", extrasamples=extra))
    np.testing.assert_array_equal(found.image_rgb_u8, ramp())
    assert found.note == f"{bands} further band{'s' * (bands > 1)} left out"


@pytest.mark.parametrize("um", [0.25, 0.5, 2.0])
@pytest.mark.parametrize(("unit", "um_per_unit"), [(2, 25_400), (3, 10_000)])
def test_resolution_tags_of_another_magnification_are_noted(
    um: float, unit: int, um_per_unit: int
) -> None:
    per_unit = round(um_per_unit / um * 1000)
    tags = {
        282: (RATIONAL, [per_unit, 1000]),
        283: (RATIONAL, [per_unit, 1000]),
        296: (SHORT, [unit]),
    }
    found = decode_patch(tiff_of(ramp(), tags))
    assert f"the file says {um:.3g} µm/px; this model needs 0.97" in found.note
    np.testing.assert_array_equal(found.image_rgb_u8, ramp())


@pytest.mark.parametrize("dpi", [1, 72, 96, 300, 1200, 25_400 / 0.97])
def test_resolutions_of_screens_printers_and_the_right_microscope_need_no_word(dpi: float) -> None:
    value = round(dpi * 1000)
    tags = {282: (RATIONAL, [value, 1000]), 283: (RATIONAL, [value, 1000]), 296: (SHORT, [2])}
    assert decode_patch(tiff_of(ramp(), tags)).note == ""
    assert decode_patch(saved(ramp(), "PNG", dpi=(dpi, dpi))).note == ""


def test_a_png_of_another_magnification_is_noted() -> None:
    assert "the file says 0.25 µm/px" in decode_patch(saved(ramp(), "PNG", dpi=(101_600,) * 2)).note


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["TIFF", "PNG", "WEBP"])
def test_an_image_is_turned_as_its_tag_says_whatever_its_format(
    orientation: int, form: str
) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    if form == "TIFF":
        data = tiff_of(ramp(), {274: (SHORT, [orientation])})
    else:
        data = saved(ramp(), form, exif=exif, **({"lossless": True} if form == "WEBP" else {}))
    turns: dict[int, Callable[[np.ndarray], np.ndarray]] = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
        8: np.rot90,
    }
    found = decode_patch(data)
    np.testing.assert_array_equal(found.image_rgb_u8, turns[orientation](ramp()))
    assert found.note == ("rotated as its orientation tag says" if orientation > 1 else "")


@pytest.mark.parametrize("form", ["TIFF", "PNG"])
def test_a_picture_without_colour_is_told_however_it_is_stored(form: str) -> None:
    grey = Image.fromarray(ramp()).convert("L")
    assert decode_patch(saved(grey, form)).note.startswith("grey image")
    assert decode_patch(saved(grey.convert("RGB"), form)).note.startswith("grey image")


@pytest.mark.parametrize(
    "changes",
    [
        {278: (SHORT, [32])},
        {278: (SHORT, [64])},
        {278: (SHORT, [0])},
        {284: (SHORT, [2])},
        {259: (SHORT, [32773])},
        {273: (LONG, [0])},
        {273: (LONG, [1])},
        {273: (LONG, [60_000])},
        {279: (LONG, [0])},
        {279: (LONG, [100])},
        {279: (LONG, [PIXELS_ROOM * 2])},
        {273: (LONG, [8, 8]), 279: (LONG, [13_824] * 2), 278: (SHORT, [48])},
        {322: (SHORT, [16]), 323: (SHORT, [16]), 324: (LONG, [8]), 325: (LONG, [768])},
        {322: (SHORT, [0]), 323: (SHORT, [16]), 324: (LONG, [8]), 325: (LONG, [768])},
    ],
)
def test_strips_and_tiles_that_do_not_cover_the_picture_are_refused(
    changes: dict[int, tuple[int, list[int]]],
) -> None:
    data = tiff_of(noise_patches(1)[0], changes)
    assert decode_plain(data) is None
    with pytest.raises(PatchError, match="damaged"):
        decode_patch(data)


def half_copied(image: ImageU8, start: int, stop: int | None = None) -> bytes:
    data = bytearray(tiff_of(image))
    stop = 8 + image.size if stop is None else stop
    data[start:stop] = bytes(stop - start)
    return bytes(data)


@pytest.mark.parametrize("start", [4096, 13_000, 13_830, 13_833, 16_384, 20_001, 8 + 288 * 48])
def test_a_tiff_whose_second_half_is_zeros_is_told(start: int) -> None:
    bright = np.random.default_rng(1).integers(90, 250, (96, 96, 3), np.uint8)
    data = half_copied(bright, start)
    within = (start - 8) % 288
    if within and (within % 3 or start % 4096 == 0):
        with pytest.raises(PatchError, match="zeros from within a row on, as after"):
            decode_patch(data)
    else:
        assert decode_patch(data).note.startswith("its first or last rows are pure black")


def test_a_hole_in_a_tiff_is_refused() -> None:
    bright = np.random.default_rng(1).integers(90, 250, (96, 96, 3), np.uint8)
    with pytest.raises(PatchError, match="4,096 bytes of its pixels are zeros"):
        decode_patch(half_copied(bright, 8192, 12_288))


@pytest.mark.parametrize(
    ("form", "how"),
    [
        ("JPEG", {}),
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("WEBP", {}),
        ("TIFF", {"compression": "lzw", "predictor": True}),
        ("TIFF", {"compression": "zlib"}),
        ("TIFF", {"compression": "packbits"}),
    ],
)
def test_a_packed_picture_that_was_copied_in_part_is_refused(
    form: str, how: dict[str, Any]
) -> None:
    picture, file = ramp(), io.BytesIO()
    if form == "TIFF":
        tifffile.imwrite(file, picture, photometric="rgb", **how)
    else:
        Image.fromarray(picture).save(file, form, **how)
    data = file.getvalue()
    assert decode_patch(data).image_rgb_u8.shape == (96, 96, 3)
    for share in (0.5, 0.7, 0.9):
        kept = int(len(data) * share)
        with pytest.raises(PatchError):
            decode_patch(data[:kept] + bytes(len(data) - kept))
    padded = data + bytes(600)
    assert np.array_equal(decode_patch(padded).image_rgb_u8, decode_patch(data).image_rgb_u8)


def test_black_of_a_picture_is_never_called_damaged() -> None:
    random = np.random.default_rng(2)
    rows, columns = np.mgrid[:96, :96]
    for _ in range(200):
        image = random.integers(90, 250, (96, 96, 3), np.uint8)
        y, x, slope = random.integers(0, 96), random.integers(0, 96), random.normal()
        edge = (rows - y) + slope * (columns - x)
        soft = np.clip(edge / random.integers(1, 9), 0, 1)[..., None]
        dark = (image * soft).astype(np.uint8)
        hard = np.where(edge[..., None] > 0, image, 0).astype(np.uint8)
        for picture in (dark, dark[::-1], hard, hard[::-1]):
            if len(np.unique(picture)) > 2:
                decoded = decode_patch(tiff_of(np.ascontiguousarray(picture)))
                assert np.array_equal(decoded.image_rgb_u8, picture)


@pytest.mark.parametrize("colour", [(255, 0, 0), (255, 128, 0), (0, 0, 255), (0, 200, 255)])
@pytest.mark.parametrize("form", ["TIFF", "BMP"])
def test_a_colour_that_lacks_a_channel_ends_whole_beside_black(
    colour: tuple[int, int, int], form: str
) -> None:
    drawn = np.zeros((96, 96, 3), np.uint8)
    drawn[30:60] = colour
    drawn[:4] = 200
    np.testing.assert_array_equal(decode_patch(saved(drawn, form)).image_rgb_u8, drawn)


def test_a_hole_in_a_bmp_or_in_packed_pixels_is_refused() -> None:
    image = np.random.default_rng(1).integers(90, 250, (96, 96, 3), np.uint8)
    for data, size in (
        (saved(image, "BMP"), 4096),
        (saved(image, "WEBP", lossless=True), 512),
        (by_tifffile(image, photometric="rgb", compression="zlib"), 512),
    ):
        with pytest.raises(PatchError, match="damaged or cut off"):
            decode_patch(data[:9001] + bytes(size) + data[9001 + size :])


def test_deflated_pixels_are_checked_against_their_checksum() -> None:
    data = bytearray(by_tifffile(ramp(), photometric="rgb", compression="zlib"))
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        data[file.pages[0].dataoffsets[0] + file.pages[0].databytecounts[0] - 1] ^= 1
    with pytest.raises(PatchError, match="incorrect data check"):
        decode_patch(bytes(data))


def test_pixels_in_the_header_are_refused() -> None:
    shifted = tiff_of(ramp(), {273: (LONG, [108])})
    assert decode_plain(shifted) is None
    with pytest.raises(PatchError, match="damaged"):
        decode_patch(shifted)


def stained(count: int, seed: int) -> np.ndarray:
    """Patches with blue dark nuclei on pink, each with its own mix."""
    rng = np.random.default_rng(seed)
    shares = rng.random((count, 24, 24, 1)) < rng.uniform(0.2, 0.6, (count, 1, 1, 1))
    noise = rng.integers(-25, 25, (count, 24, 24, 3))
    colours = np.where(shares, (90, 60, 140), (225, 160, 200)) + noise
    return colours.astype(np.uint8).repeat(4, axis=1).repeat(4, axis=2)


def test_swapped_red_and_blue_are_told_by_a_set_and_never_by_few() -> None:
    images = stained(24, 0)
    assert look_swapped(image[..., ::-1] for image in images)
    assert not look_swapped(images)
    assert not look_swapped(image[..., ::-1] for image in images[:11])
    assert not look_swapped([*images, *images[..., ::-1]])
    assert not look_swapped(noise_patches(24))
    assert not look_swapped(np.full((24, 96, 96, 3), 200, np.uint8))


@pytest.mark.parametrize("swapped", [False, True])
def test_a_look_tells_swapped_red_and_blue(tmp_path: Path, swapped: bool) -> None:
    for number, image in enumerate(stained(24, 0)):
        pixels = image[..., ::-1] if swapped else image
        Image.fromarray(np.ascontiguousarray(pixels)).save(tmp_path / f"{number:02d}.png")
    with open_source(tmp_path) as source:
        assert (SWAPPED in inspect_source(source).notes) is swapped


_GREY = np.array(Image.fromarray(ramp()).convert("L").convert("RGB"))


@pytest.mark.parametrize("stored", [_GREY, _GREY * np.array([1, 1, 0], np.uint8)])
def test_rows_of_arrays_are_looked_at_as_files_are(tmp_path: Path, stored: ImageU8) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = stored[None]
    np.save(tmp_path / "a.npy", stored[None])
    Image.fromarray(stored).save(tmp_path / "a.png")
    said = {_said(tmp_path / name) for name in ("a.h5", "a.npy", "a.png")}
    assert len(said) == 1
    assert "".join(said).startswith(("grey image", "The blue channel"))


def _said(path: Path) -> str:
    with open_source(path) as source:
        item = source.read(0)
    return item.note if isinstance(item, Patch) else item.reason


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("channel_order", "BGR"),
        ("channels", ["blue", "green", "red"]),
        ("IMAGE_COLORMODEL", np.bytes_("YCbCr")),
        ("scale_factor", 2.0),
        ("add_offset", np.array([-20.0])),
    ],
)
def test_hdf5_whose_attributes_say_that_its_bytes_mean_otherwise_is_refused(
    tmp_path: Path, attribute: str, value: object
) -> None:
    for place in ("/", "x"):
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file["x"] = noise_patches(2)
            file[place].attrs[attribute] = value
        with pytest.raises(SourceError, match=f"Attribute '{attribute}' of a.h5 is"):
            open_source(tmp_path / "a.h5")


def test_attributes_of_hdf5_that_change_nothing_are_no_reason(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = noise_patches(2)
        for name, value in (
            ("scale_factor", np.float32(1 / 255)),
            ("Scale_Factor", np.float16(1 / 255)),
            ("add_offset", 0),
            ("channels", ["red", "green", "blue"]),
            ("history", "read as BGR, written as RGB"),
            ("comment", "tissue mask by HSV threshold"),
            ("authors", "R. Smith, B. Jones, G. Brown"),
            ("source", "https://example.org/b/r/g"),
            ("note", h5py.Empty("f")),
        ):
            file["x"].attrs[name] = value
    with open_source(tmp_path / "a.h5") as source:
        assert isinstance(source.read(1), Patch)
