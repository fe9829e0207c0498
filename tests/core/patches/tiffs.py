"""TIFF files built tag by tag, as other programs and attackers write them."""

import io
import struct
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

from core.patches import ImageU8

PIXELS = 96 * 96 * 3
Tag = tuple[int, Sequence[int]]
SHORT, LONG, RATIONAL = 3, 4, 5
_SIZES = {SHORT: ("H", 2), LONG: ("I", 4), RATIONAL: ("I", 4)}


def tiff_of(image: ImageU8, changes: Mapping[int, Tag | None] | None = None) -> bytes:
    """Return an uncompressed little-endian TIFF of a patch, some tags changed or left out.

    Args:
        image: (96, 96, 3); its bytes stand at offset 8.
        changes: Kind and values by tag; None leaves a tag out.
    """
    tags: dict[int, Tag | None] = {
        256: (SHORT, [96]),
        257: (SHORT, [96]),
        258: (SHORT, [8, 8, 8]),
        259: (SHORT, [1]),
        262: (SHORT, [2]),
        273: (LONG, [8]),
        277: (SHORT, [3]),
        278: (SHORT, [96]),
        279: (LONG, [PIXELS]),
        284: (SHORT, [1]),
        **(changes or {}),
    }
    pixels = image.tobytes()
    kept = sorted((tag, value) for tag, value in tags.items() if value is not None)
    start = 8 + len(pixels)
    behind = start + 2 + 12 * len(kept) + 4
    entries, further = b"", b""
    for tag, (kind, values) in kept:
        letter, _ = _SIZES[kind]
        raw = struct.pack(f"<{len(values)}{letter}", *values)
        count = len(values) // 2 if kind == RATIONAL else len(values)
        if len(raw) > 4:
            place = struct.pack("<I", behind + len(further))
            further += raw
        else:
            place = raw.ljust(4, b"\0")
        entries += struct.pack("<HHI", tag, kind, count) + place
    directory = struct.pack("<H", len(kept)) + entries + struct.pack("<I", 0)
    return b"II*\0" + struct.pack("<I", start) + pixels + directory + further


def chained(data: bytes, count: int) -> bytes:
    """Return a TIFF whose last directory is followed by very many empty ones."""
    start = int.from_bytes(data[4:8], "little")
    tags = int.from_bytes(data[start : start + 2], "little")
    link = start + 2 + 12 * tags
    directory = data[start:link]
    whole = bytearray(data)
    for _ in range(count):
        whole[link : link + 4] = struct.pack("<I", len(whole))
        whole += directory
        link = len(whole)
        whole += b"\0\0\0\0"
    return bytes(whole)


def saved(image: ImageU8 | Image.Image, form: str, **options: object) -> bytes:
    """Return an image as Pillow saves it."""
    out = io.BytesIO()
    opened = image if isinstance(image, Image.Image) else Image.fromarray(image)
    opened.save(out, form, **options)
    return out.getvalue()


def ramp() -> ImageU8:
    """Return a patch (96, 96, 3) in which every pixel tells where it is."""
    rows, columns = np.mgrid[0:96, 0:96]
    return np.stack([rows * 2, columns * 2, rows + columns], axis=-1).astype(np.uint8)
