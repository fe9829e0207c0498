"""Regions in one piece: TIFFs in strips, PNG and JPEG."""

import threading
import warnings
from collections import OrderedDict
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
import tifffile
from PIL import Image, UnidentifiedImageError

from core.errors import Fault, PatchError, SourceError, why
from core.patches import ImageU8
from core.patches.jpeg import has_end
from core.slides.slide_file import Level, SlideFile, on_white, padded
from core.slides.spacing import ClaimedSpacing, tiff_spacing

_UNITS: Final = {1: "none", 2: "inch", 3: "centimeter"}
_UM_PER_INCH: Final = 25_400.0
_CACHE_BYTES: Final = 512 * 1024 * 1024
_LARGEST_STRIP_BYTES: Final = 1024 * 1024 * 1024
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
_MULTIPLIED: Final = tifffile.EXTRASAMPLE.ASSOCALPHA
_FORMATS: Final = ("PNG", "JPEG", "TIFF")
"""What such a name may hold; other formats that the library knows call other programs."""
_KNOWN_MODES: Final = frozenset({"L", "LA", "RGB", "RGBA", "P", "PA"})
_CLEAR_MODES: Final = frozenset({"LA", "RGBA", "PA"})
_ORIENTATION: Final = 274
_PAGES: Final = 32
_TURNED: Final = "its rows are stored turned or mirrored (orientation {})"
"""Programs that show outlines over a region differ in whether they turn it."""
_SAVE_AGAIN: Final = "Save it as a tiled TIFF (8-bit RGB)."
_DAMAGED: Final = (OSError, Image.DecompressionBombError, SyntaxError, ValueError)


class FlatPicture(SlideFile):
    """A PNG or JPEG region, decoded whole: neither format can be entered in the middle."""

    def __init__(self, path: Path) -> None:
        """Decode the file.

        Raises:
            SourceError: It is no picture, damaged or too large to hold.
        """
        self.path = path
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of sizes and metadata; what fails is an error
                picture = Image.open(path, formats=_FORMATS)
            with picture:
                self.format = picture.format or "picture"
                dots = picture.info.get("dpi", (0, 0))
                if picture.mode not in _KNOWN_MODES:
                    raise ValueError(f"found {picture.mode} pixels; expected 8-bit colours")
                if self.format == "JPEG" and not has_end(path.read_bytes()):
                    raise ValueError("its end is missing, so a part of it would be grey")
                if (images := getattr(picture, "n_frames", 1)) > 1:
                    raise ValueError(f"it holds {images} images, and a region is one")
                if (turned := picture.getexif().get(_ORIENTATION, 1)) != 1:
                    raise ValueError(_TURNED.format(turned))
                if picture.mode in _CLEAR_MODES or "transparency" in picture.info:
                    self._image_rgb_u8 = on_white(np.asarray(picture.convert("RGBA")))
                else:
                    self._image_rgb_u8 = np.asarray(picture.convert("RGB"))
        except UnidentifiedImageError:  # its words would tell where the file lies
            raise SourceError(
                f"{path.name} is no picture, whatever its name says. Expected a slide of a "
                "scanner, a TIFF, PNG or JPEG; check the file."
            ) from None
        except _DAMAGED as error:
            raise SourceError(
                f"{path.name} cannot be read as a region of a slide ({why(error)}). Copy it again, "
                "or save it as a tiled TIFF (8-bit RGB)."
            ) from None
        height, width = self._image_rgb_u8.shape[:2]
        self.levels = (Level(width, height, 1.0),)
        known = all(dots)
        self.claimed = ClaimedSpacing(
            *((_UM_PER_INCH / float(dots[0]), _UM_PER_INCH / float(dots[1])) if known else ())
        )

    def read(self, level: int, x: int, y: int, width: int, height: int) -> ImageU8:
        """Return pixels; there is one level."""
        del level
        left, top = max(x, 0), max(y, 0)
        part = self._image_rgb_u8[top : max(y + height, 0), left : max(x + width, 0)]
        return padded(part, left - x, top - y, width, height)


