"""Regions of flagged cells: what each encloses, its area and its greatest diameter.

A cell counts as tumour as soon as any tumour lies in it, and a score rests on all 96 × 96 px around
it, so flagged cells reach further than the tumour. The outline estimates where it ends. Each cell's
log-odds are a share of the way from cells free of tumour to the region's median; the first three
tenths count as none, for a model that sees tumour beside a cell goes a part of the way there. The
mean over 3 × 3 cells, interpolated between their middles, is followed at seven tenths: so much
have, at a straight rim and with calls that make no error, the middles of the outermost flagged
cells, which lie on the rim in the mean. How near it comes on drawn slides: docs/slides.md.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist
from scipy.special import logit

from core.slides.cells import Cells, CellState

_NONE_TO: Final = 0.3
_OUTLINE_AT: Final = 0.7
"""Drawn slides chose both and the weights of the mean, with the model's calls and without error."""
_OF_THE_BEST: Final = 0.9
"""A region too small or thin to come so far is outlined where its mean is near its highest."""
_LEAST: Final = 0.01
"""Scores nearer to 0 or 1 tell no more: no outline hangs on how sure a model is of glass."""
_CONTEXT_CELLS: Final = (3, 3)
_WEIGHT_SD_CELLS: Final = 1.0
_MARGIN: Final = 2
"""Cells around a region that its averages and their interpolation look at."""
_SAME: Final = 1e-6
_FINE: Final = 4
"""Pixels per cell of an outline."""

Ring = NDArray[np.float64]
"""Corners (N, 2) as (column, row) on the grid of cells, not closed."""


@dataclass(frozen=True, eq=False)
class Region:
    """Flagged cells that share edges.

    Attributes:
        polygons: What the outline encloses, each as its outer ring and the rings of its holes.
        cells: How many are flagged.
        area_mm2: Of what the outline encloses.
        diameter_mm: Greatest distance between two points of the outline.
        highest: Of its cells' scores.
    """

    polygons: tuple[tuple[Ring, ...], ...]
    cells: int
    area_mm2: float
    diameter_mm: float
    highest: float

    @property
    def rings(self) -> list[Ring]:
        """All rings, outer ones and holes."""
        return [ring for polygon in self.polygons for ring in polygon]


def find_regions(
    cells: Cells, cell_um: float, extent: tuple[float, float] | None = None
) -> list[Region]:
    """Return the regions of flagged cells, those of most cells first.

    Cells that touch at a corner only are two regions. An area is that of a region of flagged
    cells, not the size of a tumour. The slide reaches `extent` rows and columns, the last ones in
    part; None takes all.
    """
    count, labels, facts, _ = cv2.connectedComponentsWithStats(
        np.pad(cells.flagged, _MARGIN).astype(np.uint8), connectivity=4
    )
    odds, free = _odds(cells)
    ends = np.array(extent or cells.tissue.shape)
    regions = []
    for label in range(1, count):
        left, top, width, height, size = (int(fact) for fact in facts[label])
        begins = np.array([top, left]) - _MARGIN
        around = tuple(map(slice, begins, begins + (height, width) + 2 * _MARGIN))
        inside = labels[around] == label
        at = begins - _MARGIN  # on the grid, which has no margin
        own = np.where(inside | (labels[around] == 0), odds[around], free)
        enclosed = _enclosed(inside, own, free, ends - at)
        # What lies beyond the slide in part ends with it.
        polygons = tuple(
            tuple(np.minimum(ring + at[::-1], ends[::-1]) for ring in polygon)
            for polygon in _polygons(enclosed)
        )
        regions.append(
            Region(
                polygons,
                size,
                sum(map(_area, polygons)) * (cell_um / 1000) ** 2,
                _diameter([polygon[0] for polygon in polygons]) * cell_um / 1000,
                float(cells.prob_tumour[tuple((np.argwhere(inside) + at).T)].max()),
            )
        )
    return sorted(regions, key=lambda region: -region.cells)


