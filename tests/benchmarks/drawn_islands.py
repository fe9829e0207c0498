"""How near outlines come to drawn islands, and how few cells coarse to fine needs: one command.

    python -m tests.benchmarks.drawn_islands [--model DIR] [--seeds 3 11 12 13] [--mixed]

Each slide is scored whole (a minute on two cores); coarse to fine is then followed on the same
scores, and its outlines are compared with what was drawn. An island counts from 3 × 3 cells of
area on; islands that one region covers count together. --mixed lays eleven islands from 3 × 3
to 20 × 20 cells (0.1 to 0.6 mm) instead of the drawn slide's four. The exit status is 1 where a
square of 2 × 2 flagged cells was lost, or an island of 3 × 3 cells was missed.
"""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from core.scoring import Classifier, open_classifier
from core.settings import SHIPPED_MODEL
from core.slides import (
    CELL_PX,
    Cells,
    CellState,
    Region,
    SlideJournal,
    TissueRule,
    find_regions,
    find_tissue,
    open_slide,
    score_slide,
    specify_slide,
)
from core.slides.drawn import ISLANDS, SIDE_PX, draw_slide, write_pyramid

Bools = NDArray[np.bool_]
_CELL: Final = CELL_PX / SIDE_PX / 2
MIXED: Final = tuple(
    (x, y, cells * _CELL)
    for x, y, cells in (
        *((0.32, 0.36, 20), (0.66, 0.30, 12), (0.70, 0.58, 8), (0.42, 0.66, 6), (0.57, 0.70, 5)),
        *((0.35, 0.80, 5), (0.25, 0.60, 4.2), (0.80, 0.43, 4.2), (0.50, 0.18, 3.6)),
        *((0.50, 0.52, 3.6), (0.56, 0.84, 3.6)),
    )
)
LEAST_PX: Final = (3 * CELL_PX) ** 2
NEAR: Final = 0.2


def scored(path: Path, classifier: Classifier) -> Cells:
    """Return the cells of a slide, all of them scored."""
    with open_slide(path) as view:
        tissue = find_tissue(view, TissueRule())
        cells = Cells(tissue.share, tissue.cells)
        spec = specify_slide(view, classifier, TissueRule(), all_cells=True)
        with SlideJournal(path.with_suffix(".journal"), spec, resume=False) as journal:
            score_slide(view, cells, classifier, journal, all_cells=True)
        return cells


def coarse_to_fine(whole: Cells) -> Cells:
    """Return what coarse to fine would have scored of the same cells."""
    cells = Cells(whole.tissue_share, whole.tissue)
    while (wanted := cells.still_to_score(all_cells=False)).any():
        for own, other in ((cells.state, whole.state), (cells.call, whole.call)):
            own[wanted] = other[wanted]
        cells.prob_tumour[wanted] = whole.prob_tumour[wanted]
    return cells


def lost_squares(whole: Cells, fewer: Cells) -> int:
    """Return how many squares of 2 × 2 flagged cells were not scored whole."""
    windows = np.lib.stride_tricks.sliding_window_view
    squares, found = (windows(one.flagged, (2, 2)).all(axis=(2, 3)) for one in (whole, fewer))
    return int((squares & ~found).sum())


def painted(region: Region, shape: tuple[int, ...]) -> Bools:
    """Return what a region encloses, in pixels."""
    mask = np.zeros(shape, np.uint8)
    for polygon in region.polygons:
        for number, ring in enumerate(polygon):
            cv2.fillPoly(mask, [np.rint(ring * CELL_PX).astype(np.int32)], int(number == 0))
    return mask > 0


def ratios(regions: list[Region], tumour: Bools) -> tuple[list[float], int]:
    """Return the areas of the outlines over those of the islands, 0 for one that was missed.

    And how many regions of more than one cell are where no island is.
    """
    count, labels, facts, _ = cv2.connectedComponentsWithStats(tumour.astype(np.uint8))
    covers: list[tuple[Region, set[int]]] = []
    elsewhere = 0
    for region in regions:
        if region.cells > 1:
            found = set(np.unique(labels[painted(region, tumour.shape)]).tolist()) - {0}
            covers += [(region, found)] if found else []
            elsewhere += not found
    answer = []
    for island in range(1, count):
        if facts[island, cv2.CC_STAT_AREA] < LEAST_PX:
            continue
        own = [(region, found) for region, found in covers if island in found]
        islands = {island}.union(*(found for _, found in own))
        area = sum(region.area_mm2 for region, _ in own)  # cells, as a cell counts as 1 mm
        drawn = float(facts[sorted(islands), cv2.CC_STAT_AREA].sum()) / CELL_PX**2
        answer.append(area / drawn)
    return answer, elsewhere


def main() -> int:
    """Draw, score, compare and print; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", type=Path, default=SHIPPED_MODEL)
    parser.add_argument("--seeds", type=int, nargs="+", default=[3, 11, 12, 13])
    parser.add_argument("--mixed", action="store_true")
    chosen = parser.parse_args()
    classifier, every, wrong = open_classifier(chosen.model), [], False
    for seed in chosen.seeds:
        image, tumour = draw_slide(seed=seed, islands=MIXED if chosen.mixed else ISLANDS)
        with tempfile.TemporaryDirectory() as folder:
            write_pyramid(Path(folder) / "drawn.tif", image)
            whole = scored(Path(folder) / "drawn.tif", classifier)
        fewer = coarse_to_fine(whole)
        on_islands, elsewhere = ratios(find_regions(fewer, 1000.0), tumour)
        tissue, tried = int(whole.tissue.sum()), int((fewer.state != CellState.UNSCORED).sum())
        lost = lost_squares(whole, fewer)
        wrong |= bool(lost) or not all(on_islands)
        every += on_islands
        areas = " ".join(f"{ratio:.2f}" for ratio in sorted(on_islands))
        sys.stdout.write(
            f"seed {seed}: {tried:,} of {tissue:,} cells, {tissue / tried:.2f} times fewer, "
            f"{lost} squares lost; {elsewhere} regions elsewhere; areas over drawn ones {areas}\n"
        )
    near = [ratio for ratio in every if abs(ratio - 1) <= NEAR]
    median = float(np.median(every))
    sys.stdout.write(f"{len(near)} of {len(every)} within {NEAR:.0%}, median {median:.2f}\n")
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
