"""The judgement on pixels: do two patches show the same tissue where they are said to?"""

import numpy as np
from numpy.typing import NDArray

from core.audit.relations.orientation import ORIENTATIONS, turn
from core.audit.relations.relation import Kind, Match

# Measured on real patches: copies recompressed to JPEG quality 70 score 0.97 and more, flat ones
# 0.77 and more; other tissue, also two that share nothing but their shading, scores about 0.
LEAST_SCORE = 0.5
# Crops that truly overlap score 0.97 and more after JPEG quality 75. Of 12,000 real patches a dozen
# pairs, one thing each on an empty ground, scored up to 0.85 where they were laid on one another.
LEAST_OVERLAP_SCORE = 0.9
LEAST_TEXTURE = 2.0
"""Standard deviation in grey levels below which an area is too flat to be compared."""

_GREY = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_CELL_PX = 2  # recompression changes single pixels more than means of four


def grey(image_rgb_u8: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the grey levels (S, S) of a patch (S, S, 3)."""
    return image_rgb_u8.astype(np.float32) @ _GREY


def same_views(
    row_a: int, row_b: int, image_a: NDArray[np.uint8], image_b: NDArray[np.uint8]
) -> Match | None:
    """Return the match of two patches (S, S, 3) that are equal in one of the eight views."""
    for orientation in range(ORIENTATIONS):
        if np.array_equal(image_a, turn(image_b[np.newaxis], orientation)[0]):
            kind = Kind.SAME_UNDER_ORIENTATION if orientation else Kind.SAME_PIXELS
            return Match(row_a, row_b, kind, orientation, 0, 0, 1.0)
    return None


def match_near(
    row_a: int, row_b: int, grey_a: NDArray[np.float32], grey_b: NDArray[np.float32]
) -> Match | None:
    """Return the match of two whole patches in the orientation that fits best, if it fits."""
    turned = [turn(grey_b[np.newaxis], orientation)[0] for orientation in range(ORIENTATIONS)]
    scores = [correlation(grey_a, view) for view in turned]
    best = int(np.argmax(scores))
    if scores[best] < LEAST_SCORE:
        return None
    return Match(row_a, row_b, Kind.NEAR, best, 0, 0, scores[best])


def match_placed(
    row_a: int,
    row_b: int,
    grey_a: NDArray[np.float32],
    grey_b: NDArray[np.float32],
    *,
    orientation: int,
    shift_px: tuple[int, int],
) -> Match | None:
    """Return the match of b, turned, at a shift (down, right) or a pixel beside it, if it fits."""
    turned = turn(grey_b[np.newaxis], orientation)[0]
    best, best_y, best_x = -1.0, 0, 0
    for step_y, step_x in [(0, 0), (0, -1), (0, 1), (-1, 0), (1, 0)]:
        y, x = shift_px[0] + step_y, shift_px[1] + step_x
        score = correlation(_common(grey_a, y, x), _common(turned, -y, -x))
        if score > best:
            best, best_y, best_x = score, y, x
    kind = Kind.OVERLAP if best_y or best_x else Kind.NEAR
    if best < (LEAST_OVERLAP_SCORE if kind is Kind.OVERLAP else LEAST_SCORE):
        return None
    return Match(row_a, row_b, kind, orientation, best_x, best_y, best)


def correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Return the normalised cross-correlation of the detail of two planes, -1 to 1.

    Detail is the second difference of means over 2 x 2 px: nuclei and fibres, but no shading,
    which unrelated patches share. 0 where one of the planes is too flat to be compared.
    """
    a, b = _cells(a), _cells(b)
    if min(float(a.std()), float(b.std())) < LEAST_TEXTURE:
        return 0.0
    a, b = _detail(a), _detail(b)
    a, b = a - a.mean(), b - b.mean()
    return float(np.vdot(a, b) / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12))


def _detail(cells: NDArray[np.float32]) -> NDArray[np.float32]:
    beside = cells[:-2, 1:-1] + cells[2:, 1:-1] + cells[1:-1, :-2] + cells[1:-1, 2:]
    return 4 * cells[1:-1, 1:-1] - beside


def _common(plane: NDArray[np.float32], y: int, x: int) -> NDArray[np.float32]:
    side = len(plane)
    return plane[max(y, 0) : side + min(y, 0), max(x, 0) : side + min(x, 0)]


def _cells(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width = (length // _CELL_PX * _CELL_PX for length in plane.shape)
    cells = plane[:height, :width].reshape(height // _CELL_PX, _CELL_PX, width // _CELL_PX, -1)
    out: NDArray[np.float32] = cells.mean(axis=(1, 3))
    return out
