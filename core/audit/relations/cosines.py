"""Low-frequency cosine coefficients of square windows, and how they behave when turned."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

_HIGHEST = 4


@cache
def basis(side: int) -> NDArray[np.float32]:
    """Return the matrix (side * side, 25) that takes a window to c[v, u], rows of v from 0 to 4."""
    place = (np.arange(side) + 0.5) * np.pi / side
    lines = np.cos(np.outer(np.arange(_HIGHEST + 1), place))
    lines /= np.linalg.norm(lines, axis=1, keepdims=True)
    both = np.einsum("vy,ux->yxvu", lines, lines)
    out: NDArray[np.float32] = both.reshape(side * side, -1).astype(np.float32)
    return out


@cache
def used() -> NDArray[np.intp]:
    """Return the places, in the 25, of the 14 coefficients with 1 <= v + u <= 4."""
    total = np.add.outer(np.arange(_HIGHEST + 1), np.arange(_HIGHEST + 1)).ravel()
    return np.flatnonzero((total >= 1) & (total <= _HIGHEST))


def canonical(
    coefficients: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Return the coefficients (M, 25) in the own canonical view of the window, and a code.

    In the canonical view the window grows darker neither rightwards nor downwards overall, and
    changes at least as much rightwards as downwards. The code (M,), 0 to 7, says how it got there:
    bit 0 a left-right mirror, bit 1 a top-bottom mirror, bit 2 a transposition after these.
    """
    square = coefficients.reshape(-1, _HIGHEST + 1, _HIGHEST + 1)
    sign = np.array([1, -1, 1, -1, 1], dtype=np.float32)
    mirror_x = square[:, 0, 1] > 0
    mirror_y = square[:, 1, 0] > 0
    transpose = np.abs(square[:, 0, 1]) < np.abs(square[:, 1, 0])
    one = np.float32(1)
    square = square * np.where(mirror_x[:, None, None], sign[None, None, :], one)
    square *= np.where(mirror_y[:, None, None], sign[None, :, None], one)
    square = np.where(transpose[:, None, None], square.transpose(0, 2, 1), square)
    code = mirror_x + 2 * mirror_y.astype(np.uint8) + 4 * transpose.astype(np.uint8)
    out: NDArray[np.float32] = square.reshape(coefficients.shape)
    return out, code.astype(np.uint8)


def invariant(coefficients: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (M, 14) numbers of coefficients (M, 25) that no mirror and no quarter turn changes.

    Sizes only: unlike the canonical view they do not jump where two views are nearly alike.
    """
    square = np.abs(coefficients.reshape(-1, _HIGHEST + 1, _HIGHEST + 1))
    swapped = square.transpose(0, 2, 1)
    upper = np.triu(np.ones(square.shape[1:], dtype=bool))
    both = np.where(upper, square + swapped, np.abs(square - swapped)) * np.float32(0.5**0.5)
    return both.reshape(coefficients.shape)[:, used()]
