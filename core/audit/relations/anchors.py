"""Local fingerprints at places that the tissue chooses, so that a shifted crop chooses them too.

An anchor is a pixel that is the darkest or the brightest of its 11 x 11 neighbourhood in the
smoothed grey image: the middle of a nucleus, or of a gap. Whatever window is cut from the slide,
an anchor that lies well inside it is found again. Around each, low cosine coefficients describe
13 x 13 px in the window's own canonical view, so that turning the patch changes nothing.
"""

from functools import cache
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

KEPT = 48
"""Anchors kept of a patch: turn by turn the one of most contrast in each quarter."""

_RADIUS_PX = 5  # of the neighbourhood in which an anchor is the extreme
_SIGMA_PX = 2.0
_HALF, _STEP_PX = 3, 2  # 7 x 7 samples, 2 px apart
MARGIN_PX = _HALF * _STEP_PX
_LEAST_CONTRAST = 15.0  # grey levels over 49 samples: about 2 a sample; less is noise
_GREY = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_BLOCK = 16  # patches at a time: their planes stay in the processor's cache
_CONTRAST_STEPS = 32.0  # a step of log contrast is 1/32
_HIGHEST = 4  # cosine coefficient along each axis


Anchors = NDArray[np.void]
ANCHORS: Final = np.dtype(
    [
        *((name, np.uint8, KEPT) for name in ("y", "x", "code", "contrast", "grey")),
        ("shape", np.int8, (KEPT, 14)),
    ]
)
"""The anchors of one patch, KEPT * 19 bytes. `y`, `x`: pixels. `code`: bits 0 to 2 how the
`canonical` view was reached, bit 3 set for a bright anchor. `contrast`: log of the norm of the
coefficients in steps of 1/32, 0 in a place that is not used. `grey`: the mean grey level of the
window. `shape`: coefficients of norm 1, times 127."""


def find_anchors(images_rgb_u8: NDArray[np.uint8]) -> tuple[Anchors, NDArray[np.float32]]:
    """Return the anchors of patches (N, S, S, 3), and their smoothed grey images (N, S, S)."""
    count, side = images_rgb_u8.shape[:2]
    smoothed = np.empty((count, side, side), dtype=np.float32)
    parts = []
    for start in range(0, max(count, 1), _BLOCK):
        block = images_rgb_u8[start : start + _BLOCK]
        plane = smoothed[start : start + len(block)]
        for grey, out in zip(block.astype(np.float32) @ _GREY, plane, strict=True):
            out[:] = _blurred(grey) / _reached(side)
        parts.append(_anchors(plane))
    return np.concatenate(parts), smoothed


def _anchors(plane: NDArray[np.float32]) -> Anchors:
    inner = (slice(None), slice(MARGIN_PX, -MARGIN_PX), slice(MARGIN_PX, -MARGIN_PX))
    bright = plane[inner] == _greatest(plane)[inner]
    dark = plane[inner] == -_greatest(-plane)[inner]
    patch, y, x = np.nonzero(bright != dark)  # both at once only where all is flat
    is_bright = bright[patch, y, x]
    y, x = y + MARGIN_PX, x + MARGIN_PX
    side = 2 * _HALF + 1
    step = np.arange(-_HALF, _HALF + 1) * _STEP_PX
    windows = plane[patch[:, None, None], y[:, None, None] + step[:, None], x[:, None, None] + step]
    coefficients, code = canonical(windows.reshape(-1, side * side) @ basis(side))
    mean = coefficients[:, 0] / side
    shape = coefficients[:, used()]
    contrast = np.linalg.norm(shape, axis=1)
    # Turn by turn the strongest of each quarter: a crop shifted by half a patch shares one quarter
    # only, and what it does not share must not crowd out what it does.
    half = plane.shape[1] // 2
    quarter = patch * 4 + (y >= half) * 2 + (x >= half)
    order = np.lexsort((-contrast, quarter))
    order = order[contrast[order] >= _LEAST_CONTRAST]
    place = _counted(quarter[order])
    order = order[np.lexsort((-contrast[order], place, patch[order]))]
    rank = _counted(patch[order])
    order, rank = order[rank < KEPT], rank[rank < KEPT]
    of = patch[order]
    columns: dict[str, NDArray[Any]] = {
        "y": y,
        "x": x,
        "code": code | is_bright.astype(np.uint8) << 3,
        "contrast": np.rint(np.log(np.maximum(contrast, 1)) * _CONTRAST_STEPS),
        "grey": np.rint(mean),
        "shape": np.rint(shape / np.maximum(contrast, 1)[:, None] * 127),
    }
    anchors = np.zeros(len(plane), ANCHORS)
    for name, values in columns.items():
        anchors[name][of, rank] = values[order]
    return anchors


def _counted(group: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return 0, 1, ... within each run of a sorted column."""
    return np.arange(len(group)) - np.searchsorted(group, group)


def _greatest(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the greatest value within `_RADIUS_PX` of each pixel."""
    width = 2 * _RADIUS_PX + 1
    around = np.ones((width, width), np.uint8)
    dilated = [cv2.dilate(plane, around) for plane in planes]
    return np.array(dilated, np.float32).reshape(planes.shape)


def _blurred(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    reach = 2 * int(3 * _SIGMA_PX) + 1
    out = cv2.GaussianBlur(plane, (reach, reach), _SIGMA_PX, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(out, np.float32)


@cache
def _reached(side: int) -> NDArray[np.float32]:
    """Return how much of the kernel lies inside a patch, so that its border is not darkened."""
    return _blurred(np.ones((side, side), np.float32))


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
