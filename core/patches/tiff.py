"""The header of a TIFF, read before any decoder sees it: is it one whole patch, and of what kind?

TIFF 6.0 (1992) and BigTIFF. A decoder fills what a wrong table of strips leaves out with black or
with its neighbours' bytes; so the table must say exactly what size and samples demand.
"""

import re
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from core.errors import PatchError
from core.patches.patch import PATCH_SIZE_PX
from core.patches.refusals import (
    damaged,
    not_read,
    require_patch_size,
    require_whole,
    too_many_images,
    wrong_depth,
)
from core.patches.spacing import described_um_px, spacing_um_px, stacked

_MOST_TAGS: Final = 512
_MOST_VALUES: Final = 65_536
_MOST_IMAGES: Final = 4
_MOST_LETTERS: Final = 65_536
_FIRST: Final = ("B", "c", "H", "I", "II", "b", "c", "h", "i", "ii", "f", "d", "I")
_FORMATS: Final = {**dict(enumerate(_FIRST, start=1)), 16: "Q", 17: "q", 18: "Q"}
"""How `struct` reads each type of value; a fraction is two numbers."""
_SIZES: Final = {kind: struct.calcsize(f"={pattern}") for kind, pattern in _FORMATS.items()}
WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
FILL_ORDER, STRIP_OFFSETS, ORIENTATION, SAMPLES = 266, 273, 274, 277
ROWS_PER_STRIP, STRIP_BYTES = 278, 279
X_RESOLUTION, Y_RESOLUTION, PLANAR, RESOLUTION_UNIT = 282, 283, 284, 296
TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_BYTES, SAMPLE_FORMAT = 322, 323, 324, 325, 339
DESCRIPTION, JPEG_TABLES, PROFILE = 270, 347, 34675
_NEEDED: Final = frozenset({
    WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER, STRIP_OFFSETS, ORIENTATION, SAMPLES,
    ROWS_PER_STRIP, STRIP_BYTES, X_RESOLUTION, Y_RESOLUTION, PLANAR, RESOLUTION_UNIT, TILE_WIDTH,
    TILE_HEIGHT, TILE_OFFSETS, TILE_BYTES, SAMPLE_FORMAT,
})  # fmt: skip
NONE, JPEG, PACKBITS = 1, 7, 32773
RGB, YCBCR = 2, 6
_DEFLATE: Final = frozenset({8, 32946})
_READABLE: Final = frozenset({NONE, 2, 3, 4, 5, JPEG, 8, PACKBITS, 32946, 34925, 50000})
_COMPRESSIONS: Final = {
    6: "old-style JPEG",
    33003: "JPEG 2000 (Aperio, YCbCr)",
    33004: "JPEG 2000 (Leica)",
    33005: "JPEG 2000 (Aperio, RGB)",
    34712: "JPEG 2000",
    34887: "LERC",
    34892: "lossy JPEG (DNG)",
    34933: "PNG",
    34934: "JPEG XR",
    22610: "JPEG XR",
    50001: "WebP",
    50002: "JPEG XL",
    52546: "JPEG XL",
}
_MANY_ZEROS: Final = bytes(8 * PATCH_SIZE_PX * 3)
"""Eight rows."""
_ZEROS: Final = re.compile(rb"\0{%d,}" % len(_MANY_ZEROS))
_PAGE: Final = 4096
"""Bytes that a system writes at once: where a copy broke off, zeros begin at a multiple of it."""
_NOT_DARK: Final = 64
_UM_PER_UNIT: Final = {2: 25_400.0, 3: 10_000.0}


@dataclass(frozen=True)
class TiffFacts:
    """What a header says, checked.

    Attributes:
        compression: The tag's number.
        photometric: The tag's number.
        bands: Samples of each pixel.
        orientation: 1 to 8, 1 is upright.
        spacing_um_px: What the description says, or else the resolution tags; None where they
            say nothing of a microscope.
        parts: Offset and bytes of each strip or tile.
        tables: Where the JPEG tables that the parts share lie, None without.
        plain: Whether the first part is the pixels themselves: 8-bit RGB, upright, not compressed.
    """

    compression: int
    photometric: int
    bands: int
    orientation: int
    spacing_um_px: float | None
    parts: tuple[tuple[int, int], ...]
    tables: tuple[int, int] | None
    plain: bool


