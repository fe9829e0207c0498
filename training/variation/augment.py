"""Augmentation of whole batches on their device: orientation, geometry, stain, light.

Sources: D4 after Veeling et al. 2018; stain jitter after Tellez et al. 2018 with the stain matrix
of Ruifrok & Johnston 2001.
"""

import math
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from core.engine import D4_VIEWS
from training.data.pack import to_device
from training.recipes.recipe import Augmentation

RGB_FROM_HED: Final = ((0.65, 0.70, 0.29), (0.07, 0.99, 0.11), (0.27, 0.57, 0.78))
"""Optical density of red, green and blue per unit of haematoxylin, eosin and residual (DAB)."""
_LEAST_SPREAD: Final = 0.02
"""Of optical density; less is noise, which a gain would blow up."""
GREY_WEIGHTS: Final = (0.299, 0.587, 0.114)
"""Luma of ITU-R BT.601."""


@dataclass(frozen=True, eq=False)
class Variation:
    """What is done to each patch of a batch of N, drawn on the CPU.

    Attributes:
        views: (N,) 0..7, the orientation: 4 rotations, 4 of the mirror image.
        warps: (N, 2, 3) from new places to old ones, as `training.variation.augment` has them.
        towards: (N, 1) 0..1, how far the stain moves towards that of the patch before in the batch.
        stain_gain: (N, 3) factors of haematoxylin, eosin, residual.
        stain_shift: (N, 3) added to them, in optical density.
        brightness: (N, 1) factor.
        contrast: (N, 1) factor.
        saturation: (N, 1) factor.
        channel: (N, 3) factors of red, green, blue.
    """

    views: Tensor
    stain_gain: Tensor
    stain_shift: Tensor
    brightness: Tensor
    contrast: Tensor
    saturation: Tensor
    channel: Tensor
    warps: Tensor | None = None
    towards: Tensor | None = None


def draw_variation(augmentation: Augmentation, count: int, generator: torch.Generator) -> Variation:
    """Return random variations for `count` patches, uniform within the recipe's limits."""

    def around(centre: float, reach: float, width: int) -> Tensor:
        return centre + reach * (2 * torch.rand(count, width, generator=generator) - 1)

    views = torch.randint(D4_VIEWS, (count,), generator=generator)
    variation = Variation(
        views=views if augmentation.d4 else torch.zeros_like(views),
        stain_gain=around(1, augmentation.stain_gain, 3),
        stain_shift=around(0, augmentation.stain_shift, 3),
        brightness=around(1, augmentation.brightness, 1),
        contrast=around(1, augmentation.contrast, 1),
        saturation=around(1, augmentation.saturation, 1),
        channel=around(1, augmentation.channel, 3),
    )
    # Drawn last and only where asked for: recipes without them keep their random numbers.
    if augmentation.turns and not augmentation.d4:
        sides, heads = torch.randint(2, (2, count), generator=generator).bool()
        sides &= augmentation.horizontal_flip
        heads &= augmentation.vertical_flip
        views = torch.tensor([[0, 6], [4, 2]])  # upside down is half a turn of the mirror image
        variation = replace(variation, views=views[sides.long(), heads.long()])
    if augmentation.warps:
        drawn = warps(
            angle=around(0, math.radians(augmentation.rotation_degrees), 1)[:, 0],
            zoom=around(1, augmentation.zoom, 1)[:, 0],
            shear=around(0, math.radians(augmentation.shear_degrees), 1)[:, 0],
        )
        variation = replace(variation, warps=drawn)
    if augmentation.stain_swap:
        chosen, reach = torch.rand(2, count, 1, generator=generator)
        variation = replace(variation, towards=reach * (chosen < augmentation.stain_swap))
    return variation


def augment(images_rgb_u8: Tensor, variation: Variation, augmentation: Augmentation) -> Tensor:
    """Return varied patches (N, H, H, 3) float32, 0..255, on the device of the images.

    In memory the channels are planes.

    Args:
        images_rgb_u8: (N, H, H, 3) uint8.
        variation: Of the same N.
        augmentation: Tells which parts are on; a part that is off leaves the pixels untouched.
    """
    if augmentation.turns:
        images_rgb_u8 = orient(images_rgb_u8, variation.views)
    count, height, width, channels = images_rgb_u8.shape
    # (N, 3, H * W): one 3 × 3 matrix per patch is fastest from the left, on whole planes.
    planes = images_rgb_u8.permute(0, 3, 1, 2).contiguous().float()
    if variation.warps is not None:
        planes = warp(planes, variation.warps)
    pixels = planes.flatten(2)
    if variation.towards is not None:
        pixels = swap_stain(pixels, variation.towards)
    if augmentation.stain_gain or augmentation.stain_shift:
        pixels = vary_stain(pixels, variation.stain_gain, variation.stain_shift)
    if (
        augmentation.brightness
        or augmentation.contrast
        or augmentation.saturation
        or augmentation.channel
    ):
        pixels = vary_light(pixels, variation)
    return pixels.view(count, channels, height, width).permute(0, 2, 3, 1)


