"""The eight orientations of a square: four quarter turns, each also mirrored."""

from functools import cache
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

ORIENTATIONS: Final = 8

T = TypeVar("T", bound=np.generic)


def turn(planes: NDArray[T], orientation: int) -> NDArray[T]:
    """Return planes (N, S, S, ...) in one orientation.

    Args:
        planes: square in axes 1 and 2.
        orientation: 0 to 7; `orientation % 4` quarter turns counter-clockwise, after a left-right
            mirror from 4 on. 0 leaves the planes as they are.
    """
    mirrored = planes[:, :, ::-1] if orientation >= ORIENTATIONS // 2 else planes
    return np.rot90(mirrored, orientation % 4, axes=(1, 2))


def turn_points(
    y: NDArray[np.int16], x: NDArray[np.int16], orientation: NDArray[np.intp], side_px: int
) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Return where pixels (y, x) lie once their patch is turned; the three arrays broadcast."""
    matrix, corner = _steps()
    ax, bx = matrix[orientation, 0, 0], matrix[orientation, 0, 1]
    ay, by = matrix[orientation, 1, 0], matrix[orientation, 1, 1]
    last = np.int16(side_px - 1)
    return ax * y + bx * x + corner[orientation, 0] * last, ay * y + by * x + corner[
        orientation, 1
    ] * last


@cache
def _steps() -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    # Read off a square of 2 pixels a side: where its corners go is all there is to know.
    square = np.arange(4).reshape(1, 2, 2)
    matrix = np.zeros((ORIENTATIONS, 2, 2), dtype=np.int16)
    corner = np.zeros((ORIENTATIONS, 2), dtype=np.int16)
    for orientation in range(ORIENTATIONS):
        turned = turn(square, orientation)[0]
        origin, down, right = (np.argwhere(turned == value)[0] for value in (0, 2, 1))
        corner[orientation] = origin
        matrix[orientation] = np.stack([down - origin, right - origin], axis=1)
    return matrix, corner