class _File:
    """The bytes of a TIFF, read by its own byte order."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.order = "<" if data[:2] == b"II" else ">"
        self.big = self.number("H", 2) == 43
        if self.big and self.order == ">":
            raise not_read(
                "The file is a BigTIFF in big-endian byte order", "Export it as an ordinary TIFF."
            )

    def number(self, kind: str, offset: int) -> int:
        size = struct.calcsize(kind)
        if not 0 <= offset <= len(self.data) - size:
            raise _cut_off()
        return int(struct.unpack_from(self.order + kind, self.data, offset)[0])

    def first(self) -> int:
        return self.number("Q", 8) if self.big else self.number("I", 4)

    def directory(self, start: int) -> tuple[dict[int, tuple[int, int, int]], int]:
        """Kind, count and place of each tag's values, and where the next directory is."""
        count = self.number("Q" if self.big else "H", start)
        if not 0 < count <= _MOST_TAGS:
            raise damaged(f"its header lists {count:,} tags")
        entry = struct.Struct(self.order + ("HHQQ" if self.big else "HHII"))
        position = start + (8 if self.big else 2)
        end = position + count * entry.size
        following = self.number("Q" if self.big else "I", end)  # so the directory is there whole
        tags: dict[int, tuple[int, int, int]] = {}
        for tag, kind, values, offset in entry.iter_unpack(self.data[position:end]):
            position += entry.size
            room = entry.size // 2 - 2  # what the last of the four holds
            inline = _SIZES.get(kind, 1) * values <= room
            tags.setdefault(tag, (kind, values, position - room if inline else offset))
        return tags, following

    def values(self, place: tuple[int, int, int]) -> tuple[float, ...]:
        kind, count, offset = place
        pattern = _FORMATS.get(kind)
        if pattern is None or pattern == "c" or not 0 < count <= _MOST_VALUES:
            raise damaged("its header contains values of no known type")
        whole = struct.Struct(f"{self.order}{count * len(pattern)}{pattern[0]}")
        if not 0 <= offset <= len(self.data) - whole.size:
            raise _cut_off()
        numbers = whole.unpack_from(self.data, offset)
        if len(pattern) == 2:
            pairs = zip(numbers[::2], numbers[1::2], strict=True)
            return tuple(a / b if b else 0.0 for a, b in pairs)
        return tuple(numbers)

    def text(self, place: tuple[int, int, int] | None) -> str:
        """The text of a tag as far as it is there; an odd remark makes no picture worse."""
        _, count, offset = place or (0, 0, 0)
        return self.data[offset : offset + min(count, _MOST_LETTERS)].decode("utf-8", "replace")


def _cut_off() -> PatchError:
    return damaged("its header points outside the file")


def check_tiff(data: bytes) -> TiffFacts:
    """Return what the header of a TIFF says, or refuse what is not one whole 96 × 96 image.

    Args:
        data: The whole file, which begins as a TIFF does.

    Raises:
        PatchError: It is of another size, depth, kind or number of images, its strips or tiles do
            not cover it exactly, or it is damaged.
    """
    file = _File(data)
    start = file.first()
    tags, following = file.directory(start)
    values = {tag: file.values(place) for tag, place in tags.items() if tag in _NEEDED}
    require_patch_size(int(_one(values, WIDTH, 0)), int(_one(values, HEIGHT, 0)))
    _check_number(file, start, following)
    _check_depth(values)
    compression = int(_one(values, COMPRESSION, 1))
    if compression not in _READABLE:
        name = _COMPRESSIONS.get(compression, f"method {compression}")
        raise not_read(
            f"The image is compressed with {name}",
            "Export it as a TIFF without compression, or as PNG.",
        )
    parts = _parts(values, compression, len(data))
    if any(offset < start + 2 and start < offset + length for offset, length in parts):
        raise _uncovered()  # the header itself as pixels
    if compression == PACKBITS:
        _check_packbits(data, parts, _expected_bytes(values))
    if compression == NONE and TILE_WIDTH not in values and _is_rgb(values):
        check_zeros(data, parts)
    if compression not in {NONE, JPEG}:
        for (offset, length), whole in zip(parts, _expected_bytes(values), strict=True):
            require_whole(data[offset : offset + length])
            if compression in _DEFLATE:
                _check_deflate(data[offset : offset + length], whole)
    described = file.text(tags.get(DESCRIPTION))
    if (stack := stacked(described)) > 1:
        raise too_many_images(str(stack))
    tables = tags.get(JPEG_TABLES)
    return TiffFacts(
        compression=compression,
        photometric=int(_one(values, PHOTOMETRIC, 1)),
        bands=int(_one(values, SAMPLES, 1)),
        orientation=int(_one(values, ORIENTATION, 1)),
        spacing_um_px=_spacing(values, described),
        parts=parts,
        tables=(tables[2], tables[1]) if tables else None,
        plain=PROFILE not in tags and _is_plain(values, parts),
    )


