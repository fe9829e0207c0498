"""What is kept of each patch, so that related patches can be found without its pixels."""

import numpy as np
from numpy.typing import NDArray

from core.audit.relations.hashing import pixel_hashes
from core.errors import PatchError

SIDE_PX = 96


def signatures(images_rgb_u8: NDArray[np.uint8]) -> dict[str, NDArray[np.generic]]:
    """Return one-dimensional columns of length N: `pandas.DataFrame(...)` takes them as they are.

    Args:
        images_rgb_u8: (N, 96, 96, 3).

    Returns:
        pixel_hash: int64, equal for equal pixels.
        turned_hash: int64, equal for patches that are equal in one of the eight orientations.

    Raises:
        PatchError: the shape or the type is another.
    """
    if images_rgb_u8.shape[1:] != (SIDE_PX, SIDE_PX, 3) or images_rgb_u8.dtype != np.uint8:
        raise PatchError(
            f"Patches are {images_rgb_u8.dtype} {images_rgb_u8.shape}; expected uint8 "
            f"(N, {SIDE_PX}, {SIDE_PX}, 3). Cut patches at 0.97 µm/px."
        )
    pixel_hash, turned_hash = pixel_hashes(images_rgb_u8)
    return {"pixel_hash": pixel_hash, "turned_hash": turned_hash}
