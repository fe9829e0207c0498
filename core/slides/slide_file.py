"""One interface for every file that holds a slide or a region of one."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.patches import ImageU8
from core.slides.spacing import ClaimedSpacing

WHITE: Final = 255
"""What lies beyond the edge of a slide and where a scanner took no picture."""
_SHAPE: Final = 0.05


@dataclass(frozen=True)
class Level:
    """One resolution of a slide.

    Attributes:
        downsample: Full-resolution pixels per pixel of the level.
        is_exact: Any part of it is read pixel by pixel, not from between its pixels, blurred.
    """

    width_px: int
    height_px: int
    downsample: float
    is_exact: bool = True


class SlideFile(ABC):
    """A slide's pixels; safe to read from several threads. Label and macro are never read.

    Attributes:
        path: The file.
        format: What it is, in a word or two.
        claimed: What it says of its scale.
        levels: Its resolutions, full resolution first.
        offset_px: Where the scanned part that `levels` describe begins, (x, y) in the
            full-resolution pixels of the file; (0, 0) for all but sparse formats.
        unstored_parts: How many strips or tiles of how many are not in the file, as far as known.
        is_cut_off: The file is known to end before some of what it names.
    """

    path: Path
    format: str
    claimed: ClaimedSpacing
    levels: tuple[Level, ...]
    offset_px: tuple[int, int] = (0, 0)
    unstored_parts: tuple[int, int] = (0, 0)
    is_cut_off: bool = False

    @abstractmethod
    def read(self, level: int, x: int, y: int, width: int, height: int) -> ImageU8:
        """Return pixels (height, width, 3) of a level; white beyond its edges.

        Args:
            level: Which resolution.
            x: First column, in the level's pixels; may be negative.
            y: First row, likewise.
            width: Columns.
            height: Rows.

        Raises:
            PatchError: This place cannot be decoded; others may be.
        """

    def close(self) -> None:  # noqa: B027 - what is in memory holds nothing open
        """Release the file."""


def same_shape(level: tuple[int, int], full: tuple[int, int]) -> bool:
    """Return whether a level (width, height) may show the whole of the full resolution."""
    high = level[0] * full[1] / full[0]
    return abs(level[1] - high) <= max(_SHAPE * high, 2 * full[1] / full[0], 2)


def on_white(pixels: NDArray[np.uint8], *, premultiplied: bool = False) -> ImageU8:
    """Return RGB (H, W, 3) of RGBA (H, W, 4) pixels laid on white: nothing there is glass.

    Args:
        pixels: Colours and opacity.
        premultiplied: The colours are multiplied by the opacity already.
    """
    rgb, alpha = pixels[..., :3], pixels[..., 3:]
    if alpha.min(initial=WHITE) == WHITE:
        return np.ascontiguousarray(rgb)
    share = alpha.astype(np.float32) / WHITE
    colours = rgb if premultiplied else rgb * share
    return np.clip(np.rint(colours + WHITE * (1 - share)), 0, 255).astype(np.uint8)


def padded(image_rgb_u8: ImageU8, left: int, top: int, width: int, height: int) -> ImageU8:
    """Return a white image (height, width, 3) with another one laid at `left`, `top`."""
    if (left, top) == (0, 0) and image_rgb_u8.shape[:2] == (height, width):
        return image_rgb_u8
    whole = np.full((height, width, 3), WHITE, np.uint8)
    rows, columns = image_rgb_u8.shape[:2]
    whole[top : top + rows, left : left + columns] = image_rgb_u8
    return whole
