"""A JPEG's own account of itself: its parts, its colours, and whether all of its picture is there.

ITU-T T.81 (1992). A decoder paints what is missing at the end of a JPEG in grey, without a word,
and what follows a damaged part in any colours.
"""

import io
from collections.abc import Iterator
from hashlib import sha256
from typing import Final

from PIL import Image

from core.errors import PatchError
from core.patches.refusals import damaged, not_read, require_no_hole, wrong_depth

END: Final = b"\xff\xd9"
_SCAN, _END, _RESTARTS = 0xDA, 0xD9, 0xDD
_ALONE: Final = frozenset({0x01, *range(0xD0, 0xDA)})
"""Markers without a length."""
_LOSSLESS: Final = {**dict.fromkeys((0xC3, 0xC7, 0xCB, 0xCF), "lossless JPEG"), 0xF7: "JPEG-LS"}
_FRAMES: Final = (frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}) | _LOSSLESS.keys()
_FIRST_ARITHMETIC: Final = 0xC9
_MOST_PARTS: Final = 2_000
_FILLER: Final = bytes(range(1, 251)) * 2
"""Coded data of no meaning: pixels change only where a decoder still lacks some."""
_LAST, _LEAST = 16, 4
"""Bytes of coded data whose change must show, but where a decoder starts anew behind every few
blocks: there it lasts for a few only, and does not show in 1 of 200 intact progressive ones."""


def segments(data: bytes) -> Iterator[tuple[int, bytes, slice]]:
    """Yield marker and content of each segment up to the end of the picture.

    Also where the coded data behind it are: those of a scan, of other segments none.

    Raises:
        PatchError: There are very many; each costs a decoder time. Or one does not end where the
            next begins.
    """
    position, count = 2, 0
    while position < len(data) - 1:
        if data[position] != 0xFF:
            raise damaged("its parts do not follow one another")
        marker = data[position + 1]
        if marker == _END:
            return
        if marker in _ALONE or marker == 0xFF:
            position += 1 if marker == 0xFF else 2
            continue
        if (count := count + 1) > _MOST_PARTS:
            raise damaged(f"it has more than {_MOST_PARTS:,} parts")
        length = max(2, int.from_bytes(data[position + 2 : position + 4], "big"))
        content = data[position + 4 : position + 2 + length]
        begin = position = min(position + 2 + length, len(data))
        if marker == _SCAN:
            position = _behind_scan(data, position)
        yield marker, content, slice(begin, position)


def _behind_scan(data: bytes, position: int) -> int:
    """Where the next marker is; a stuffed 0xFF and restarts belong to a scan."""
    while (position := data.find(b"\xff", position)) >= 0:
        following = data[position + 1 : position + 2]
        if following != b"\0" and not b"\xd0" <= following <= b"\xd7":
            return position
        position += 2
    return len(data.rstrip(b"\0"))


def has_end(data: bytes) -> bool:
    """Return whether the mark of its end follows the last scan; zeros decode to grey without it."""
    return data.find(END, data.rfind(b"\xff\xda")) >= 0


def check_jpeg(data: bytes) -> None:
    """Refuse a JPEG of another depth, of a kind that is not read, or of which a part is missing.

    Raises:
        PatchError: It is one.
    """
    for marker, content, coded in segments(data):
        if marker in _FRAMES and len(content) > 5:
            if content[0] > 8:
                raise wrong_depth(f"The image has {content[0]} bits per channel")
            if marker in _LOSSLESS:
                raise not_read(f"The image is a {_LOSSLESS[marker]}")
        elif marker == _SCAN:
            require_no_hole(data[coded])
    if lost := lost_part(data):
        raise damaged(lost)


def lost_part(data: bytes) -> str:
    """Return why a part of a JPEG's picture is missing or damaged, "" where nothing is amiss."""
    try:
        return _lost_part(data)
    except PatchError:
        return "its parts do not follow one another"


def _lost_part(data: bytes) -> str:
    frame, components, missing = 0, b"", dict[tuple[int, int], int]()
    scan, restarts = slice(0, 0), False
    for marker, content, coded in segments(data):
        if marker in _FRAMES and len(content) > 5:
            frame, components = marker, content[6::3]
            missing = {(one, place): 1 for one in components for place in range(64)}
        elif marker == _RESTARTS:
            restarts = any(content)
        elif marker == _SCAN and content and len(content) >= 4 + 2 * content[0]:
            scan = coded
            first, last, precision = content[1 + 2 * content[0] :][:3]
            for one in content[1 : 1 + 2 * content[0] : 2]:
                for place in range(first, min(last, 63) + 1):
                    missing[one, place] = precision & 15
    if frame and any(missing.values()):
        return "some of its scans are missing, so it would be blurred"
    if not frame or frame >= _FIRST_ARITHMETIC:
        return ""
    picture = data[: scan.stop]
    pixels = _digest(picture + END)
    if pixels != _digest(picture + _FILLER + END):
        return "its data end before its last rows, which would be grey"
    last = min(_LAST, scan.stop - scan.start)
    if (
        last >= _LEAST
        and not restarts
        and pixels == _digest(picture[:-last] + _FILLER[:last] + END)
    ):
        return "its picture ends before its data, so a part of it is damaged"
    return ""


def _digest(data: bytes) -> bytes:
    """Return a hash of a picture's pixels; three large pictures would not fit into memory."""
    with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
        return sha256(image.tobytes()).digest()


def tells_ycbcr(data: bytes) -> bool | None:
    """Return whether its markers say that its colours are YCbCr, False for RGB, None for neither.

    JFIF demands YCbCr, Adobe's marker names one of the two, and no RGB has channels of two sizes.
    Of three channels only.
    """
    is_ycbcr = None
    for marker, content, _ in segments(data):
        if marker == 0xE0 and content[:5] == b"JFIF\0":
            is_ycbcr = True
        elif marker == 0xEE and content[:5] == b"Adobe" and len(content) >= 12:
            is_ycbcr = content[11] != 0
        elif marker in _FRAMES:
            if len(content) != 6 + 3 * 3:
                return None
            return True if len(set(content[7::3])) > 1 else is_ycbcr
    return None
