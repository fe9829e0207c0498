"""A slide at the spacing that the model judges, whatever resolutions its file holds."""

import io
import math
from pathlib import Path
from typing import Final, Self

import numpy as np
from PIL import Image
from scipy.sparse import csr_array

from core.errors import PatchError, SourceError
from core.patches import SPACING_UM_PX, ImageU8
from core.slides.picture import FlatPicture
from core.slides.pyramid import PLAIN, Pyramid, vendor_of
from core.slides.slide_file import SlideFile
from core.slides.spacing import SPACING_TOLERANCE, Spacing, settle_spacing
from core.slides.tiff import PlainTiff

_TIFF_SUFFIXES: Final = (".tif", ".tiff", ".btf")
_OF_SCANNERS: Final = (
    ".svs",
    ".ndpi",
    ".mrxs",
    ".scn",
    ".bif",
    ".vms",
    ".vmu",
    ".svslide",
    ".dcm",
)
SLIDE_SUFFIXES: Final = frozenset([*_OF_SCANNERS, *_TIFF_SUFFIXES, ".png", ".jpg", ".jpeg"])
"""What slides and regions of them are called."""
_TIFF_BEGINS: Final = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_SAME: Final = 1e-6
_MOST_READ_AT_ONCE_PX: Final = 4096 * 4096
"""Of the file's pixels; more are read in parts, so that memory stays bounded."""


class Sampled:
    """A slide's file at some resolution, read in parts.

    A coarser pixel is the mean of what lies under it, the same whichever part is read.

    Attributes:
        file: Where the pixels come from.
        full_px: Full-resolution pixels per pixel.
        width_px: Its width; the last column may lie partly beyond the slide.
        height_px: Its height, likewise.
    """

    def __init__(self, file: SlideFile, full_px: float = 1.0) -> None:
        """See a file at so many full-resolution pixels a pixel."""
        self.file = file
        self.full_px = full_px
        self.width_px = math.ceil(file.levels[0].width_px / full_px - _SAME)
        self.height_px = math.ceil(file.levels[0].height_px / full_px - _SAME)

    def level_for(self, coarsening: int) -> tuple[int, float]:
        """Return the coarsest level that is fine enough, and its pixels per coarse pixel.

        One that cannot be read exactly is good enough for what is coarse only.
        """
        factor = self.full_px * coarsening
        enough = [
            number
            for number, level in enumerate(self.file.levels)
            if level.downsample <= factor * (1 + _SAME) and (level.is_exact or coarsening > 1)
        ]
        best = max(enough, key=lambda number: self.file.levels[number].downsample, default=0)
        return best, factor / self.file.levels[best].downsample

    def read(self, x: int, y: int, width: int, height: int, *, coarsening: int = 1) -> ImageU8:
        """Return part of it, (height, width, 3); white beyond the slide.

        Args:
            x: First column, in pixels; a multiple of `coarsening`.
            y: First row, likewise.
            width: Columns of what is returned.
            height: Rows, likewise.
            coarsening: Pixels per pixel of what is returned.

        Raises:
            PatchError: This part of the file is damaged.
        """
        level, factor = self.level_for(coarsening)
        if height > 1 and width * height * factor**2 > _MOST_READ_AT_ONCE_PX:
            half = height // 2
            upper = self.read(x, y, width, half, coarsening=coarsening)
            below = y + half * coarsening
            lower = self.read(x, below, width, height - half, coarsening=coarsening)
            return np.concatenate([upper, lower])
        x, y = x // coarsening, y // coarsening
        if abs(factor - 1) < _SAME:
            return self.file.read(level, x, y, width, height)
        left, top = math.floor(x * factor + _SAME), math.floor(y * factor + _SAME)
        right = math.ceil((x + width) * factor - _SAME)
        bottom = math.ceil((y + height) * factor - _SAME)
        pixels = self.file.read(level, left, top, right - left, bottom - top)
        down = _area_weights(y * factor - top, factor, height, bottom - top)
        across = _area_weights(x * factor - left, factor, width, right - left)
        return _resampled(pixels, down, across)

    def close(self) -> None:
        """Release the file."""
        self.file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class SlideView(Sampled):
    """A slide as a picture of 0.97 µm/px.

    Where a level of the file has 0.97 µm/px within 3 %, its pixels are taken as they are. Else, or
    where they would be read blurred, the next finer level is resampled by area. A file of up to
    1.01 µm/px is taken as it is.

    Attributes:
        spacing: Of the full resolution.
        spacing_um_px: Of the view.
    """

    def __init__(
        self, file: SlideFile, spacing: Spacing, judged_um_px: float | None = None
    ) -> None:
        """See a file at 0.97 µm/px, or as it was judged before."""
        self.spacing = spacing
        factor = SPACING_UM_PX / spacing.um_px
        near = [
            level.downsample
            for level in file.levels
            if level.is_exact and abs(level.downsample / factor - 1) <= SPACING_TOLERANCE
        ]
        nearest = min(near, key=lambda one: abs(one / factor - 1), default=max(factor, 1.0))
        super().__init__(file, judged_um_px / spacing.um_px if judged_um_px else nearest)
        self.spacing_um_px = self.full_px * spacing.um_px


