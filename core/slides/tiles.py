"""A slide as small JPEGs for a viewer, at every power of two."""

import io
import math
from typing import Final

import numpy as np
from PIL import Image

from core.errors import PatchError
from core.slides.slide_file import SlideFile
from core.slides.view import Sampled

TILE_PX: Final = 256
_QUALITY: Final = 85
_DAMAGED: Final = 128


class SlideTiles:
    """Tiles by the numbers of Deep Zoom: at the last level a pixel is one of full resolution.

    Attributes:
        width_px: Of the full resolution.
        height_px: Of the full resolution.
        last_level: The number of the full resolution.
        first_level: The number of the finest level that fits into one tile.
    """

    def __init__(self, file: SlideFile) -> None:
        """Cut tiles from a file; its label and macro images are not among them."""
        self._whole = Sampled(file)
        self.width_px, self.height_px = self._whole.width_px, self._whole.height_px
        most = max(self.width_px, self.height_px)
        self.last_level = math.ceil(math.log2(most))
        self.first_level = max(0, self.last_level - math.ceil(math.log2(max(most / TILE_PX, 1))))

    def jpeg(self, level: int, column: int, row: int) -> bytes | None:
        """Return a tile; None where there is none, grey where the file is damaged."""
        if not self.first_level <= level <= self.last_level:
            return None
        coarsening = 2 ** (self.last_level - level)
        left, top = column * TILE_PX, row * TILE_PX
        width = min(TILE_PX, -(-self.width_px // coarsening) - left)
        height = min(TILE_PX, -(-self.height_px // coarsening) - top)
        if min(column, row) < 0 or min(width, height) < 1:
            return None
        at = left * coarsening, top * coarsening
        try:
            pixels = self._whole.read(*at, width, height, coarsening=coarsening)
        except PatchError:
            pixels = np.full((height, width, 3), _DAMAGED, np.uint8)
        packed = io.BytesIO()
        Image.fromarray(pixels).save(packed, "JPEG", quality=_QUALITY)
        return packed.getvalue()
