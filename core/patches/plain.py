"""The fast way for the usual file: an uncompressed TIFF is its header and its pixels."""

import struct
from typing import Final

import numpy as np

from core.patches.patch import PATCH_SIZE_PX, ImageU8
from core.patches.refusals import spacing_note, spacing_um_px

_PIXEL_BYTES: Final = PATCH_SIZE_PX * PATCH_SIZE_PX * 3
_MOST_TAGS: Final = 24
_SHORT, _LONG, _RATIONAL = 3, 4, 5
_UM_PER_UNIT: Final = {2: 25_400.0, 3: 10_000.0}

_REQUIRED: Final = {256: 96, 257: 96, 259: 1, 262: 2, 277: 3}
"""Width, height, no compression, RGB, three samples: tag and its only value here."""
_ALLOWED: Final = {284: 1, 278: 96, 279: _PIXEL_BYTES, 274: 1, 254: 0, 266: 1, 296: None}


def plain_tiff(data: bytes) -> ImageU8 | None:  # noqa: PLR0911 - each return is one refusal
    """Return the pixels (96, 96, 3) of an uncompressed 8-bit RGB TIFF in one strip.

    None for everything else, damaged files included: those are for the decoder, which says why.
    """
    if data[:4] != b"II*\x00" or len(data) < _PIXEL_BYTES + 8:
        return None
    start = int.from_bytes(data[4:8], "little")
    count = int.from_bytes(data[start : start + 2], "little")
    end = start + 2 + 12 * count
    if not 0 < count <= _MOST_TAGS or end + 4 > len(data) or any(data[end : end + 4]):
        return None  # the last four bytes would point to another picture
    found: dict[int, int] = {}
    per_unit = 0.0
    for tag, kind, values, value in struct.iter_unpack("<HHII", data[start + 2 : end]):
        if tag == 258:
            eights = data[value : value + 6]
            if kind != _SHORT or values != 3 or eights != b"\x08\x00\x08\x00\x08\x00":
                return None
        elif tag == 282 and kind == _RATIONAL:
            per_unit = _rational(data, value)
            continue
        elif tag == 283 and kind == _RATIONAL:
            continue
        elif values != 1 or kind not in {_SHORT, _LONG}:
            return None
        found[tag] = value
    offset = found.pop(273, len(data))
    if found.pop(258, None) is None or any(
        found.pop(tag, None) != expected for tag, expected in _REQUIRED.items()
    ):
        return None
    um = _UM_PER_UNIT.get(found.get(296, 2), 0.0)
    if per_unit > 0 and um and spacing_note(spacing_um_px(um / per_unit)):
        return None  # the decoder has a word on it
    if any(tag not in _ALLOWED or _ALLOWED[tag] not in {None, v} for tag, v in found.items()):
        return None
    last = offset + _PIXEL_BYTES
    if offset < 8 or last > len(data) or (offset < end and start < last):
        return None  # pixels in the header, or beyond the end
    pixels = np.frombuffer(data, np.uint8, _PIXEL_BYTES, offset)
    return pixels.reshape(PATCH_SIZE_PX, PATCH_SIZE_PX, 3).copy()  # the bytes are read-only


def _rational(data: bytes, offset: int) -> float:
    if offset + 8 > len(data):
        return 0.0
    above, below = struct.unpack_from("<II", data, offset)
    return float(above / below) if below else 0.0
