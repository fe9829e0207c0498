"""Regions of flagged cells: outlines along the cells' edges, area and greatest diameter."""

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist

from core.slides.cells import Cells

_FINE: Final = 4
"""Pixels per cell while contours are followed: OpenCV follows the middles of pixels, and with four
a cell the nearest edge of a cell is the right one."""

Ring = NDArray[np.int64]
"""Corners (N, 2) as (column, row) on the grid of cells, not closed."""


@dataclass(frozen=True, eq=False)
class Region:
    """Flagged cells that share edges.

    Attributes:
        outline: The outer ring.
        holes: Rings of what it encloses without holding it.
        cells: How many.
        area_mm2: Of the cells.
        diameter_mm: Greatest distance between two points of it.
        highest: Of its cells' scores.
    """

    outline: Ring
    holes: tuple[Ring, ...]
    cells: int
    area_mm2: float
    diameter_mm: float
    highest: float


def find_regions(cells: Cells, cell_um: float) -> list[Region]:
    """Return the regions of flagged cells, largest first.

    Outlines follow the edges of the cells: nothing finer is known. Cells that touch at a corner
    only are two regions. An area is that of cells called tumour, not of a tumour.

    Args:
        cells: The scored cells.
        cell_um: Height and width of a cell.
    """
    flagged = cells.flagged.astype(np.uint8)
    count, labels, facts, _ = cv2.connectedComponentsWithStats(flagged, connectivity=4)
    regions = []
    for label in range(1, count):
        left, top, width, height, size = (int(fact) for fact in facts[label])
        inside = labels[top : top + height, left : left + width] == label
        at = np.array([left, top])
        outline, *holes = [ring + at for ring in _rings(inside)]
        scores = cells.prob_tumour[top : top + height, left : left + width][inside]
        regions.append(
            Region(
                outline,
                tuple(holes),
                size,
                size * (cell_um / 1000) ** 2,
                _diameter(outline) * cell_um / 1000,
                float(scores.max()),
            )
        )
    return sorted(regions, key=lambda region: -region.cells)


def _rings(inside: NDArray[np.bool_]) -> list[Ring]:
    """Return the rings of one component (rows, columns), the outer one first."""
    fine = inside.astype(np.uint8).repeat(_FINE, axis=0).repeat(_FINE, axis=1)
    contours, hierarchy = cv2.findContours(fine, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    outer = [number for number, link in enumerate(hierarchy[0]) if link[3] < 0]
    inner = [number for number, link in enumerate(hierarchy[0]) if link[3] >= 0]
    return [_on_edges(contours[number]) for number in (*outer, *inner)]


def _on_edges(contour: NDArray[Any]) -> Ring:
    """Return a contour (N, 1, 2) of pixels moved to the nearest edges of cells, corners only."""
    corners = np.rint((contour[:, 0] + 0.5) / _FINE).astype(np.int64)
    corners = corners[np.any(corners != np.roll(corners, 1, axis=0), axis=1)]
    before, after = corners - np.roll(corners, 1, axis=0), np.roll(corners, -1, axis=0) - corners
    turns = before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]
    ring: Ring = corners[turns]
    return ring


def _diameter(outline: Ring) -> float:
    hull = cv2.convexHull(outline.astype(np.int32))[:, 0]
    return float(pdist(hull).max())