def open_slide(
    path: Path, *, um_per_px: float | None = None, judged_um_px: float | None = None
) -> SlideView:
    """Return a slide, or a region of one, at 0.97 µm/px.

    Args:
        path: A file of a scanner (SVS, NDPI, MRXS, SCN, BIF, Philips, DICOM), a TIFF, PNG or JPEG.
        um_per_px: Spacing of its full resolution, where the file does not say it or is wrong.
        judged_um_px: Spacing of the view, where cells lie on that of an earlier version.

    Raises:
        SourceError: It cannot be read.
        SpacingError: Its spacing must be given, or is too coarse.
    """
    file = open_file(path)
    try:
        return SlideView(file, settle_spacing(path.name, file.claimed, um_per_px), judged_um_px)
    except SourceError as error:
        file.close()
        if file.is_cut_off:  # what it says of itself may stand at its end
            raise SourceError(f"{path.name} was cut off. Copy it again.") from error
        raise


def open_file(path: Path) -> SlideFile:
    """Return what reads a slide's file, whatever its spacing.

    Raises:
        SourceError: It cannot be read.
    """
    if not path.is_file():
        raise SourceError(f"There is no file {path}. Check the path.")
    suffix = path.suffix.lower()
    vendor = vendor_of(path)
    if vendor not in {None, PLAIN}:
        try:
            return Pyramid(path)
        except SourceError:
            if suffix not in _TIFF_SUFFIXES:
                raise
            # tifffile knows more compressions, such as JPEG 2000 outside Aperio's files
    elif vendor is None and suffix in _OF_SCANNERS:
        raise SourceError(
            f"{path.name} is not a complete {suffix} file: part of it may be missing, or it is a "
            "different kind of file. Copy it again from the scanner, with its folder if the "
            "format has one."
        )
    with path.open("rb") as opened:
        is_tiff = opened.read(4) in _TIFF_BEGINS
    return PlainTiff(path) if is_tiff else FlatPicture(path)


def _area_weights(start: float, factor: float, count: int, length: int) -> csr_array:
    """Return what each of `count` pixels takes of `length` finer ones, (count, length).

    The first begins at `start`, in finer pixels; `factor` of these are one pixel.
    """
    edges = start + factor * np.arange(count + 1)
    first = np.floor(edges[:-1] + _SAME).astype(np.int64)
    index = first[:, None] + np.arange(math.ceil(factor) + 1)
    overlap = np.minimum(index + 1, edges[1:, None]) - np.maximum(index, edges[:-1, None])
    weights = np.clip(overlap / factor, 0, None).astype(np.float32)
    rows = np.broadcast_to(np.arange(count)[:, None], index.shape)
    kept = (index < length) & (weights > 0)
    return csr_array((weights[kept], (rows[kept], index[kept])), shape=(count, length))


def _resampled(pixels: ImageU8, down: csr_array, across: csr_array) -> ImageU8:
    """Return the means of pixels (H, W, 3) under a coarser grid, (h, w, 3)."""
    height, width, channels = pixels.shape
    lines = (down @ pixels.reshape(height, -1)).reshape(-1, width, channels)  # (h, W, 3)
    turned = np.ascontiguousarray(lines.transpose(1, 0, 2)).reshape(width, -1)  # (W, h * 3)
    means = (across @ turned).reshape(across.shape[0], -1, channels).transpose(1, 0, 2)
    image: ImageU8 = np.clip(np.rint(means), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(image)


TILE_PX: Final = 256
_QUALITY: Final = 85
_DAMAGED: Final = 128


class SlideTiles:
    """Tiles by the numbers of Deep Zoom: at the last level a pixel is one of full resolution.

    Attributes:
        width_px: Of the full resolution.
        height_px: Of the full resolution.
        last_level: The number of the full resolution.
        first_level: The number of the finest level that fits into one tile.
    """

    def __init__(self, file: SlideFile) -> None:
        """Cut tiles from a file; its label and macro images are not among them."""
        self._whole = Sampled(file)
        self.width_px, self.height_px = self._whole.width_px, self._whole.height_px
        most = max(self.width_px, self.height_px)
        self.last_level = math.ceil(math.log2(most))
        self.first_level = max(0, self.last_level - math.ceil(math.log2(max(most / TILE_PX, 1))))

    def jpeg(self, level: int, column: int, row: int) -> bytes | None:
        """Return a tile; None where there is none, grey where the file is damaged."""
        if not self.first_level <= level <= self.last_level:
            return None
        coarsening = 2 ** (self.last_level - level)
        left, top = column * TILE_PX, row * TILE_PX
        width = min(TILE_PX, -(-self.width_px // coarsening) - left)
        height = min(TILE_PX, -(-self.height_px // coarsening) - top)
        if min(column, row) < 0 or min(width, height) < 1:
            return None
        at = left * coarsening, top * coarsening
        try:
            pixels = self._whole.read(*at, width, height, coarsening=coarsening)
        except PatchError:
            pixels = np.full((height, width, 3), _DAMAGED, np.uint8)
        packed = io.BytesIO()
        Image.fromarray(pixels).save(packed, "JPEG", quality=_QUALITY)
        return packed.getvalue()
