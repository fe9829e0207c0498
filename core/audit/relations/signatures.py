"""What is kept of each patch, so that related patches can be found without its pixels."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from core.audit.relations.anchors import basis, find_anchors, invariant
from core.errors import PatchError
from core.patches.patch import ORIENTATIONS, turn

SIDE_PX = 96
_CELLS = 8  # the outline sees the patch as 8 x 8 cells of 12 px
# 27,648 values of up to 255 with weights below 2^30 add up to less than 2^53: exact in float64.
_WEIGHT_BITS = 30

Column = NDArray[np.int64] | NDArray[np.object_]


def signatures(images_rgb_u8: NDArray[np.uint8]) -> dict[str, Column]:
    """Return columns of length N, for `pandas.DataFrame(...)`, of patches (N, 96, 96, 3).

    About 1 kB a patch. A patch's row does not depend on the batch that it came in.

    Returns:
        pixel_hash: int64, equal for equal pixels.
        turned_hash: int64, equal for patches that are equal in one of the eight orientations.
        outline: bytes, 14 float32; the low cosine coefficients of the whole patch in grey levels,
            free of mirrors, quarter turns and overall brightness.
        anchors: bytes, see `anchors.ANCHORS`.

    Raises:
        PatchError: the shape or the type is another.
    """
    if images_rgb_u8.shape[1:] != (SIDE_PX, SIDE_PX, 3) or images_rgb_u8.dtype != np.uint8:
        raise PatchError(
            f"Patches are {images_rgb_u8.dtype} {images_rgb_u8.shape}; expected uint8 "
            f"(N, {SIDE_PX}, {SIDE_PX}, 3). Cut patches at 0.97 µm/px."
        )
    pixel_hash, turned_hash = pixel_hashes(images_rgb_u8)
    anchors, smoothed = find_anchors(images_rgb_u8)
    cell_px = SIDE_PX // _CELLS
    cells = smoothed.reshape(len(smoothed), _CELLS, cell_px, _CELLS, cell_px).mean(axis=(2, 4))
    # 64 coefficients of cell means over 8: grey levels, root mean square.
    outline = invariant(cells.reshape(len(cells), _CELLS**2) @ basis(_CELLS)) / np.float32(_CELLS)
    return {
        "pixel_hash": pixel_hash,
        "turned_hash": turned_hash,
        "outline": _bytes(outline),
        "anchors": _bytes(anchors),
    }


def _bytes(rows: NDArray[np.generic]) -> NDArray[np.object_]:
    out = np.empty(len(rows), dtype=object)
    out[:] = [row.tobytes() for row in rows]
    return out


def pixel_hashes(images_rgb_u8: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (hash as it lies, least hash of eight views), both (N,), of patches (N, 96, 96, 3).

    A random linear hash: turning the patch and turning the weights give the same sum, so all
    eight views cost one matrix product. It is not cryptographic; whoever finds two equal hashes
    compares the pixels.
    """
    count, side_px = images_rgb_u8.shape[:2]
    flat = images_rgb_u8.reshape(count, side_px * side_px * 3).astype(np.float64)
    # (N, 8): every term and every partial sum is a whole number below 2^53, so order is no matter.
    of_views = (flat @ _weights(side_px)).astype(np.int64)
    return of_views[:, 0].copy(), of_views.min(axis=1)


@cache
def _weights(side_px: int) -> NDArray[np.float64]:
    rng = np.random.Generator(np.random.PCG64(20_180_601))
    plane = rng.integers(1, 2**_WEIGHT_BITS, size=(1, side_px, side_px, 3))
    turned = [turn(plane, orientation)[0].ravel() for orientation in range(ORIENTATIONS)]
    return np.stack(turned, axis=1).astype(np.float64)


def turn_points(
    y: NDArray[np.int16], x: NDArray[np.int16], orientation: NDArray[np.int64], side_px: int
) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Return where pixels (y, x) lie once their patch is turned; the three arrays broadcast."""
    last = np.int16(side_px - 1)
    x = np.where(orientation >= ORIENTATIONS // 2, last - x, x)
    quarter = orientation % 4
    return (
        np.choose(quarter, (y, last - x, last - y, x)),
        np.choose(quarter, (x, y, last - x, last - y)),
    )
