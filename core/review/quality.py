"""How well patches can be read: three cheap measures of the pixels, compared within a batch.

A rank among the patches at hand needs no limits that hold for every scanner and stain, so it says
which patches to look at first, not which are bad.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.patches import ImageU8, tissue_mask

_LEAST_TISSUE: Final = 0.02


@dataclass(frozen=True, slots=True)
class ImageQuality:
    """Three measures of a patch.

    Attributes:
        sharpness: Standard deviation of the Laplacian of the grey values; small if blurred.
        tissue: Share of the pixels that are tissue, 0..1.
        stain: Mean colour saturation of the tissue, 0..1; small if washed out, grey or black.
            1 where there is hardly any tissue: that is told by `tissue` already.
    """

    sharpness: float
    tissue: float
    stain: float


def image_quality(image_rgb_u8: ImageU8) -> ImageQuality:
    """Return the measures of a patch (96, 96, 3)."""
    colour = image_rgb_u8.astype(np.float32)
    grey = colour.mean(axis=2)
    inner = grey[1:-1, 1:-1]
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * inner
    tissue = tissue_mask(image_rgb_u8)
    share = float(tissue.mean())
    stain = 1.0
    if share >= _LEAST_TISSUE:
        most, least = colour.max(axis=2)[tissue], colour.min(axis=2)[tissue]
        stain = float(((most - least) / np.maximum(most, 1.0)).mean())
    return ImageQuality(float(laplacian.std()), share, stain)


def poor_quality(found: Mapping[str, ImageQuality]) -> dict[str, float]:
    """Return for each patch the worst of its three ranks, 0..1; 1 is the worst of all.

    A rank is the share of the patches that are better in that measure, ties halved.
    """
    if not found:
        return {}
    measures = np.array([(one.sharpness, one.tissue, one.stain) for one in found.values()])
    better: NDArray[np.float64] = np.zeros(measures.shape)
    for number, column in enumerate(-measures.T):
        ordered = np.sort(column)
        left, right = (np.searchsorted(ordered, column, side) for side in ("left", "right"))
        better[:, number] = left + right
    return dict(zip(found, (better / 2 / len(found)).max(axis=1).tolist(), strict=True))