def _odds(cells: Cells) -> tuple[NDArray[np.float64], float]:
    """Return the log-odds of cells, with a margin, and what cells free of tumour have.

    Glass and what coarse to fine passed over (its neighbours were called free of tumour) count as
    free of tumour; beyond the grid it goes on as at its edge.
    """
    scored = cells.tissue & (cells.state == CellState.SCORED)
    odds = logit(np.clip(np.nan_to_num(cells.prob_tumour), _LEAST, 1 - _LEAST))
    free = odds[scored & ~cells.flagged]
    usual = float(np.median(free)) if free.size else float(logit(_LEAST))
    odds[~scored] = usual
    return np.pad(odds, _MARGIN, mode="edge"), usual


def _enclosed(
    inside: NDArray[np.bool_], odds: NDArray[np.float64], free: float, ends: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """Return what the outline of a region encloses, four pixels a cell.

    Args:
        inside: Which cells of a window are flagged and of the region.
        odds: Log-odds of the cells of the window, but for those of other regions.
        free: Log-odds of cells free of tumour.
        ends: Rows and columns that the slide reaches in the window.
    """
    way = float(np.median(odds[inside])) - free
    share = (odds - free) / way if way > 0 else inside.astype(np.float64)
    counted = np.clip((share - _NONE_TO) / (1 - _NONE_TO), 0, 1)
    mean = cv2.GaussianBlur(
        counted, _CONTEXT_CELLS, _WEIGHT_SD_CELLS, None, 0, cv2.BORDER_REPLICATE
    )
    fine: Any = cv2.resize(mean, None, fx=_FINE, fy=_FINE, interpolation=cv2.INTER_LINEAR)
    fine[~inside.repeat(_FINE, axis=0).repeat(_FINE, axis=1)] = 0
    rows, columns = np.ceil(ends * _FINE - _SAME).astype(np.int64)
    fine[rows:] = fine[:, columns:] = 0
    level = min(_OUTLINE_AT, _OF_THE_BEST * float(fine.max()))
    enclosed: NDArray[np.uint8] = (fine >= level).astype(np.uint8)
    # What would touch at a corner only is parted: no ring meets itself.
    corners = enclosed[:-1, :-1], enclosed[:-1, 1:], enclosed[1:, :-1], enclosed[1:, 1:]
    while True:
        falls = corners[0] & corners[3] & ~(corners[1] | corners[2])
        rises = corners[1] & corners[2] & ~(corners[0] | corners[3])
        if not (falls | rises).any():
            return enclosed
        corners[3][falls > 0] = 0
        corners[2][rises > 0] = 0


def _polygons(enclosed: NDArray[np.uint8]) -> Iterator[tuple[Ring, ...]]:
    """Yield the polygons of a fine mask, each with its outer ring first."""
    # Enlarged once more: contours follow pixels' middles, which then are nearest to their edges.
    finer = enclosed.repeat(_FINE, axis=0).repeat(_FINE, axis=1)
    contours, hierarchy = cv2.findContours(finer, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    for number, link in enumerate(hierarchy[0]):
        if link[3] < 0:
            holes = [at for at, other in enumerate(hierarchy[0]) if other[3] == number]
            yield tuple(_on_edges(contours[at]) for at in (number, *holes))


def _on_edges(contour: NDArray[Any]) -> Ring:
    """Return a contour (N, 1, 2) of pixels moved to the nearest quarters of cells, corners only."""
    corners = np.rint((contour[:, 0] + 0.5) / _FINE).astype(np.int64)
    corners = corners[np.any(corners != np.roll(corners, 1, axis=0), axis=1)]
    before, after = corners - np.roll(corners, 1, axis=0), np.roll(corners, -1, axis=0) - corners
    turns = before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]
    ring: Ring = corners[turns] / _FINE
    return ring


def _area(polygon: tuple[Ring, ...]) -> float:
    """Return the area of a polygon, in cells."""
    outer, *holes = (
        abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2 for x, y in (r.T for r in polygon)
    )
    return outer - sum(holes)


def _diameter(outlines: list[Ring]) -> float:
    hull = cv2.convexHull(np.concatenate(outlines).astype(np.float32))[:, 0]
    return float(pdist(hull).max())
