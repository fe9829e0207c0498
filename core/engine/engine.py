"""What every inference engine offers: patches in, tumour logits out, safe from many threads."""

import threading
from abc import ABC, abstractmethod
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.errors import RunError
from core.patches import PATCH_SIZE_PX, ImageU8

D4_VIEWS: Final = 8
"""Rotations by 90 degrees of the patch and of its mirror image."""


class Engine(ABC):
    """A network ready to score.

    Attributes:
        device: Where it runs, in words ("cpu", "cuda:0 NVIDIA H200").
        lock: Held during every pass; whoever hooks into the network (explanations) holds it too,
            because hooks of one thread would otherwise record another thread's pass.
    """

    device: str
    lock: threading.RLock

    @abstractmethod
    def forward(self, images_rgb_u8: ImageU8) -> NDArray[np.float32]:
        """Return tumour logits (N,) before temperature; called with the lock held."""

    def logits(self, images_rgb_u8: ImageU8) -> NDArray[np.float32]:
        """Return the tumour logits of patches.

        Args:
            images_rgb_u8: (N, 96, 96, 3), 0..255.

        Returns:
            (N,) float32 before temperature; positive means tumour is likelier than not.
        """
        _check_shape(images_rgb_u8)
        if len(images_rgb_u8) == 0:
            return np.empty(0, np.float32)
        with self.lock:
            return self.forward(images_rgb_u8)

    def d4_logits(self, images_rgb_u8: ImageU8) -> NDArray[np.float32]:
        """Return the logits of the eight orientations, (N, 8) float32, the given one first."""
        _check_shape(images_rgb_u8)
        views = [self.logits(view) for view in d4_views(images_rgb_u8)]
        return np.stack(views, axis=1)


def d4_views(images_rgb_u8: ImageU8) -> list[ImageU8]:
    """Return the eight orientations of square images (N, H, H, C): 4 rotations, 4 of the mirror."""
    mirrored = images_rgb_u8[:, :, ::-1]
    return [
        np.ascontiguousarray(np.rot90(images, turns, axes=(1, 2)))
        for images in (images_rgb_u8, mirrored)
        for turns in range(4)
    ]


def _check_shape(images_rgb_u8: ImageU8) -> None:
    expected = (PATCH_SIZE_PX, PATCH_SIZE_PX, 3)
    if images_rgb_u8.shape[1:] != expected or images_rgb_u8.dtype != np.uint8:
        raise RunError(
            f"Found an array {images_rgb_u8.shape} {images_rgb_u8.dtype}; "
            "expected (N, 96, 96, 3) uint8."
        )
