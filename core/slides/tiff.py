"""TIFFs that no scanner wrote, read tile by tile or strip by strip with their smaller levels."""

import logging
import math
import struct
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
import tifffile
from numpy.typing import NDArray

from core.errors import Fault, PatchError, SourceError, why
from core.patches import ImageU8
from core.patches.jpeg import END, lost_part
from core.patches.refusals import require_whole
from core.patches.spacing import stacked
from core.slides.picture import TURNED
from core.slides.slide_file import WHITE, Level, SlideFile, on_white, padded, same_shape
from core.slides.spacing import ClaimedSpacing, tiff_spacing

_UNITS: Final = {1: "none", 2: "inch", 3: "centimeter"}
_TILE_CACHE_BYTES: Final = 128 * 1024 * 1024
_STRIP_CACHE_BYTES: Final = 512 * 1024 * 1024
"""Strips are as wide as the slide; what is read next wants those that were read last."""
_LARGEST_PART_BYTES: Final = 1024 * 1024 * 1024
_GREY, _RGB, _YCBCR = (
    tifffile.PHOTOMETRIC.MINISBLACK,
    tifffile.PHOTOMETRIC.RGB,
    tifffile.PHOTOMETRIC.YCBCR,
)
_KNOWN: Final = {
    (_GREY, 1): "grey",
    (_RGB, 3): "RGB",
    (_RGB, 4): "RGBA",
    (_YCBCR, 3): "RGB, once JPEG is decoded",
}
"""Photometric interpretation and samples per pixel of what can be read in parts."""
_JPEG: Final = (tifffile.COMPRESSION.JPEG, tifffile.COMPRESSION.OJPEG)
_YCBCR_BY_COMPRESSION: Final = tifffile.COMPRESSION.APERIO_JP2000_YCBC
_PLANES: Final = tifffile.PLANARCONFIG.SEPARATE
_MULTIPLIED: Final = tifffile.EXTRASAMPLE.ASSOCALPHA
_REDUCED: Final = 1
_MASK: Final = 4
_PAGES: Final = 32
logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # what it finds is said in our words
_NO_HEADER: Final = "it was cut off within its header"
_SAVE_AGAIN: Final = "Save it as a tiled TIFF (8-bit RGB)."
_COPY_AGAIN: Final = "Copy it again, or save it as a tiled TIFF (8-bit RGB)."


class _UnknownKindError(ValueError):
    """The file is whole, and of a kind that is not read."""


@dataclass(frozen=True, eq=False)
class _Picture:
    """One resolution in the file.

    Attributes:
        page: As tifffile has it.
        tables: What all its JPEGs share, None without.
        mapped: Its pixels where they lie in the file as they are, None where they do not.
    """

    page: Any
    tables: bytes | None
    mapped: NDArray[np.uint8] | None


