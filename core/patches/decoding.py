"""Bytes of one image file in, 96 x 96 RGB pixels out, or a clear refusal; never a silent squash."""

import io
import struct
import warnings
from typing import Final

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from core.errors import Fault, PatchError
from core.patches.patch import PATCH_SIZE_PX, DecodedImage, ImageU8
from core.patches.refusals import (
    damaged,
    not_read,
    require_patch_size,
    too_many_images,
    wrong_depth,
)
from core.patches.spacing import spacing_note, spacing_um_px
from core.patches.tiff import JPEG, RGB, TiffFacts, check_tiff

PATCH_SUFFIXES: Final = frozenset({".tif", ".tiff", ".png", ".jpg", ".jpeg", ".bmp", ".webp"})
MAX_PATCH_BYTES: Final = 8 * 1024 * 1024
"""A 96 x 96 RGB patch is about 28 kB uncompressed; anything near this limit is something else."""

_FORMATS: Final = ("TIFF", "PNG", "JPEG", "BMP", "WEBP")
_MOST_PARTS: Final = 2_000
"""Chunks or segments of a file; a patch has a dozen, and each costs the decoder time."""
_TIFF: Final = frozenset({b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"})
_ORIENTATION: Final = 274
_UM_PER_INCH: Final = 25_400.0
_MAGIC: Final = (
    (0, b"GIF8", "a GIF image"),
    (0, b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 image"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 image"),
    (0, b"\x00\x00\x00\x0cJXL ", "a JPEG XL image"),
    (0, b"\xff\x0a", "a JPEG XL image"),
    (4, b"ftypavif", "an AVIF image"),
    (4, b"ftyphei", "an HEIC image"),
    (4, b"ftypmif1", "an HEIC image"),
    (128, b"DICM", "a DICOM file"),
    (0, b"8BPS", "a Photoshop file"),
    (0, b"\x89HDF", "an HDF5 file"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"%PDF", "a PDF document"),
    (0, b"\x93NUMPY", "a NumPy array"),
)


def decode_patch(data: bytes) -> DecodedImage:
    """Return the pixels of one image file.

    8-bit RGB passes unchanged. Grey, palette and fully opaque RGBA images hold the same colours
    as their RGB form, so they are converted and the note says so; an image is turned as its
    orientation tag says, whatever its format. The header is checked before any pixel is decoded,
    so a decompression bomb costs nothing.

    Args:
        data: The whole file, TIFF, PNG, JPEG, BMP or WebP, whatever its name says.

    Returns:
        Pixels (96, 96, 3) uint8 and the conversion note.

    Raises:
        PatchError: The file is no such image, damaged, animated, of another size or depth, or
            cannot become RGB without loss.
    """
    if not data:
        raise PatchError("The file is empty (0 bytes). Export or copy it again.")
    if len(data) > MAX_PATCH_BYTES:
        raise PatchError(
            f"The file has {len(data) / 2**20:.1f} MiB; a patch has at most "
            f"{MAX_PATCH_BYTES // 2**20} MiB. Whole slides must be cut into 96 × 96 patches first.",
            Fault.WRONG_SIZE,
        )
    plain = decode_plain(data)
    if plain is not None:
        return plain
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd metadata of a foreign file is no news to anyone
            return _decode(data)
    except PatchError:
        raise
    except UnidentifiedImageError:
        raise _unknown(data) from None
    except Exception as error:  # noqa: BLE001 - decoders of hostile files fail in any way
        detail = " ".join(str(error).split())[:120]
        raise damaged(detail or type(error).__name__) from None


def decode_plain(data: bytes) -> DecodedImage | None:
    """Return the pixels of an uncompressed TIFF whose header says just that, else None.

    The usual file needs no decoder. None for damaged ones too: the decoder says why.
    """
    if data[:4] not in _TIFF:
        return None
    try:
        tiff = check_tiff(data)
    except PatchError:
        return None
    if not tiff.plain or spacing_note(tiff.spacing_um_px):
        return None
    pixels = np.frombuffer(data, np.uint8, PATCH_SIZE_PX**2 * 3, tiff.parts[0][0])
    image = pixels.reshape(PATCH_SIZE_PX, PATCH_SIZE_PX, 3).copy()  # the bytes are read-only
    return DecodedImage(image, _without_colour(image))


def _decode(data: bytes) -> DecodedImage:
    tiff = None
    if data[:4] in _TIFF:
        tiff = check_tiff(data)
        if tiff.compression == JPEG and tiff.photometric == RGB:
            jpeg = _mislabelled_jpeg(data, tiff)
            if jpeg is not None:
                return _decode_mislabelled(jpeg, tiff)
    else:
        _check_parts(data)
    with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
        if tiff is None:
            _check_header(image, data)
        return _finished(image, tiff)


def _finished(image: Image.Image, tiff: TiffFacts | None) -> DecodedImage:
    """Pixels as RGB, upright, with all that is to be said of them."""
    if tiff is not None:
        orientation, spacing = tiff.orientation, tiff.spacing_um_px
        upright = image  # Pillow turns a TIFF as it loads it
    else:
        orientation = int(image.getexif().get(_ORIENTATION, 1))
        spacing = _spacing_um_px(image)
        upright = ImageOps.exif_transpose(image) if 2 <= orientation <= 8 else image
        upright.info.update(image.info)
    pixels, converted = _to_rgb(upright)
    turned = "turned as its orientation tag says" if 2 <= orientation <= 8 else ""
    grey = "" if converted else _without_colour(pixels)
    bands = tiff.bands - 3 if tiff is not None and tiff.photometric == RGB else 0
    if bands > 0 and not converted:
        converted = f"{bands} further band{'s' * (bands > 1)} left out"
    notes = (converted, grey, turned, spacing_note(spacing))
    return DecodedImage(pixels, "; ".join(filter(None, notes)))


def _spacing_um_px(image: Image.Image) -> float | None:
    dpi = image.info.get("dpi")
    if not isinstance(dpi, tuple) or not dpi or not float(dpi[0]) > 0:
        return None
    return spacing_um_px(_UM_PER_INCH / float(dpi[0]))


def _mislabelled_jpeg(data: bytes, tiff: TiffFacts) -> bytes | None:
    """The JPEG in a TIFF whose tag says RGB, if its own marker says YCbCr; else None."""
    first = data[tiff.parts[0][0] : sum(tiff.parts[0])]
    tables = b""
    if tiff.tables is not None:
        offset, length = tiff.tables
        tables = data[offset : offset + length]
    if b"JFIF\0" not in first[:64] and b"JFIF\0" not in tables[:64]:
        return None
    if len(tiff.parts) > 1:
        raise not_read(
            "The tag of the image says RGB, the JPEG in it YCbCr, in several strips",
            "Export it as PNG.",
        )
    return tables[:-2] + first[2:] if tables else first


def _decode_mislabelled(jpeg: bytes, tiff: TiffFacts) -> DecodedImage:
    with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as image:
        require_patch_size(*image.size)
        found = _finished(image, None)
    said = "the JPEG in the TIFF is YCbCr though its tag says RGB, and was read as YCbCr"
    notes = (said, found.note, spacing_note(tiff.spacing_um_px))
    return DecodedImage(found.image_rgb_u8, "; ".join(filter(None, notes)))


def _unknown(data: bytes) -> PatchError:
    for offset, magic, what in _MAGIC:
        if data[offset : offset + len(magic)] == magic:
            return not_read(f"The file is {what}")
    if data[:4] in _TIFF:
        tiff = check_tiff(data)
        return not_read(
            f"The TIFF has {tiff.bands} band{'s' * (tiff.bands > 1)} in colour space "
            f"{tiff.photometric} (photometric interpretation)",
            "Export it as 8-bit RGB.",
        )
    if data[:256].lstrip()[:1] == b"<":
        return not_read("The file is a web page or other text", "Download the image itself.")
    return PatchError(
        "Not a readable image: expected TIFF, PNG, JPEG, BMP or WebP content. "
        "Check that the file opens in an image viewer and export it again."
    )


def _check_parts(data: bytes) -> None:
    """Refuse a file of very many chunks or segments, and a JPEG of another depth."""
    position = count = 0
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        position = 8
        while position + 12 <= len(data) and count <= _MOST_PARTS:
            position += 12 + int.from_bytes(data[position : position + 4], "big")
            count += 1
    elif data[:4] == b"RIFF":
        position = 12
        while position + 8 <= len(data) and count <= _MOST_PARTS:
            size = int.from_bytes(data[position + 4 : position + 8], "little")
            position += 8 + size + size % 2
            count += 1
    elif data[:2] == b"\xff\xd8":
        count = _jpeg_segments(data)
    if count > _MOST_PARTS:
        raise damaged(f"it has more than {_MOST_PARTS:,} parts")


def _jpeg_segments(data: bytes) -> int:
    position, count = 2, 0
    while position + 4 <= len(data) and count <= _MOST_PARTS:
        if data[position] != 0xFF:
            break
        marker = data[position + 1]
        if marker in {0x01, 0xFF, *range(0xD0, 0xD9)}:
            position += 1 if marker == 0xFF else 2
            continue
        if marker in {0xD9, 0xDA}:
            break
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            (bits,) = struct.unpack_from("B", data, min(position + 4, len(data) - 1))
            if bits > 8:
                raise wrong_depth(f"The image has {bits} bits per channel")
            if marker in {0xC3, 0xC7, 0xCB, 0xCF}:
                raise not_read("The image is a lossless JPEG")
        position += 2 + max(2, int.from_bytes(data[position + 2 : position + 4], "big"))
        count += 1
    return count


def _check_header(image: Image.Image, data: bytes) -> None:
    require_patch_size(*image.size)
    frames = getattr(image, "n_frames", 1)
    if frames != 1:
        raise too_many_images(str(frames))
    if image.format == "PNG":
        depth, colour = data[24], data[25]
        if depth > 8:
            raise wrong_depth(f"The image has {depth} bits per channel")
        if depth == 1 and colour == 0:
            raise wrong_depth("The image has 1 bit per pixel, black and white")
    elif image.mode == "1":
        raise wrong_depth("The image has 1 bit per pixel, black and white")


def _to_rgb(image: Image.Image) -> tuple[ImageU8, str]:
    mode = image.mode
    if mode == "RGB" and "transparency" not in image.info:
        return np.array(image, dtype=np.uint8), ""
    if mode == "L" and "transparency" not in image.info:
        return _pixels(image), "grey image repeated in the three colour channels"
    if mode in {"RGBA", "LA", "PA", "RGBX"} or (
        mode in {"P", "RGB", "L"} and "transparency" in image.info
    ):
        rgba = np.array(image.convert("RGBA"), dtype=np.uint8)
        if mode != "RGBX" and rgba[..., 3].min() != 255:
            raise PatchError(
                "The image has transparent pixels, whose colour is not defined; this model judges "
                "8-bit RGB. Export it without an alpha channel.",
                Fault.WRONG_MODE,
            )
        note = f"{mode} image without transparent pixels, alpha channel dropped"
        return np.ascontiguousarray(rgba[..., :3]), note
    if mode == "P":
        return _pixels(image), "palette image expanded to RGB"
    raise PatchError(
        f"The image is in colour mode {mode}; this model judges 8-bit RGB, and the conversion "
        "would change its colours. Export it as 8-bit RGB.",
        Fault.WRONG_MODE,
    )


def _pixels(image: Image.Image) -> ImageU8:
    return np.array(image.convert("RGB"), dtype=np.uint8)


def _without_colour(image: ImageU8) -> str:
    """Say that a picture has no colour; a flat one has no picture."""
    for row in (image[:1], image):  # the first row spares the others in all but grey images
        if (row[..., 0] != row[..., 1]).any() or (row[..., 1] != row[..., 2]).any():
            return ""
    return "grey image, without any colour" if image.std() >= 1 else ""