class FlatTiff(SlideFile):
    """The first page of a TIFF, strip by strip; pages behind it may be a label and stay unread."""

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            SourceError: It is no TIFF of a kind that can be read in parts.
        """
        self.path, self.format = path, "flat TIFF"
        self._lock = threading.Lock()
        try:
            self._file = tifffile.TiffFile(path)
        except Exception as error:  # noqa: BLE001 - broken tags break whatever they are used for
            raise SourceError(f"{path.name} cannot be read ({why(error)}). {_SAVE_AGAIN}") from None
        try:
            self._page: Any = self._file.pages[0]
            self._check()
            page: Any = self._page
            self.levels = (Level(int(page.imagewidth), int(page.imagelength), 1.0),)
            self.claimed = _claimed(page)
            mapped = page.is_memmappable
            self._mapped = tifffile.memmap(path, page=0, mode="r") if mapped else None
        except Exception as error:  # noqa: BLE001 - likewise
            self._file.close()
            raise SourceError(f"{path.name} cannot be read ({why(error)}). {_SAVE_AGAIN}") from None
        self._strips: OrderedDict[int, ImageU8] = OrderedDict()
        self._held_bytes = 0

    def _check(self) -> None:
        page = self._page
        if (
            page.dtype != np.uint8
            or (page.photometric, page.samplesperpixel) not in _KNOWN
            or (page.photometric == _YCBCR and page.compression not in _JPEG)
            or page.planarconfig != tifffile.PLANARCONFIG.CONTIG
            or page.imagedepth != 1
        ):
            colours = tifffile.PHOTOMETRIC(page.photometric).name
            raise ValueError(
                f"found {page.shape} {page.dtype} {colours}; expected 8 bits, grey or RGB, "
                "interleaved"
            )
        if (orientation := page.tags.valueof("Orientation", 1)) != 1:
            raise ValueError(_TURNED.format(orientation))
        sides = [int(side) for side in (*page.chunks[:2], page.imagewidth, page.imagelength)]
        if min(sides) < 1:
            raise ValueError("a side of it, or of its strips, has no pixels")
        if larger_behind(self._file):
            raise ValueError("a picture behind the first is larger: which is the slide?")
        strip = int(np.prod(page.chunks)) if not page.is_memmappable else 0
        if strip > _LARGEST_STRIP_BYTES:
            raise ValueError(f"its strips hold {strip / 2**30:.1f} GiB each")

    def read(self, level: int, x: int, y: int, width: int, height: int) -> ImageU8:
        """Return pixels; there is one level."""
        only = self.levels[level]
        left, top = max(x, 0), max(y, 0)
        right, bottom = min(x + width, only.width_px), min(y + height, only.height_px)
        if right <= left or bottom <= top:
            return padded(np.empty((0, 0, 3), np.uint8), 0, 0, width, height)
        if self._mapped is not None:
            part = self._rgb(self._mapped[top:bottom, left:right])
        else:
            part = self._decoded(left, top, right, bottom)
        return padded(part, left - x, top - y, width, height)

    def _decoded(self, left: int, top: int, right: int, bottom: int) -> ImageU8:
        rows, columns = self._page.chunks[:2]
        across = -(-self.levels[0].width_px // columns)
        part = np.empty((bottom - top, right - left, 3), np.uint8)
        for row in range(top // rows, -(-bottom // rows)):
            for column in range(left // columns, -(-right // columns)):
                strip = self._strip(row * across + column)
                y, x = row * rows, column * columns
                inner = strip[max(top - y, 0) : bottom - y, max(left - x, 0) : right - x]
                at_y, at_x = max(y - top, 0), max(x - left, 0)
                part[at_y : at_y + len(inner), at_x : at_x + inner.shape[1]] = inner
        return part

    def _strip(self, index: int) -> ImageU8:
        """Return a strip or tile decoded, from memory if it was needed lately."""
        with self._lock:
            if index in self._strips:
                self._strips.move_to_end(index)
                return self._strips[index]
            page = self._page
            try:
                self._file.filehandle.seek(page.dataoffsets[index])
                data = self._file.filehandle.read(page.databytecounts[index])
                found = page.decode(data, index, jpegtables=page.jpegtables)[0]
            except Exception as error:  # noqa: BLE001 - each decoder has errors of its own
                raise PatchError(
                    f"{self.path.name} is damaged in strip {index} ({why(error)}).", Fault.DAMAGED
                ) from None
            if found is None:  # nothing was stored: TIFF's word for an empty tile
                found = np.full((1, *page.chunks[:2], 3), 255, np.uint8)
            strip = self._rgb(found[0])
            self._strips[index] = strip
            self._held_bytes += strip.nbytes
            while self._held_bytes > _CACHE_BYTES and len(self._strips) > 1:
                self._held_bytes -= self._strips.popitem(last=False)[1].nbytes
            return strip

    def _rgb(self, pixels: "np.ndarray[Any, Any]") -> ImageU8:
        """Return grey (H, W), (H, W, 1), RGB or RGBA pixels as RGB (H, W, 3)."""
        if pixels.ndim == 2:
            pixels = pixels[..., None]
        if pixels.shape[2] == 1:
            pixels = pixels.repeat(3, axis=2)
        if pixels.shape[2] == 3 or not any(self._page.extrasamples):
            return np.ascontiguousarray(pixels[..., :3])
        return on_white(pixels, premultiplied=self._page.extrasamples[0] == _MULTIPLIED)

    def close(self) -> None:
        """Release the file."""
        self._file.close()


def larger_behind(file: tifffile.TiffFile) -> bool:
    """Return whether one of the next pages of a TIFF has more pixels than the first.

    Only the first few are looked at, as far as they are whole; a file can hold very many.
    """
    pages: Iterable[Any] = islice(file.pages, _PAGES)
    first, most = 0, 0
    with suppress(Exception):
        for page in pages:
            most = max(most, page.imagewidth * page.imagelength)
            first = first or most
    return most > first


def _claimed(page: Any) -> ClaimedSpacing:  # noqa: ANN401 - tifffile's page
    tags = page.tags
    unit = _UNITS.get(int(tags["ResolutionUnit"].value) if "ResolutionUnit" in tags else 2, "")
    dots = []
    for name in ("XResolution", "YResolution"):
        numerator, denominator = tags[name].value if name in tags else (0, 1)
        dots.append(numerator / denominator if denominator else None)
    return ClaimedSpacing(*tiff_spacing(page.description, unit, (dots[0], dots[1])))