class PlainTiff(SlideFile):
    """The first picture of a TIFF and what is the same, smaller; others stay unread."""

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            SourceError: It is no TIFF of a kind that can be read in parts.
        """
        self.path, self.format = path, "TIFF"
        self._lock = threading.Lock()
        try:
            self._file = tifffile.TiffFile(path)
        except Exception as error:  # noqa: BLE001 - broken tags break whatever they are used for
            raise self._unreadable(error) from None
        try:
            self._pictures: list[_Picture] = []
            self.levels = ()
            self._find_levels()
        except Exception as error:  # noqa: BLE001 - likewise
            self._file.close()
            raise self._unreadable(error) from None
        weakref.finalize(self, self._file.close)  # caches let go of it without closing
        sizes = self._pictures[0].page.databytecounts
        self.unstored_parts = (sum(size == 0 for size in sizes), len(sizes))
        tiled = self._pictures[0].page.is_tiled
        self._most_bytes = _TILE_CACHE_BYTES if tiled else _STRIP_CACHE_BYTES
        self._parts: OrderedDict[tuple[int, int], ImageU8] = OrderedDict()
        self._held_bytes = 0

    def _unreadable(self, error: Exception) -> SourceError:
        to_do = _SAVE_AGAIN if isinstance(error, _UnknownKindError) else _COPY_AGAIN
        fault = _NO_HEADER if isinstance(error, struct.error) else why(error)
        return SourceError(f"{self.path.name} cannot be read ({fault}). {to_do}")

    def _find_levels(self) -> None:
        pages = self._file.pages
        if not len(pages):
            raise ValueError(_NO_HEADER)
        first: Any = pages[0]
        others: list[Any] = []
        with suppress(Exception):  # a chain that breaks off behind the first picture
            others += islice(pages, 1, _PAGES)
        _check(first, others)
        self.claimed = _claimed(first)
        self._add_level(first, 1.0)
        size = self._file.filehandle.size
        with suppress(Exception):  # likewise
            self.is_cut_off = max(first.subifds or [0]) >= size or any(
                _end_of_data(page) > size for page in (first, *(first.pages or ()), *others)
            )
        with suppress(Exception):  # a level that cannot be read is done without
            for page in (*(first.pages or ()), *others):
                shape = int(page.imagewidth), int(page.imagelength)
                downsample = self._is_level(page, shape)
                if downsample:
                    self._add_level(page, downsample)

    def _is_level(self, page: Any, shape: tuple[int, int]) -> float:  # noqa: ANN401 - tifffile's
        """Return how much smaller a picture is that shows the same, 0.0 for any other."""
        full, last = self.levels[0], self.levels[-1]
        if (
            not page.is_tiled
            or not int(page.subfiletype) & _REDUCED
            or shape[0] >= last.width_px
            or not same_shape(shape, (full.width_px, full.height_px))
            or _end_of_data(page) > self._file.filehandle.size
        ):
            return 0.0
        _check_kind(page)
        across, down = full.width_px / shape[0], full.height_px / shape[1]
        whole = round(across)
        halved = (abs(full.width_px / whole - shape[0]), abs(full.height_px / whole - shape[1]))
        return float(whole) if max(halved) < 1 else (across + down) / 2

    def _add_level(self, page: Any, downsample: float) -> None:  # noqa: ANN401 - tifffile's
        mapped = None
        if page.is_memmappable and page.planarconfig != _PLANES:
            with suppress(ValueError):  # the file ends before its pixels do
                mapped = tifffile.memmap(self.path, page=page.index, mode="r")
        if mapped is None and (size := math.prod(page.chunks)) > _LARGEST_PART_BYTES:
            raise _UnknownKindError(f"its strips hold {size / 2**30:.1f} GiB each")
        self._pictures.append(_Picture(page, page.jpegtables, mapped))
        self.levels += (Level(int(page.imagewidth), int(page.imagelength), downsample),)

    def read(self, level: int, x: int, y: int, width: int, height: int) -> ImageU8:
        """Return pixels of a level."""
        picture, size = self._pictures[level], self.levels[level]
        left, top = max(x, 0), max(y, 0)
        right, bottom = min(x + width, size.width_px), min(y + height, size.height_px)
        if right <= left or bottom <= top:
            return padded(np.empty((0, 0, 3), np.uint8), 0, 0, width, height)
        if picture.mapped is not None:
            part = _rgb(picture.page, picture.mapped[top:bottom, left:right])
            return padded(part, left - x, top - y, width, height)
        part = np.empty((bottom - top, right - left, 3), np.uint8)
        for number, (at_y, at_x) in _parts_within(picture.page, left, top, right, bottom):
            pixels = self._part(level, number)
            inner = pixels[max(top - at_y, 0) : bottom - at_y, max(left - at_x, 0) : right - at_x]
            to_y, to_x = max(at_y - top, 0), max(at_x - left, 0)
            part[to_y : to_y + len(inner), to_x : to_x + inner.shape[1]] = inner
        return padded(part, left - x, top - y, width, height)

    def _part(self, level: int, number: int) -> ImageU8:
        """Return a strip or tile decoded, from memory if it was needed lately."""
        with self._lock:
            if (level, number) in self._parts:
                self._parts.move_to_end((level, number))
                return self._parts[level, number]
        page = self._pictures[level].page
        planes = range(page.samplesperpixel if page.planarconfig == _PLANES else 1)
        apart = len(page.dataoffsets) // len(planes)
        try:
            decoded = [self._decoded(level, number + plane * apart) for plane in planes]
        except Exception as error:  # noqa: BLE001 - each decoder has errors of its own
            raise PatchError(
                f"{self.path.name} is damaged in part {number} ({why(error)}).", Fault.DAMAGED
            ) from None
        pixels = _rgb(page, np.concatenate(decoded, axis=2))
        with self._lock:
            if (level, number) not in self._parts:
                self._held_bytes += pixels.nbytes
            self._parts[level, number] = pixels
            while self._held_bytes > self._most_bytes and len(self._parts) > 1:
                self._held_bytes -= self._parts.popitem(last=False)[1].nbytes
        return pixels

    def _decoded(self, level: int, index: int) -> NDArray[np.uint8]:
        """Return what one entry of the file's table of parts holds, (H, W, samples)."""
        page, tables = self._pictures[level].page, self._pictures[level].tables
        length = page.databytecounts[index]
        if length == 0:  # nothing was stored: TIFF's word for an empty tile
            return np.full(page.chunks + (1,) * (3 - len(page.chunks)), WHITE, np.uint8)
        with self._lock:
            self._file.filehandle.seek(page.dataoffsets[index])
            data = self._file.filehandle.read(length)
        if len(data) < length:
            raise ValueError("the file ends before it")
        if page.compression in _JPEG:
            whole = data if tables is None else tables.removesuffix(END) + data[2:]
            if lost := lost_part(whole):
                raise ValueError(lost)
        elif page.compression == tifffile.COMPRESSION.WEBP:
            require_whole(data)
        pixels: NDArray[np.uint8] = page.decode(data, index, jpegtables=tables)[0][0]
        return pixels

    def close(self) -> None:
        """Release the file."""
        self._file.close()


