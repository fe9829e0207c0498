"""Centre transplants: the centre of one patch in the surroundings of another, under its own label.

The label is about the centre 32 × 32 px alone, so the new patch's label is known exactly; what
surrounds it no longer tells. Related to CutMix (Yun et al. 2019), whose labels are blended.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from core.patches import CENTRE
from training.data.pack import to_device

MARGIN_PX: Final = 8.0
"""At most this much around the centre comes with it."""
SEAM_PX: Final = 8.0
"""At most this wide is the blend around that."""
_LEAST_SPREAD: Final = 1.0


@dataclass(frozen=True, eq=False)
class Transplants:
    """Which M patches of a batch get other surroundings, and how; on the device.

    Attributes:
        rows: (M,) of these patches.
        partners: (M,) row of the patch whose surroundings are taken.
        margin_px: (M,) what comes with the centre, on each side.
        seam_px: (M,) width of the blend outside that; 1 is a hard edge.
        matching: (M,) 0..1, how far the surroundings take on the colours of the own patch.
    """

    rows: Tensor
    partners: Tensor
    margin_px: Tensor
    seam_px: Tensor
    matching: Tensor

    def of(self, images_rgb_u8: Tensor) -> Tensor:
        """Return a batch (N, H, H, 3) uint8 with these surroundings; each centre stays as it is."""
        if len(self.rows) == 0:
            return images_rgb_u8
        own = images_rgb_u8[self.rows].float()
        surroundings = recoloured(images_rgb_u8[self.partners].float(), own, self.matching)
        kept = blend_shares(images_rgb_u8.shape[1], self.margin_px, self.seam_px)
        blended = torch.lerp(surroundings, own, kept[..., None])
        return images_rgb_u8.index_copy(0, self.rows, blended.round_().clamp_(0, 255).byte())


def draw_transplants(
    share: float, count: int, generator: torch.Generator, device: torch.device
) -> Transplants:
    """Return random transplants.

    Args:
        share: Of the patches that get other surroundings, 0..1.
        count: Patches in the batch.
        generator: Of random numbers, on the CPU.
        device: Where they are applied.
    """
    moved = torch.rand(count, generator=generator) < share
    partners = torch.randperm(count, generator=generator)
    margin, seam, matching = torch.rand(3, count, generator=generator)
    return Transplants(
        rows=to_device(torch.nonzero(moved)[:, 0], device),
        partners=to_device(partners[moved], device),
        margin_px=to_device(margin[moved] * MARGIN_PX, device),
        seam_px=to_device(1 + seam[moved] * (SEAM_PX - 1), device),
        matching=to_device(matching[moved], device),
    )


def blend_shares(side_px: int, margin_px: Tensor, seam_px: Tensor) -> Tensor:
    """Return (N, H, H): 1 where the own patch stays, 0 where the surroundings are."""
    middles = torch.arange(side_px, device=margin_px.device) + 0.5
    # Distance from the centre's edge, 0 inside it, of rows and columns alike.
    beyond = torch.maximum(CENTRE.start - middles, middles - CENTRE.stop).clamp_(min=0)
    distance = torch.maximum(beyond[:, None], beyond[None, :])
    ramp = 1 - (distance - margin_px[:, None, None]) / seam_px[:, None, None]
    inside = distance == 0
    return ramp.clamp_(0, 1).masked_fill_(inside, 1.0)  # no scalar comes from the host


def recoloured(images: Tensor, like: Tensor, matching: Tensor) -> Tensor:
    """Return images with mean and spread of each colour moved towards another's (Reinhard 2001)."""
    mean, spread = _moments(images)
    wanted_mean, wanted_spread = _moments(like)
    part = matching[:, None, None, None]
    gain = torch.lerp(torch.ones_like(spread), wanted_spread / spread, part)
    return (images - mean) * gain + torch.lerp(mean, wanted_mean, part)


def _moments(images: Tensor) -> tuple[Tensor, Tensor]:
    spread, mean = torch.std_mean(images, dim=(1, 2), keepdim=True)
    return mean, spread.clamp(min=_LEAST_SPREAD)


@dataclass(frozen=True, eq=False)
class Mixture:
    """How a batch of N is blended.

    Attributes:
        share: Of each patch itself; its partner has the rest.
        partners: (N,) row of each patch's partner, on the device.
    """

    share: float
    partners: Tensor

    def of(self, values: Tensor) -> Tensor:
        """Return values (N, ...) blended with their partners'."""
        return torch.lerp(values[self.partners], values, self.share)


def draw_mixture(
    alpha: float, count: int, generator: torch.Generator, device: torch.device
) -> Mixture:
    """Return one share of Beta(alpha, alpha) for the batch, and random partners."""
    partners = torch.randperm(count, generator=generator)
    seed = int(torch.randint(2**62, (1,), generator=generator))
    share = float(np.random.default_rng(seed).beta(alpha, alpha))
    return Mixture(share, to_device(partners, device))
