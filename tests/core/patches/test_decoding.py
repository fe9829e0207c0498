import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from core.errors import PatchError
from core.patches import decode_patch
from tests.toys import noise_patches

RGB = noise_patches(1)[0]


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["TIFF", "PNG", "BMP", "WEBP"])
def test_lossless_formats_give_back_the_very_pixels(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    decoded = decode_patch(encoded(Image.fromarray(RGB), kind, **options))
    np.testing.assert_array_equal(decoded.image_rgb_u8, RGB)
    assert decoded.note == ""


def test_jpeg_gives_what_an_independent_decoder_gives() -> None:
    cv2 = pytest.importorskip("cv2")
    data = encoded(Image.fromarray(RGB), "JPEG", quality=95, subsampling=0)
    reference = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    difference = np.abs(decode_patch(data).image_rgb_u8.astype(int) - reference)
    assert difference.max() <= 2  # rounding of the inverse transform differs between libraries


def test_grey_is_repeated_in_three_channels_and_said() -> None:
    grey = RGB[..., 0]
    decoded = decode_patch(encoded(Image.fromarray(grey), "PNG"))
    np.testing.assert_array_equal(decoded.image_rgb_u8, np.stack([grey] * 3, axis=-1))
    assert "grey" in decoded.note


def test_palette_images_are_expanded_to_their_colours_and_said() -> None:
    palette = Image.fromarray(RGB).quantize(16)
    decoded = decode_patch(encoded(palette, "PNG"))
    np.testing.assert_array_equal(decoded.image_rgb_u8, np.array(palette.convert("RGB")))
    assert "palette" in decoded.note


def test_opaque_alpha_is_dropped_and_said() -> None:
    opaque = np.dstack([RGB, np.full((96, 96), 255, np.uint8)])
    decoded = decode_patch(encoded(Image.fromarray(opaque), "PNG"))
    np.testing.assert_array_equal(decoded.image_rgb_u8, RGB)
    assert "alpha" in decoded.note


def test_one_transparent_pixel_is_refused() -> None:
    alpha = np.full((96, 96), 255, np.uint8)
    alpha[3, 4] = 254
    with pytest.raises(PatchError, match="transparent"):
        decode_patch(encoded(Image.fromarray(np.dstack([RGB, alpha])), "PNG"))


@pytest.mark.parametrize("size", [(95, 96), (96, 97), (48, 48), (224, 224), (1, 1)])
def test_another_size_is_refused_with_found_expected_and_what_to_do(size: tuple[int, int]) -> None:
    with pytest.raises(PatchError, match=rf"{size[0]} × {size[1]} px.*96 × 96.*0\.97 µm/px"):
        decode_patch(encoded(Image.new("RGB", size), "PNG"))


def png16(colour_type: int, channels: int) -> bytes:
    """A 16-bit PNG written by hand: Pillow reads such files, but cuts their depth."""
    rows = b"".join(b"\0" + bytes(2 * channels * 96) for _ in range(96))

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", 96, 96, 16, colour_type, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(("colour_type", "channels"), [(0, 1), (2, 3), (6, 4)])
def test_sixteen_bit_images_are_refused_not_cut_to_eight(colour_type: int, channels: int) -> None:
    with pytest.raises(PatchError, match="16 bits per channel"):
        decode_patch(png16(colour_type, channels))


@pytest.mark.parametrize("mode", ["CMYK", "I;16", "F", "LAB", "YCbCr"])
def test_colour_modes_that_would_change_are_refused(mode: str) -> None:
    with pytest.raises(PatchError, match="8-bit RGB"):
        decode_patch(encoded(Image.new(mode, (96, 96)), "TIFF"))


def test_a_file_of_two_images_is_refused() -> None:
    frames = [Image.fromarray(RGB), Image.fromarray(RGB[::-1])]
    data = encoded(frames[0], "TIFF", save_all=True, append_images=frames[1:])
    with pytest.raises(PatchError, match="contains 2 images"):
        decode_patch(data)


def test_an_empty_file_and_one_far_too_large_are_refused() -> None:
    with pytest.raises(PatchError, match="empty"):
        decode_patch(b"")
    with pytest.raises(PatchError, match="MiB"):
        decode_patch(bytes(9 * 2**20))


def test_a_decompression_bomb_is_refused_by_its_header() -> None:
    bomb = encoded(Image.new("L", (20_000, 20_000)), "PNG")
    assert len(bomb) < 1_000_000
    with pytest.raises(PatchError, match=r"20000 × 20000|damaged"):
        decode_patch(bomb)


@given(st.binary(max_size=400))
def test_any_bytes_give_a_patch_error_never_another(data: bytes) -> None:
    with pytest.raises(PatchError):
        decode_patch(data)


@given(
    kind=st.sampled_from(["TIFF", "PNG", "JPEG", "BMP", "WEBP"]),
    position=st.floats(0, 1, exclude_max=True),
    flip=st.integers(1, 255),
    cut=st.floats(0.02, 1),
)
def test_any_damage_gives_a_patch_or_a_patch_error(
    kind: str, position: float, flip: int, cut: float
) -> None:
    data = bytearray(encoded(Image.fromarray(RGB), kind))
    data[int(position * len(data))] ^= flip
    try:
        image = decode_patch(bytes(data[: int(cut * len(data))])).image_rgb_u8
    except PatchError:
        return
    assert image.shape == (96, 96, 3)
    assert image.dtype == np.uint8