def _is_plain(values: Mapping[int, Sequence[float]], parts: Sequence[tuple[int, int]]) -> bool:
    """Return whether a decoder would do no more than copy one strip."""
    single = (COMPRESSION, 1, NONE), (PHOTOMETRIC, 1, RGB), (ORIENTATION, 1, 1)
    return (
        _is_rgb(values)
        and all(_one(values, tag, default) == value for tag, default, value in single)
        and (_one(values, SAMPLES, 1), _one(values, FILL_ORDER, 1)) == (3, 1)
        and len(parts) == 1
        and TILE_WIDTH not in values
    )


def _is_rgb(values: Mapping[int, Sequence[float]]) -> bool:
    """Return whether three bytes after each other are a pixel."""
    return tuple(values.get(BITS, ())) == (8, 8, 8) and _one(values, PLANAR, 1) == 1


def _one(values: Mapping[int, Sequence[float]], tag: int, default: float) -> float:
    numbers = values.get(tag)
    return numbers[0] if numbers else default


def _check_number(file: _File, start: int, following: int) -> None:
    seen = {start}
    while following and following not in seen and len(seen) <= _MOST_IMAGES:
        seen.add(following)
        following = file.directory(following)[1]
    if len(seen) > 1:
        count = f"{len(seen)}" if len(seen) <= _MOST_IMAGES else f"more than {_MOST_IMAGES}"
        raise too_many_images(count)


def _check_depth(values: Mapping[int, Sequence[float]]) -> None:
    bits = max(int(one) for one in values.get(BITS, (1,)))
    kind = max(int(one) for one in values.get(SAMPLE_FORMAT, (1,)))
    if kind == 3:
        raise wrong_depth(f"The image has {bits}-bit floating-point numbers")
    if kind == 2:
        raise wrong_depth(f"The image has signed {bits}-bit numbers")
    if bits == 1:
        raise wrong_depth("The image has 1 bit per pixel, black and white")
    if bits != 8 and not (bits in {2, 4} and int(_one(values, PHOTOMETRIC, 1)) != RGB):
        raise wrong_depth(f"The image has {bits} bits per channel")
    bands = int(_one(values, SAMPLES, 1))
    if bands >= 3 and int(_one(values, PHOTOMETRIC, 1)) in {0, 1}:
        raise wrong_depth(f"The image has {bands} bands, but its header says grey")


def _planes(values: Mapping[int, Sequence[float]]) -> tuple[int, int]:
    """Number of planes stored apart, and samples of a pixel in each."""
    samples = int(_one(values, SAMPLES, 1))
    return (samples, 1) if int(_one(values, PLANAR, 1)) == 2 else (1, samples)


