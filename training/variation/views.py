"""Two views of each patch: what a network without labels learns to see as the same."""

from dataclasses import replace
from typing import Final

import torch
from torch import Tensor

from training.recipes.recipe import Augmentation
from training.variation.augment import augment, draw_variation
from training.variation.geometry import draw_crops

VIEW: Final = Augmentation(
    stain_gain=0.3,
    stain_shift=0.05,
    brightness=0.2,
    contrast=0.2,
    saturation=0.2,
    channel=0.05,
)
"""Stronger than what training with labels takes: colour must not be what tells patches apart."""
LEAST_SIDE: Final = 0.6
"""Of a cropped view, as a share of the patch's side; cells must stay cells."""


def two_views(
    images_rgb_u8: Tensor, augmentation: Augmentation, least_side: float, generator: torch.Generator
) -> Tensor:
    """Return (2 N, H, H, 3) float32, 0..255: a view of each patch, then another of each.

    Args:
        images_rgb_u8: (N, H, H, 3) uint8.
        augmentation: Of orientation, stain and light; each view is cropped besides.
        least_side: Of the crop, as a share of the patch's side.
        generator: Of the CPU.
    """
    count = 2 * len(images_rgb_u8)
    variation = draw_variation(augmentation, count, generator)
    crops = replace(variation, warps=draw_crops(least_side, count, generator))
    return augment(images_rgb_u8.repeat(2, 1, 1, 1), crops, augmentation)