def orient(images: Tensor, views: Tensor) -> Tensor:
    """Return each image in its orientation, as `core.engine.d4_views` numbers them.

    Args:
        images: (N, H, H, 3).
        views: (N,) 0..7 on the CPU, where grouping by them costs no wait for the device.
    """
    if images.device.type == "cuda":
        return gather_oriented(images, views)
    oriented = torch.empty_like(images)
    for view in range(D4_VIEWS):
        rows = to_device(torch.nonzero(views == view)[:, 0], images.device)
        if len(rows) == 0:
            continue
        group = images.index_select(0, rows)
        if view >= D4_VIEWS // 2:
            group = group.flip(2)
        oriented.index_copy_(0, rows, group.rot90(view % 4, dims=(1, 2)))
    return oriented


def gather_oriented(images: Tensor, views: Tensor) -> Tensor:
    """Return what `orient` returns by one gather: few launches, but three times a CPU's time."""
    count, side, _, channels = images.shape
    chosen = sources(side, images.device)[to_device(views, images.device)]
    first = torch.arange(count, device=images.device)[:, None] * side**2
    return images.reshape(-1, channels)[(chosen + first).flatten()].view_as(images)


@cache
def sources(side: int, device: torch.device) -> Tensor:
    """Return, for each of 8 orientations, which pixel comes to each place, (8, side * side)."""
    places = torch.arange(side**2).view(1, side, side, 1).expand(D4_VIEWS, -1, -1, -1)
    return orient(places, torch.arange(D4_VIEWS)).view(D4_VIEWS, -1).to(device)


def vary_stain(pixels: Tensor, gain: Tensor, shift: Tensor) -> Tensor:
    """Return pixels with other amounts of haematoxylin, eosin and residual.

    Args:
        pixels: (N, 3, P), 0..255.
        gain: (N, 3) factors.
        shift: (N, 3) added, in optical density.
    """
    mix = torch.tensor(RGB_FROM_HED, dtype=torch.float64).T  # (3 colours, 3 stains)
    # density = mix @ stains: unmixed, scaled and mixed again by one matrix per patch.
    change = mix @ (gain.double()[:, :, None] * torch.linalg.inv(mix))
    constant = (shift.double() @ mix.T)[:, :, None]
    packed = to_device(torch.cat([change, constant], dim=2).float(), pixels.device)  # one copy
    density = torch.log((pixels + 1) / 256).neg_()
    changed = torch.baddbmm(packed[:, :, 3:], packed[:, :, :3], density)
    return changed.neg_().exp_().mul_(256).sub_(1).clamp_(0, 255)


def swap_stain(pixels: Tensor, towards: Tensor) -> Tensor:
    """Return pixels whose optical densities have moved towards mean and spread of another patch's.

    The other patch is the one before in the batch, whose order is random; a patch without spread
    of its own (empty glass) gets none.

    Args:
        pixels: (N, 3, P), 0..255.
        towards: (N, 1) 0..1, the part of the way.
    """
    density = torch.log((pixels + 1) / 256).neg_()
    spread, mean = torch.std_mean(density, dim=2, keepdim=True)
    spread = spread.clamp_(min=_LEAST_SPREAD)
    way = to_device(towards, pixels.device)[:, :, None]
    gain = torch.lerp(spread, spread.roll(1, 0), way) / spread
    moved = torch.addcmul(torch.lerp(mean, mean.roll(1, 0), way), density - mean, gain)
    return moved.neg_().exp_().mul_(256).sub_(1).clamp_(0, 255)


def vary_light(pixels: Tensor, variation: Variation) -> Tensor:
    """Return pixels with other saturation, contrast, brightness and channel gains, in that order.

    Args:
        pixels: (N, 3, P), 0..255.
        variation: Of the same N.
    """
    grey = torch.tensor(GREY_WEIGHTS)
    # (N,); saturation leaves it as it is
    mean_grey = pixels.mean(dim=2) @ to_device(grey, pixels.device)
    saturation = variation.saturation[:, :, None]
    # saturate @ x = saturation * x + (1 - saturation) * grey(x)
    saturate = saturation * torch.eye(3) + (1 - saturation) * grey
    gain = variation.brightness * variation.channel  # (N, 3)
    change = (variation.contrast * gain)[:, :, None] * saturate
    constant = ((1 - variation.contrast) * gain)[:, :, None]
    packed = to_device(torch.cat([change, constant], dim=2), pixels.device)
    shift = packed[:, :, 3:] * mean_grey[:, None, None]
    return torch.baddbmm(shift, packed[:, :, :3], pixels).clamp_(0, 255)


def warps(*, angle: Tensor, zoom: Tensor, shear: Tensor) -> Tensor:
    """Return (N, 2, 3) on the CPU: from a place in the new patch to that in the old.

    Args:
        angle: (N,) in radians, counter-clockwise.
        zoom: (N,).
        shear: (N,) in radians.
    """
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
