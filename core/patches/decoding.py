"""Bytes of one image file in, 96 x 96 RGB pixels out, or a clear refusal; never a silent squash."""

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from itertools import count as count_from
from typing import Final, Literal

import numpy as np
from PIL import Image, ImageOps, ImagePalette, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from core.errors import Fault, PatchError, in_a_line
from core.patches.jpeg import END, check_jpeg, tells_ycbcr
from core.patches.patch import PATCH_SIZE_PX, DecodedImage, ImageU8
from core.patches.refusals import (
    damaged,
    no_image,
    not_read,
    require_patch_size,
    require_whole,
    too_many_images,
    wrong_depth,
)
from core.patches.spacing import spacing_note, spacing_um_px
from core.patches.tiff import JPEG, RGB, YCBCR, TiffFacts, check_tiff, check_zeros
from core.patches.tissue import pixel_note

PATCH_SUFFIXES: Final = frozenset({".tif", ".tiff", ".png", ".jpg", ".jpeg", ".bmp", ".webp"})
MAX_PATCH_BYTES: Final = 8 * 1024 * 1024
"""A 96 x 96 RGB patch is about 28 kB uncompressed; anything near this limit is something else."""

_FORMATS: Final = ("TIFF", "PNG", "JPEG", "BMP", "WEBP")
_MOST_PARTS: Final = 2_000
"""Chunks of a file; a patch has a dozen, and each costs the decoder time."""
_SIDE: Final = PATCH_SIZE_PX.to_bytes(4, "big")
_CHANNELS: Final = {2: 3, 4: 2, 6: 4}
"""Of a PNG by its colour type; the other types have one."""
_TIFF: Final = frozenset({b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"})
_PLAIN_BMP: Final = [
    struct.pack("<iiHHI", PATCH_SIZE_PX, height, 1, 24, 0)
    for height in (PATCH_SIZE_PX, -PATCH_SIZE_PX)  # from the top down
]
_ORIENTATION, _COLOUR_TABLE = 274, 320
_USUAL_GAMMA, _GAMMA_ROOM = 1 / 2.2, 0.02
_UM_PER_INCH: Final = 25_400.0


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
            f"The file is {len(data) / 2**20:.1f} MiB; a patch may be at most "
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
        raise damaged(in_a_line(error)) from None


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
    return DecodedImage(image, pixel_note(image))


def _decode(data: bytes) -> DecodedImage:
    tiff = None
    if data[:4] in _TIFF:
        tiff = check_tiff(data)
        if tiff.compression == JPEG:
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
        if isinstance(image, TiffImageFile) and image.mode == "P":
            _mend_palette(image)
    else:
        orientation = int(image.getexif().get(_ORIENTATION, 1))
        spacing = _spacing_um_px(image)
        upright = ImageOps.exif_transpose(image) if 2 <= orientation <= 8 else image
        upright.info.update(image.info)
    pixels, converted = _to_rgb(upright)
    turned = "rotated as its orientation tag says" if 2 <= orientation <= 8 else ""
    bands = tiff.bands - 3 if tiff is not None and tiff.photometric == RGB else 0
    if bands > 0 and not converted:
        converted = f"{bands} further band{'s' * (bands > 1)} left out"
    profile = _profile_note(image)
    notes = (converted, turned, profile, spacing_note(spacing), pixel_note(pixels))
    return DecodedImage(pixels, "; ".join(filter(None, notes)))


def _mend_palette(image: TiffImageFile) -> None:
    """Read 8-bit colours where TIFF has 16-bit ones; taken as such they would all be black."""
    table = image.tag_v2[_COLOUR_TABLE]
    if max(table) < 256:
        image.palette = ImagePalette.raw("RGB;L", bytes(table))


def _profile_note(image: Image.Image) -> str:
    """Say that colours are meant otherwise than they are stored; the network is fed those."""
    profile, gamma = image.info.get("icc_profile") or b"", image.info.get("gamma")
    if profile and not any("sRGB".encode(one) in profile for one in ("ascii", "utf-16-be")):
        return "has its own colour profile, which is not applied"
    if gamma and abs(gamma - _USUAL_GAMMA) > _GAMMA_ROOM and not profile:
        return f"asks for a gamma of {gamma:.3g}, which is not applied"
    return ""


def _spacing_um_px(image: Image.Image) -> float | None:
    dpi = image.info.get("dpi")
    if not isinstance(dpi, tuple) or not dpi or not float(dpi[0]) > 0:
        return None
    return spacing_um_px(_UM_PER_INCH / float(dpi[0]))


def _mislabelled_jpeg(data: bytes, tiff: TiffFacts) -> bytes | None:
    """The JPEG in a TIFF whose tag says RGB or YCbCr and the JPEG's own markers the other one.

    Each part is looked at as a JPEG of its own: a decoder of TIFF paints what it lacks in grey.
    """
    tables = b"\xff\xd8"
    if tiff.tables is not None:
        offset, length = tiff.tables
        tables = data[offset : offset + length].removesuffix(END)
    jpegs = [tables + data[at + 2 : at + length] for at, length in tiff.parts]
    for jpeg in jpegs:
        check_jpeg(jpeg)
    is_ycbcr = tells_ycbcr(jpegs[0])
    if is_ycbcr is None or tiff.photometric != (RGB if is_ycbcr else YCBCR):
        return None
    if len(jpegs) > 1:
        raise not_read(
            f"The tag of the image says {'RGB' if is_ycbcr else 'YCbCr'}, the JPEG in it "
            f"{'YCbCr' if is_ycbcr else 'RGB'}, in several strips",
            "Export it as PNG.",
        )
    return jpegs[0]


def _decode_mislabelled(jpeg: bytes, tiff: TiffFacts) -> DecodedImage:
    with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as image:
        require_patch_size(*image.size)
        image.getexif()[_ORIENTATION] = tiff.orientation
        patch_image = _finished(image, None)
    tag, marker = ("YCbCr", "RGB") if tiff.photometric == YCBCR else ("RGB", "YCbCr")
    mismatch_note = (
        f"the JPEG in the TIFF is {marker} though its tag says {tag}, and was read as {marker}"
    )
    notes = (mismatch_note, patch_image.note, spacing_note(tiff.spacing_um_px))
    return DecodedImage(patch_image.image_rgb_u8, "; ".join(filter(None, notes)))


def _unknown(data: bytes) -> PatchError:
    if data[:4] not in _TIFF:
        return no_image(data)
    tiff = check_tiff(data)
    return not_read(
        f"The TIFF has {tiff.bands} band{'s' * (tiff.bands > 1)} in colour space "
        f"{tiff.photometric} (photometric interpretation)",
        "Export it as 8-bit RGB.",
    )


def _check_parts(data: bytes) -> None:
    """Refuse a file of very many parts, or one that lacks some of its picture."""
    if data[:2] == b"\xff\xd8":
        check_jpeg(data)
    elif data[:8] == b"\x89PNG\r\n\x1a\n":
        chunks = list(_chunks(data, 8, "big"))
        _check_rows(data, b"".join(content for kind, content in chunks if kind == b"IDAT"))
    elif data[:4] == b"RIFF":
        for kind, content in _chunks(data, 12, "little"):
            if kind in {b"VP8 ", b"VP8L"}:
                require_whole(content)
    elif data[:2] == b"BM" and data[18:34] in _PLAIN_BMP:
        check_zeros(data, [(int.from_bytes(data[10:14], "little"), PATCH_SIZE_PX**2 * 3)])


def _chunks(
    data: bytes, position: int, order: Literal["big", "little"]
) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of each chunk of a PNG (with its length first) or of a WebP (kind first)."""
    for count in count_from(1):
        if position + 8 > len(data):
            return
        if count > _MOST_PARTS:
            raise damaged(f"it has more than {_MOST_PARTS:,} parts")
        first, second = data[position : position + 4], data[position + 4 : position + 8]
        kind, length = (second, first) if order == "big" else (first, second)
        size = int.from_bytes(length, order)
        content = data[position + 8 : position + 8 + size]
        checksum = data[position + 8 + size : position + 12 + size]
        # A decoder does not look at the last one, and zeros unpack to pixels.
        if (
            kind == b"IDAT"
            and len(checksum) == 4
            and zlib.crc32(kind + content) != int.from_bytes(checksum)
        ):
            raise damaged("its pixels have another checksum than it says")
        yield kind, content
        position += 12 + size if order == "big" else 8 + size + size % 2


def _check_rows(data: bytes, packed: bytes) -> None:
    """Refuse a PNG with fewer rows than its header says; a decoder leaves the others black."""
    depth, colour, interlaced = data[24], data[25], data[28]
    if interlaced or data[16:24] != _SIDE + _SIDE:  # those in passes are refused by the decoder
        return
    row = 1 + (PATCH_SIZE_PX * depth * _CHANNELS.get(colour, 1) + 7) // 8
    try:
        length = len(zlib.decompressobj().decompress(packed, row * PATCH_SIZE_PX))
    except zlib.error:
        return  # the decoder says so
    if length < row * PATCH_SIZE_PX:
        raise damaged(f"it contains {length // row} of its {PATCH_SIZE_PX} rows")


def _check_header(image: Image.Image, data: bytes) -> None:
    require_patch_size(*image.size)
    frames = getattr(image, "n_frames", 1)
    if frames != 1:
        raise too_many_images(str(frames))
    if image.format == "PNG":
        depth, colour = data[24], data[25]
        if depth > 8:
            raise wrong_depth(f"The image has {depth} bits per channel")
        if depth == 1:
            colours = "black and white" if colour == 0 else "two colours"
            raise wrong_depth(f"The image has 1 bit per pixel, {colours}")
    elif image.format == "BMP" and data[28] == 16:
        raise wrong_depth("The image has 5 or 6 bits per channel")
    elif image.mode == "1":
        raise wrong_depth("The image has 1 bit per pixel, black and white")


def _to_rgb(image: Image.Image) -> tuple[ImageU8, str]:
    mode = image.mode
    if mode == "RGB" and "transparency" not in image.info:
        return np.array(image, dtype=np.uint8), ""
    if mode == "L" and "transparency" not in image.info:
        return _pixels(image), ""
    if mode in {"RGBA", "LA", "PA", "RGBX"} or (
        mode in {"P", "RGB", "L"} and "transparency" in image.info
    ):
        rgba = np.array(image.convert("RGBA"), dtype=np.uint8)
        if mode != "RGBX" and rgba[..., 3].min() != 255:
            raise PatchError(
                "The image has transparent pixels, whose colour is not defined; this model needs "
                "8-bit RGB. Export it without an alpha channel.",
                Fault.WRONG_MODE,
            )
        note = f"{mode} image without transparent pixels, alpha channel dropped"
        return np.ascontiguousarray(rgba[..., :3]), note
    if mode == "P":
        return _pixels(image), "palette image expanded to RGB"
    raise PatchError(
        f"The image is in colour mode {mode}; this model needs 8-bit RGB, and the conversion "
        "would change its colours. Export it as 8-bit RGB.",
        Fault.WRONG_MODE,
    )


def _pixels(image: Image.Image) -> ImageU8:
    return np.array(image.convert("RGB"), dtype=np.uint8)
