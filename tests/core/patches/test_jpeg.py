"""JPEGs that lack a part of their picture, and JPEGs in TIFFs whose tag says other colours."""

import struct
from collections.abc import Callable
from itertools import product
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from core.errors import PatchError
from core.patches import decode_patch
from core.patches.jpeg import END
from core.settings import SAMPLES_TABLE
from tests.core.patches.tiffs import LONG, SHORT, saved, tiff_of
from tests.toys import noise_patches

PATCH = noise_patches(1)[0]
JFIF = saved(PATCH, "JPEG", quality=90, subsampling=0)
BARE = JFIF[:2] + JFIF[4 + int.from_bytes(JFIF[4:6], "big") :]
ADOBE = b"\xff\xee\x00\x0eAdobe\0\x64\0\0\0\0"
COMMENT = b"\xff\xfe\x00\x52" + b"c" * 80
RGB_IN_IT = bytes(imagecodecs.jpeg8_encode(PATCH, level=90, colorspace="RGB", outcolorspace="RGB"))


def in_tiff(jpeg: bytes, photometric: int) -> bytes:
    """A JPEG as the only strip of a TIFF."""
    pixels = np.frombuffer(jpeg.ljust(96 * 96 * 3, b"\0"), np.uint8)
    tags = {259: (SHORT, [7]), 262: (SHORT, [photometric]), 279: (LONG, [len(jpeg)])}
    return tiff_of(pixels, {**tags, 530: (SHORT, [1, 1])})


def independent(jpeg: bytes) -> np.ndarray:
    return np.asarray(imagecodecs.jpeg8_decode(jpeg))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("form", ["baseline", "progressive", "four to one", "in a TIFF"])
def test_a_jpeg_that_ends_early_is_refused_though_it_has_an_end(share: float, form: str) -> None:
    jpeg = saved(
        PATCH, "JPEG", progressive=form == "progressive", subsampling=2 if "to" in form else 0
    )
    begin = jpeg.find(b"\xff\xda")
    cut = jpeg[: begin + 20 + int((len(jpeg) - begin - 40) * share)].rstrip(b"\xff") + END
    with pytest.raises(PatchError, match="damaged or cut off"):
        decode_patch(in_tiff(cut, 6) if "TIFF" in form else cut)


def carried_as_text(jpeg: bytes) -> bytes:
    """What a transfer in text mode makes of a file."""
    return jpeg.replace(b"\n", b"\r\n")


def with_a_lost_sector(jpeg: bytes) -> bytes:
    middle = (jpeg.find(b"\xff\xda") + len(jpeg)) // 2
    return jpeg[:middle] + bytes(512) + jpeg[middle + 512 :]


@pytest.mark.parametrize("break_it", [carried_as_text, with_a_lost_sector])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 2}])
def test_a_jpeg_with_a_damaged_part_is_refused_though_a_decoder_paints_it(
    break_it: Callable[[bytes], bytes], options: dict[str, int]
) -> None:
    broken = break_it(saved(PATCH, "JPEG", quality=90, **options))
    with pytest.raises(PatchError, match="damaged or cut off"):
        decode_patch(broken)


def test_zeros_beside_the_picture_make_no_jpeg_worse() -> None:
    padding = b"\xff\xe1" + struct.pack(">H", 3002) + bytes(3000)
    flat = saved(np.full((96, 96, 3), 255, np.uint8), "JPEG", optimize=True)
    for jpeg in (JFIF, flat):
        found = decode_patch(jpeg[:2] + padding + jpeg[2:-2] + padding + END + bytes(999) + jpeg)
        np.testing.assert_array_equal(found.image_rgb_u8, independent(jpeg))


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
@pytest.mark.parametrize("quality", [5, 50, 100])
def test_a_whole_jpeg_is_read_as_an_independent_decoder_reads_it(
    quality: int, options: dict[str, int]
) -> None:
    jpeg = saved(PATCH, "JPEG", quality=quality, **options)
    for data in (jpeg, jpeg + b"behind its end", jpeg[:2] + COMMENT * 30 + jpeg[2:]):
        np.testing.assert_array_equal(decode_patch(data).image_rgb_u8, independent(jpeg))


@pytest.mark.parametrize("sample", sorted(SAMPLES_TABLE.parent.glob("patches/*.png")))
def test_where_a_decoder_starts_anew_in_each_block_no_intact_jpeg_is_refused(sample: Path) -> None:
    with Image.open(sample) as image:
        for quality, blocks in product((30, 50, 75, 90), (1, 3)):
            options = {"quality": quality, "restart_marker_blocks": blocks}
            decode_patch(saved(image.convert("RGB"), "JPEG", progressive=True, **options))


@pytest.mark.parametrize(
    "jpeg",
    [
        JFIF,
        JFIF[:2] + COMMENT + JFIF[2:],
        BARE[:2] + ADOBE + b"\x01" + BARE[2:],
        saved(PATCH, "JPEG", subsampling=2),
    ],
    ids=["JFIF", "JFIF behind a comment", "Adobe", "channels of two sizes"],
)
def test_ycbcr_under_a_tag_of_rgb_is_read_as_what_it_is(jpeg: bytes) -> None:
    found = decode_patch(in_tiff(jpeg, 2))
    np.testing.assert_array_equal(found.image_rgb_u8, independent(jpeg))
    assert (
        found.note == "the JPEG in the TIFF is YCbCr though its tag says RGB, and was read as YCbCr"
    )


def test_rgb_under_a_tag_of_ycbcr_is_read_as_what_it_is() -> None:
    found = decode_patch(in_tiff(RGB_IN_IT, 6))
    assert np.abs(found.image_rgb_u8.astype(int) - PATCH).mean() < 4
    assert "is RGB though its tag says YCbCr" in found.note
    right = decode_patch(in_tiff(RGB_IN_IT, 2))
    np.testing.assert_array_equal(right.image_rgb_u8, found.image_rgb_u8)
    assert right.note == ""


@pytest.mark.parametrize("photometric", [2, 6])
def test_a_jpeg_without_a_marker_has_the_colours_of_the_tag(photometric: int) -> None:
    found = decode_patch(in_tiff(BARE, photometric))
    colours = "RGB" if photometric == 2 else None
    np.testing.assert_array_equal(
        found.image_rgb_u8,
        imagecodecs.jpeg8_decode(BARE, colorspace=colours, outcolorspace=colours),
    )
    assert found.note == ""


def test_a_mislabelled_jpeg_is_turned_as_the_tiff_says() -> None:
    upright = in_tiff(JFIF, 2)
    turned = tiff_of(
        np.frombuffer(JFIF.ljust(96 * 96 * 3, b"\0"), np.uint8),
        {259: (SHORT, [7]), 279: (LONG, [len(JFIF)]), 274: (SHORT, [3])},
    )
    np.testing.assert_array_equal(
        decode_patch(turned).image_rgb_u8, decode_patch(upright).image_rgb_u8[::-1, ::-1]
    )


def test_very_many_segments_cost_no_time() -> None:
    segment = b"\xff\xe1" + struct.pack(">H", 4) + b"xx"
    with pytest.raises(PatchError, match="more than 2,000 parts"):
        decode_patch(JFIF[:2] + segment * 3_000 + JFIF[2:])
