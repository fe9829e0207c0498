"""The eight orientations of a square: four quarter turns, each also mirrored."""

from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T", bound=np.generic)

ORIENTATIONS: Final = 8


def turn(planes: NDArray[T], orientation: int) -> NDArray[T]:
    """Return planes (N, S, S, ...) in one orientation.

    Args:
        planes: square in axes 1 and 2.
        orientation: 0 to 7; `orientation % 4` quarter turns counter-clockwise, after a left-right
            mirror from 4 on. 0 leaves the planes as they are.
    """
    mirrored = planes[:, :, ::-1] if orientation >= ORIENTATIONS // 2 else planes
    return np.rot90(mirrored, orientation % 4, axes=(1, 2))
