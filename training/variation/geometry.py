"""Turning by any angle, zoom, shear and crops of whole batches, resampled once on their device."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from training.data.feed import to_device
from training.recipes.recipe import Augmentation


def draw_warps(augmentation: Augmentation, count: int, generator: torch.Generator) -> Tensor:
    """Return (N, 2, 3) float32 on the CPU: from a place in the new patch to that in the old."""

    def around(reach: float) -> Tensor:
        return reach * (2 * torch.rand(count, generator=generator) - 1)

    return warps(
        angle=around(math.radians(augmentation.rotation_degrees)),
        zoom=1 + around(augmentation.zoom),
        shear=around(math.radians(augmentation.shear_degrees)),
    )


def draw_crops(least_side: float, count: int, generator: torch.Generator) -> Tensor:
    """Return warps (N, 2, 3) that enlarge a random square of each patch to the whole.

    Args:
        least_side: Of the square, as a share of the patch's side; any side up to 1 is as likely.
        count: N.
        generator: Of the CPU.
    """
    side = least_side + (1 - least_side) * torch.rand(count, 1, 1, generator=generator)
    # Coordinates run from -1 to 1; within these bounds the square lies inside the patch.
    centre = (1 - side) * (2 * torch.rand(count, 2, 1, generator=generator) - 1)
    return torch.cat([side * torch.eye(2), centre], dim=2)


def warps(*, angle: Tensor, zoom: Tensor, shear: Tensor) -> Tensor:
    """Return (N, 2, 3) of angles (N,) (radians, counter-clockwise), zooms (N,) and shears (N,)."""
    cos, sin, none = torch.cos(angle), torch.sin(angle), torch.zeros_like(angle)
    slope = torch.tan(shear)
    # Rotation after shear; the y axis of an image points down.
    rows = [
        torch.stack([cos, cos * slope - sin, none], dim=1),
        torch.stack([sin, sin * slope + cos, none], dim=1),
    ]
    return torch.stack(rows, dim=1) / zoom[:, None, None]


def warp(pixels: Tensor, warps_2x3: Tensor) -> Tensor:
    """Return warped planes (N, 3, H, H), bilinear; beyond the edge the patch is reflected.

    Args:
        pixels: (N, 3, H, H) float32.
        warps_2x3: (N, 2, 3) on the CPU.
    """
    grid = functional.affine_grid(
        to_device(warps_2x3, pixels.device), list(pixels.shape), align_corners=False
    )
    return functional.grid_sample(
        pixels, grid, mode="bilinear", padding_mode="reflection", align_corners=False
    )