def _expected_bytes(values: Mapping[int, Sequence[float]]) -> list[int]:
    """Bytes of each strip or tile once unpacked."""
    planes, together = _planes(values)
    bits = int(max(values.get(BITS, (1,))))
    if TILE_WIDTH in values:
        width, height = (int(_one(values, tag, 0)) for tag in (TILE_WIDTH, TILE_HEIGHT))
        if not (0 < width <= 4096 and 0 < height <= 4096):
            raise _uncovered()
        row = (width * together * bits + 7) // 8
        return [row * height] * (-(-PATCH_SIZE_PX // width) * -(-PATCH_SIZE_PX // height) * planes)
    rows = min(int(_one(values, ROWS_PER_STRIP, PATCH_SIZE_PX)), PATCH_SIZE_PX)
    if rows < 1:
        raise _uncovered()
    row = (PATCH_SIZE_PX * together * bits + 7) // 8
    starts = range(0, PATCH_SIZE_PX, rows)
    return [row * min(rows, PATCH_SIZE_PX - start) for start in starts] * planes


def _parts(
    values: Mapping[int, Sequence[float]], compression: int, size: int
) -> tuple[tuple[int, int], ...]:
    tiled = TILE_WIDTH in values
    offsets = values.get(TILE_OFFSETS if tiled else STRIP_OFFSETS, ())
    lengths = values.get(TILE_BYTES if tiled else STRIP_BYTES, ())
    expected = _expected_bytes(values)
    if compression == NONE and len(offsets) == len(expected) == 1 and not lengths:
        lengths = expected  # an old writer's single strip needs no length
    if not len(offsets) == len(lengths) == len(expected):
        raise _uncovered()
    parts = tuple((int(a), int(b)) for a, b in zip(offsets, lengths, strict=True))
    for (offset, length), whole in zip(parts, expected, strict=True):
        if offset < 8 or length < 1 or offset + length > size:
            raise _cut_off()
        if compression == NONE and length < whole:
            raise _uncovered()
    ordered = sorted(parts)
    if any(a + b > c for (a, b), (c, _) in pairwise(ordered)):
        raise _uncovered()
    return parts


def _uncovered() -> PatchError:
    return damaged("its strips or tiles do not cover it, so a part would be black or shifted")


def check_zeros(data: bytes, parts: Sequence[tuple[int, int]]) -> None:
    """Refuse rows of zeros that begin or end in a pixel, or in a row where a copy breaks off.

    Black of a picture begins and ends between two pixels, and softly where it does not. Beside
    black, a colour that lacks a channel (pure red) seems to end in a pixel; the pixel on its
    other side lacks the channel too then.

    Args:
        data: The whole file.
        parts: Offset and bytes of pixels of three bytes each, in rows of 96.

    Raises:
        PatchError: There are such rows.
    """
    if _MANY_ZEROS not in data:  # a twentieth of the time that the pattern takes
        return
    for offset, length in parts:
        for run in _ZEROS.finditer(data, offset, offset + length):
            for edge, side in ((run.start(), -1), (run.end(), 1)):
                pixel, kept = offset + (edge - offset) // 3 * 3, (edge - offset) % 3
                whole = pixel + 3 * side if kept or side < 0 else pixel
                beside = data[max(whole, offset) : min(whole + 3, offset + length)]
                lost = beside[kept:] if side < 0 else beside[:kept]
                broken = any(lost) if kept else edge % _PAGE == 0
                in_a_row = (edge - offset) % (3 * PATCH_SIZE_PX)
                if in_a_row and broken and max(beside, default=0) >= _NOT_DARK:
                    raise damaged(
                        f"{run.end() - run.start():,} bytes of its pixels are zeros from within a "
                        "row on, as after an interrupted copy"
                    )


def _check_deflate(packed: bytes, whole: int) -> None:
    """A decoder stops once it has its pixels, and never comes to the checksum behind them."""
    unpacker = zlib.decompressobj()
    try:
        length = len(unpacker.decompress(packed, whole + 1))
        if length == whole and not unpacker.eof:
            unpacker.decompress(unpacker.unconsumed_tail, 1)
    except zlib.error as error:
        raise damaged(f"its pixels cannot be unpacked: {error}") from None
    if length < whole or not unpacker.eof:
        raise damaged("its pixels unpack to a different size")


def _check_packbits(data: bytes, parts: Sequence[tuple[int, int]], expected: Sequence[int]) -> None:
    """PackBits has no end mark: packed data of another kind would unpack to anything."""
    for (offset, length), whole in zip(parts, expected, strict=True):
        position, end, unpacked = offset, offset + length, 0
        while position < end and unpacked < whole:
            code = data[position]
            if code < 128:
                unpacked += code + 1
                position += code + 2
            else:
                unpacked += 257 - code if code > 128 else 0
                position += 2 if code > 128 else 1
        if unpacked != whole or not end - 2 <= position <= end:
            raise _uncovered()


def _spacing(values: Mapping[int, Sequence[float]], description: str) -> float | None:
    per_unit = _one(values, X_RESOLUTION, _one(values, Y_RESOLUTION, 0))
    described = described_um_px(description, per_unit)
    unit = _UM_PER_UNIT.get(int(_one(values, RESOLUTION_UNIT, 2)))
    return described or (spacing_um_px(unit / per_unit) if unit and per_unit > 0 else None)
