"""Slides of scanners, read by OpenSlide."""

import math
import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np
import openslide

from core.errors import Fault, PatchError, SourceError
from core.patches import ImageU8
from core.slides.slide_file import Level, SlideFile, on_white, same_shape
from core.slides.spacing import ClaimedSpacing, tiff_spacing

_CACHE_BYTES: Final = 128 * 1024 * 1024
_IMPLICIT: Final = " 1.2.840.10008.1.2"
"""DICOM's Implicit VR Little Endian, which OpenSlide does not read."""
_OR_EXPLICIT: Final = ", or as DICOM in Explicit VR Little Endian"
_LARGEST_TILE_PX: Final = 8192 * 8192
PLAIN: Final = "generic-tiff"


def vendor_of(path: Path) -> str | None:
    """Return by whose scanner OpenSlide takes a file to be, `PLAIN` for a tiled TIFF."""
    return openslide.OpenSlide.detect_format(path)


def dicom_series(path: Path) -> str | None:
    """Return the series that a DICOM file is of, None for any other file."""
    if path.suffix.lower() != ".dcm":
        return None
    with suppress(openslide.OpenSlideError), openslide.OpenSlide(path) as slide:
        return slide.properties.get("dicom.SeriesInstanceUID")
    return None


class Pyramid(SlideFile):
    """A file that OpenSlide reads; only its levels, none of the pictures associated with them."""

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            SourceError: It is damaged.
        """
        self.path = path
        self._lock = threading.Lock()
        self._slide = self._open()
        properties = self._slide.properties
        self.format = properties.get(openslide.PROPERTY_NAME_VENDOR, "slide")
        self.claimed = _claimed(properties)
        tile_px = max(_tile_px(properties, level) for level in range(self._slide.level_count))
        if tile_px > _LARGEST_TILE_PX:  # OpenSlide ends the process when it has no memory for one
            self._slide.close()
            raise SourceError(
                f"{path.name} claims tiles of {tile_px:,} px; expected at most "
                f"{_LARGEST_TILE_PX:,}. Save it as a tiled TIFF with tiles of 256 × 256."
            )
        width, height = self._slide.dimensions
        x, y, width, height = (
            int(properties.get(f"openslide.bounds-{side}", default))
            for side, default in (("x", 0), ("y", 0), ("width", width), ("height", height))
        )
        self.offset_px = (x, y)
        self._numbers, self.levels = [], ()
        for number, downsample in enumerate(self._slide.level_downsamples):
            whole = self._slide.level_dimensions[number]
            if not same_shape(whole, self._slide.dimensions):
                continue  # a macro image or a label that is marked as a level
            wide, high = (round(side / downsample) or 1 for side in (width, height))
            # OpenSlide is asked for places in whole pixels of the full resolution.
            is_exact = not (downsample % 1 or x % downsample or y % downsample)
            self._numbers.append(number)
            self.levels += (Level(min(wide, whole[0]), min(high, whole[1]), downsample, is_exact),)

    def _open(self) -> openslide.OpenSlide:
        try:
            slide = openslide.OpenSlide(self.path)
        except openslide.OpenSlideError as error:
            message = self._plain(error)
            to_do = (
                "Export it as another format, such as a tiled TIFF (8-bit RGB)"
                f"{_OR_EXPLICIT * message.endswith(_IMPLICIT)}."
                if "nsupported" in message
                else "Copy it again from the scanner; formats of several files need their folder "
                "beside them."
            )
            raise SourceError(
                f"{self.path.name} cannot be opened as a slide ({message}). {to_do}"
            ) from None
        slide.set_cache(openslide.OpenSlideCache(_CACHE_BYTES))
        return slide

    def _plain(self, error: Exception) -> str:
        """Return what OpenSlide says, without the folder: a reader is not told where files lie."""
        return str(error).replace(f"{self.path.parent}{os.sep}", "")

    def read(self, level: int, x: int, y: int, width: int, height: int) -> ImageU8:
        """Return pixels of a level."""
        downsample = self.levels[level].downsample
        at = (
            self.offset_px[0] + round(x * downsample),
            self.offset_px[1] + round(y * downsample),
        )
        slide = self._slide
        try:
            rgba = np.asarray(slide.read_region(at, self._numbers[level], (width, height)))
        except openslide.OpenSlideError as error:
            with self._lock:  # after an error OpenSlide's handle answers nothing but that error
                if self._slide is slide:
                    self._slide = self._open()
            raise PatchError(
                f"{self.path.name} is damaged near x {at[0]}, y {at[1]} ({self._plain(error)}).",
                Fault.DAMAGED,
            ) from None
        return on_white(rgba)

    def close(self) -> None:
        """Release the file."""
        self._slide.close()


def _tile_px(properties: Mapping[str, str], level: int) -> int:
    """Return how many pixels a tile of a level has, 0 where the format has none."""
    sides = (f"openslide.level[{level}].tile-{side}" for side in ("width", "height"))
    return math.prod(int(properties.get(side, 0)) for side in sides)


def _claimed(properties: Mapping[str, str]) -> ClaimedSpacing:
    def number(name: str) -> float | None:
        try:
            quantity = float(properties[name])
        except (KeyError, ValueError):
            return None
        return quantity if quantity > 0 else None

    x, y = number(openslide.PROPERTY_NAME_MPP_X), number(openslide.PROPERTY_NAME_MPP_Y)
    if x is None or y is None:
        x, y = tiff_spacing(
            properties.get("tiff.ImageDescription", ""),
            properties.get("tiff.ResolutionUnit", ""),
            (number("tiff.XResolution"), number("tiff.YResolution")),
        )
    return ClaimedSpacing(x, y, number(openslide.PROPERTY_NAME_OBJECTIVE_POWER))
