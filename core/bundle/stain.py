"""Stain normalisation of whole batches on their device (Macenko et al. 2009).

Each patch is taken apart into haematoxylin and eosin by its own colours, and put together again
with the colours and the strength of a reference. Nothing is learnt and nothing is drawn: the same
pixels give the same result, whatever patches stand beside them, up to rounding.

Source: Macenko et al., "A method for normalizing histology slides for quantitative analysis",
ISBI 2009; the reference and the limits of background and percentiles are those of the authors'
followers (Veta's `staining-normalization`, MIT; torchstain and TIAToolbox use them too).
"""

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

WHITE: Final = 240.0
"""Value (0..255) at which light passed unhindered."""
STAINED_DENSITY: Final = 0.15
"""A pixel is stained where red, green and blue all absorb this much, in natural optical density:
Macenko's rule, narrower than `core.patches.tissue_mask`; weights were trained on what it gives."""
OUTER_PERCENT: Final = 1.0
"""The stains' directions are this percentile of the tissue's angles from either end; the stains'
strengths are this percentile from the top."""
REFERENCE_STAINS: Final = ((0.5626, 0.7201, 0.4062), (0.2159, 0.8012, 0.5581))
"""Optical density of red, green and blue per unit of haematoxylin and of eosin."""
REFERENCE_STRENGTHS: Final = (1.9705, 1.0308)
"""99th percentile of haematoxylin and of eosin in the reference."""

LEAST_TISSUE: Final = 0.05
"""Share of a patch below which its stains are not estimated."""
LEAST_ANGLE: Final = 0.1
"""Sine of the angle between the stains, below which they are one."""
MOST_CHANGE: Final = 8.0
"""Factor between a stain's strength and the reference's, beyond which it is no stain. Slides of
CAMELYON16 that are stained deeply need 6; of 2,000 real patches 1 in 1,000 lies beyond."""


def normalise_stains(pixels: Tensor) -> Tensor:
    """Return patches in the reference's stains, (N, 3, H, W) float32, 0..255.

    A patch with too little tissue, with one colour only, or with stains unlike any that occur is
    given back as it is, so that no pixel ever becomes no number.

    Args:
        pixels: (N, 3, H, W) float32, 0..255.
    """
    flat = pixels.flatten(2)  # (N, 3, P)
    density = torch.log((flat + 1) / WHITE).neg_()
    tissue = (density >= STAINED_DENSITY).all(dim=1)  # (N, P)
    stains, distinct = _stains(density, tissue)
    amounts = _unmix(stains) @ density  # (N, 2, P)
    reference = flat.new_tensor(REFERENCE_STRENGTHS)
    change = reference / _from_top(amounts, tissue)  # (N, 2)
    usual = ((change >= 1 / MOST_CHANGE) & (change <= MOST_CHANGE)).all(dim=1)
    mix = flat.new_tensor(REFERENCE_STAINS).T  # (3, 2)
    normalised = ((mix * change[:, None]) @ amounts).neg_().exp_().mul_(WHITE).clamp_(0, 255)
    enough = tissue.sum(dim=1) >= LEAST_TISSUE * tissue.shape[1]
    sound = (enough & distinct & usual)[:, None, None]
    return torch.where(sound, normalised, flat).view(pixels.shape)


def _stains(density: Tensor, tissue: Tensor) -> tuple[Tensor, Tensor]:
    """Return haematoxylin and eosin (N, 3, 2), unit columns, and (N,) whether they are two.

    Angles are measured in the plane of the two largest principal components, from the tissue's
    mean: they do not depend on the signs that a decomposition happens to give.
    """
    count = tissue.sum(dim=1).clamp(min=2)[:, None]
    inside = tissue[:, None]
    mean = (density * inside).sum(dim=2) / count  # (N, 3)
    centred = (density - mean[:, :, None]) * inside
    covariance = (centred @ centred.transpose(1, 2)).double() / (count[:, None] - 1)
    _, directions = torch.linalg.eigh(covariance)  # ascending
    normal = directions[:, :, 0].float()  # of the plane
    ahead = functional.normalize(mean - (mean * normal).sum(dim=1, keepdim=True) * normal, eps=1e-6)
    aside = torch.linalg.cross(normal, ahead)
    axes = torch.stack([ahead, aside], dim=1)  # (N, 2, 3)
    along, across = (axes @ density).unbind(dim=1)
    angles = torch.atan2(across, along)[:, None]  # (N, 1, P)
    ends = torch.cat([-_from_top(-angles, tissue), _from_top(angles, tissue)], dim=1)  # (N, 2)
    pair = axes.transpose(1, 2) @ torch.stack([ends.cos(), ends.sin()], dim=1)  # (N, 3, 2)
    # Haematoxylin absorbs more red than eosin does.
    swapped = (pair[:, 0, 0] < pair[:, 0, 1])[:, None, None]
    stains = torch.where(swapped, pair.flip(2), pair)
    return stains, (ends[:, 1] - ends[:, 0]).sin() >= LEAST_ANGLE


def _unmix(stains: Tensor) -> Tensor:
    """Return (N, 2, 3), the pseudo-inverse of unit columns (N, 3, 2)."""
    shared = (stains[:, :, 0] * stains[:, :, 1]).sum(dim=1)[:, None, None]
    # (S^T S)^-1 = [[1, -s], [-s, 1]] / (1 - s^2) for unit columns with the product s
    transposed = stains.transpose(1, 2)
    crossed: Tensor = transposed - shared * transposed.flip(1)
    return crossed / (1 - shared.square()).clamp(min=1e-6)


def _from_top(values: Tensor, tissue: Tensor) -> Tensor:
    """Return the upper percentile of the tissue's values, (N, K) of (N, K, P), interpolated."""
    longest = int((values.shape[2] - 1) * OUTER_PERCENT / 100) + 2
    lowest = torch.finfo(values.dtype).min
    top = values.masked_fill(~tissue[:, None], lowest).topk(longest, dim=2).values
    place = (tissue.sum(dim=1).clamp(min=1) - 1) * (OUTER_PERCENT / 100)  # (N,) from the top
    below = place.long()
    index = torch.stack([below, below + 1], dim=1)[:, None].expand(-1, values.shape[1], -1)
    upper, lower = top.gather(2, index).unbind(dim=2)
    return torch.lerp(upper, lower, (place - below)[:, None].to(upper))
