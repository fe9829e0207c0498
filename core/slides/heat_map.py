"""Scores as a picture: a pyramidal TIFF to lay over the slide, and an overview to look at."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray

from core.files import replacing
from core.patches import ImageU8
from core.slides.cells import Cells, CellState
from core.slides.outlines import Region
from core.slides.tissue import CELL_PX, Tissue

_PX_PER_CELL: Final = 4
_TILE_PX: Final = 256
_UM_PER_CM: Final = 10_000
_STOPS: Final = (0.0, 0.5, 1.0)
_COLOURS: Final = np.array([(0, 114, 178), (245, 240, 230), (213, 94, 0)], np.float64)
"""Okabe and Ito's blue over pale to vermilion, which colour-blind readers can tell apart."""
_GLASS: Final = 255
_NOT_SCORED: Final = (200, 200, 200)
_OUTLINE: Final = (0, 0, 0)
_OPACITY: Final = 0.55
_SMALLEST_OVERVIEW_PX: Final = 800


def coloured(prob_tumour: NDArray[np.float64]) -> ImageU8:
    """Return the colours (…, 3) of scores; what has none is white."""
    filled = np.nan_to_num(prob_tumour, nan=0.5)
    colours = np.stack([np.interp(filled, _STOPS, channel) for channel in _COLOURS.T], axis=-1)
    colours[np.isnan(prob_tumour)] = _GLASS
    image: ImageU8 = np.rint(colours).astype(np.uint8)
    return image


def write_heat_map(path: Path, cells: Cells, cell_um: float) -> None:
    """Write the scores as a pyramidal, tiled RGB TIFF of four pixels a cell.

    Its resolution tags say its own spacing, so that viewers lay it over the slide. Cells that
    coarse to fine passed over are grey, glass is white.
    """
    colours = coloured(cells.prob_tumour)
    colours[cells.tissue & (cells.state != CellState.SCORED)] = _NOT_SCORED
    levels = 1
    while max(cells.tissue.shape) * _PX_PER_CELL >> levels >= _TILE_PX:
        levels += 1
    with replacing(path) as temporary, tifffile.TiffWriter(temporary) as tiff:
        for level in range(levels):
            per_cell = _PX_PER_CELL / 2**level
            um_px = cell_um / per_cell
            picture, zoom = _level(colours, per_cell)
            tiff.write(
                _tiles(picture, zoom),
                shape=(picture.shape[0] * zoom, picture.shape[1] * zoom, 3),
                dtype=np.uint8,
                tile=(_TILE_PX, _TILE_PX),
                photometric="rgb",
                compression="adobe_deflate",
                subfiletype=int(level > 0),
                resolution=(_UM_PER_CM / um_px, _UM_PER_CM / um_px),
                resolutionunit="CENTIMETER",
                software="NodeLens",
                metadata=None,
            )


def _level(colours: ImageU8, per_cell: float) -> tuple[ImageU8, int]:
    """Return a picture and the whole factor to enlarge it by, for so many pixels a cell."""
    if per_cell >= 1:
        return colours, int(per_cell)
    size = [max(1, round(side * per_cell)) for side in colours.shape[1::-1]]
    small: ImageU8 = cv2.resize(colours, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
    return small, 1


def _tiles(picture: ImageU8, zoom: int) -> Iterator[ImageU8]:
    side = _TILE_PX // zoom
    for y in range(0, picture.shape[0], side):
        for x in range(0, picture.shape[1], side):
            part = picture[y : y + side, x : x + side]
            whole = np.full((side, side, 3), _GLASS, np.uint8)
            whole[: part.shape[0], : part.shape[1]] = part
            yield whole.repeat(zoom, axis=0).repeat(zoom, axis=1)


def overview(tissue: Tissue, cells: Cells, regions: list[Region]) -> ImageU8:
    """Return the slide beside itself under its scores and outlines, small, (H, 2 W, 3)."""
    plain, per_cell = tissue.overview_rgb_u8, CELL_PX / tissue.overview_px
    zoom = max(1, _SMALLEST_OVERVIEW_PX // max(plain.shape))
    plain, per_cell = plain.repeat(zoom, axis=0).repeat(zoom, axis=1), per_cell * zoom
    rows, columns = (
        np.minimum((np.arange(size) / per_cell).astype(np.int64), most - 1)
        for size, most in zip(plain.shape, cells.tissue.shape, strict=False)
    )
    scores = cells.prob_tumour[np.ix_(rows, columns)]
    shown = (~np.isnan(scores))[..., None] * _OPACITY
    blended = plain * (1 - shown) + coloured(scores) * shown
    marked: ImageU8 = np.ascontiguousarray(np.rint(blended).astype(np.uint8))
    lines = [
        np.rint(ring * per_cell).astype(np.int32) for region in regions for ring in region.rings
    ]
    cv2.polylines(marked, lines, isClosed=True, color=_OUTLINE, thickness=min(zoom, 3))
    return np.concatenate([plain, marked], axis=1)