def _check(first: Any, others: list[Any]) -> None:  # noqa: ANN401 - tifffile's page
    """Refuse a file of which it is not plain what the slide is.

    Raises:
        ValueError: It is one, or it is damaged.
    """
    sides = [int(side) for side in (*first.chunks[:2], first.imagewidth, first.imagelength)]
    if not sides or min(sides) < 1:
        raise ValueError("a side of it, or of its strips, has no pixels")
    found, expected = len(first.dataoffsets), math.prod(first.chunked)
    if found != expected:
        raise ValueError(f"found {found:,} strips or tiles; its size needs {expected:,}")
    _check_kind(first)
    full = sides[2] * sides[3]
    own = (page for page in others if not int(page.subfiletype) & (_REDUCED | _MASK))
    rivals = [page.imagewidth * page.imagelength for page in own]
    if max(rivals, default=0) > full:
        raise _UnknownKindError("a picture after the first is larger: which is the slide?")
    if full in rivals or stacked(first.description) > 1:
        raise _UnknownKindError(
            "it contains several pictures of that size, such as depths or channels: which is the "
            "slide?"
        )


def _end_of_data(page: Any) -> int:  # noqa: ANN401 - tifffile's page
    """Return where in the file the last of a picture's strips or tiles ends."""
    return max(map(sum, zip(page.dataoffsets, page.databytecounts, strict=True)), default=0)


def _check_kind(page: Any) -> None:  # noqa: ANN401 - tifffile's page
    if (
        page.dtype != np.uint8
        or (page.photometric, page.samplesperpixel) not in _KNOWN
        or (page.photometric == _YCBCR and page.compression not in _JPEG)
        or page.compression == _YCBCR_BY_COMPRESSION
        or page.imagedepth != 1
    ):
        colours, packed = tifffile.PHOTOMETRIC(page.photometric).name, page.compression.name
        raise _UnknownKindError(
            f"found {page.shape} {page.dtype} {colours}, {packed}; expected 8 bits, grey or RGB"
        )
    if (orientation := page.tags.valueof("Orientation", 1)) != 1:
        raise _UnknownKindError(TURNED.format(orientation))


def _parts_within(
    page: Any,  # noqa: ANN401 - tifffile's page
    left: int,
    top: int,
    right: int,
    bottom: int,
) -> Iterator[tuple[int, tuple[int, int]]]:
    """Yield the strips or tiles that meet a rectangle: number, and where (y, x) each begins."""
    rows, columns = page.chunks[:2]
    across = -(-page.imagewidth // columns)
    for row in range(top // rows, -(-bottom // rows)):
        for column in range(left // columns, -(-right // columns)):
            yield row * across + column, (row * rows, column * columns)


def _rgb(page: Any, pixels: NDArray[np.uint8]) -> ImageU8:  # noqa: ANN401 - tifffile's page
    """Return grey (H, W), (H, W, 1), RGB or RGBA pixels as RGB (H, W, 3)."""
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.shape[2] == 1:
        pixels = pixels.repeat(3, axis=2)
    if pixels.shape[2] == 3 or not any(page.extrasamples):
        return np.ascontiguousarray(pixels[..., :3])
    return on_white(pixels, premultiplied=page.extrasamples[0] == _MULTIPLIED)


def _claimed(page: Any) -> ClaimedSpacing:  # noqa: ANN401 - tifffile's page
    tags = page.tags
    unit = _UNITS.get(int(tags["ResolutionUnit"].value) if "ResolutionUnit" in tags else 2, "")
    dots = []
    for name in ("XResolution", "YResolution"):
        numerator, denominator = tags[name].value if name in tags else (0, 1)
        dots.append(numerator / denominator if denominator else None)
    return ClaimedSpacing(*tiff_spacing(page.description, unit, (dots[0], dots[1])))
