"""Regions of flagged cells: what each encloses, its area and its greatest diameter.

Two things make flagged cells reach further than the tumour. A score rests on all 96 × 96 px around
a cell and the threshold is low, so cells beside tumour are flagged that hold none. The mean of the
3 × 3 log-odds around a cell tells them: the scores of single cells vary, and their log-odds fall
evenly across a rim, where scores fall in a step whose height differs from island to island. And a
cell counts as tumour as soon as any tumour lies in it, so cells at the rim are on average half
full: the outline goes through their middles, not along their outer edges. On drawn slides whose
cells are called without error, the area within is that of the tumour to a few per cent; for the
model's own calls, which miss a rim here and there, see docs/slides.md.
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

_OF_THE_WAY: Final = 0.55
"""From the log-odds of cells free of tumour to those of a region: below, a flagged cell lies
outside of the outline. About there a score is half of the inside's. Twelve drawn slides chose it;
on eight others the mean error is the same."""
_LEAST: Final = 0.01
"""Scores nearer to 0 or 1 tell no more: no outline hangs on how sure a model is of glass."""
_CONTEXT_CELLS: Final = (3, 3)
_FINE: Final = 4
"""Pixels per cell while contours are followed: OpenCV follows the middles of pixels, and with four
a cell the nearest quarter of a cell is the right one."""
_HALF_A_CELL: Final = np.ones((5, 5), np.uint8)
_ACROSS_EDGES: Final = cv2.getStructuringElement(cv2.MORPH_CROSS, (5, 5))
_QUARTER_OF_A_CELL: Final = np.ones((3, 3), np.uint8)

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


def find_regions(cells: Cells, cell_um: float) -> list[Region]:
    """Return the regions of flagged cells, those of most cells first.

    Cells that touch at a corner only are two regions. The outline leaves out cells whose context
    has too little of the evidence inside, and goes through the middles of the outermost others;
    where these are one cell wide, it takes the middle half. An area is that of a region of flagged
    cells, not the size of a tumour.
    """
    flagged = cells.flagged.astype(np.uint8)
    count, labels, facts, _ = cv2.connectedComponentsWithStats(flagged, connectivity=4)
    odds, evidence, free = _evidence(cells)
    regions = []
    for label in range(1, count):
        left, top, width, height, size = (int(fact) for fact in facts[label])
        window = np.s_[top : top + height, left : left + width]
        inside = labels[window] == label
        level = free + _OF_THE_WAY * (float(np.median(odds[window][inside])) - free)
        level = min(level, float(evidence[window][inside].max()))  # a speck has its best cell
        enclosed = _enclosed(inside & (evidence[window] >= level))
        at = np.array([left - 1, top - 1])  # the margin of `_enclosed`
        polygons = tuple(tuple(ring + at for ring in polygon) for polygon in _polygons(enclosed))
        regions.append(
            Region(
                polygons,
                size,
                float(enclosed.sum()) * (cell_um / _FINE / 1000) ** 2,
                _diameter([polygon[0] for polygon in polygons]) * cell_um / 1000,
                float(cells.prob_tumour[window][inside].max()),
            )
        )
    return sorted(regions, key=lambda region: -region.cells)


def _evidence(cells: Cells) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Return the log-odds of cells, their means over 3 × 3, and what cells free of tumour have.

    Glass and what coarse to fine passed over (its neighbours were called free of tumour) count as
    free of tumour.
    """
    scored = cells.tissue & (cells.state == CellState.SCORED)
    odds = logit(np.clip(np.nan_to_num(cells.prob_tumour), _LEAST, 1 - _LEAST))
    free = odds[scored & ~cells.flagged]
    usual = float(np.median(free)) if free.size else float(logit(_LEAST))
    odds[~scored] = usual
    means = cv2.blur(odds, _CONTEXT_CELLS, borderType=cv2.BORDER_REPLICATE)
    return odds, np.asarray(means, np.float64), usual


def _enclosed(inside: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return what the middles of cells (rows, columns) enclose, four pixels a cell.

    It has a margin of a cell.
    """
    cells = np.pad(inside.astype(np.uint8), 1)
    fine = cells.repeat(_FINE, axis=0).repeat(_FINE, axis=1)
    broad = cv2.erode(fine, _HALF_A_CELL)
    narrow = fine - cv2.dilate(broad, _HALF_A_CELL)  # what is one cell wide
    # It reaches half a cell into what is broader, which begins there.
    reach = cv2.min(cv2.dilate(narrow, _ACROSS_EDGES), cv2.erode(fine, _QUARTER_OF_A_CELL))
    enclosed: NDArray[np.uint8] = cv2.max(broad, reach).astype(np.uint8)
    # What would touch at a corner only is joined: no ring meets itself.
    corners = enclosed[:-1, :-1], enclosed[:-1, 1:], enclosed[1:, :-1], enclosed[1:, 1:]
    falls, rises = corners[0] & corners[3], corners[1] & corners[2]
    joined = falls | rises
    for corner in corners:
        np.maximum(corner, joined, out=corner)
    return enclosed


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


def _diameter(outlines: list[Ring]) -> float:
    hull = cv2.convexHull(np.concatenate(outlines).astype(np.float32))[:, 0]
    return float(pdist(hull).max())
