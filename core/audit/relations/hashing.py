"""Hashes of a patch's pixels, as they lie and whichever way the patch is turned."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from core.audit.relations.orientation import ORIENTATIONS, turn

# 27,648 values of up to 255 with weights below 2^30 add up to less than 2^53: exact in float64.
_WEIGHT_BITS = 30


def pixel_hashes(images_rgb_u8: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (hash as it lies, least hash of the eight views) of each patch, both (N,).

    A random linear hash: turning the patch and turning the weights give the same sum, so all
    eight views cost one matrix product. It is not cryptographic; whoever finds two equal hashes
    compares the pixels.

    Args:
        images_rgb_u8: (N, 96, 96, 3).
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
