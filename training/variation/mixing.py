"""MixUp: pairs of patches, and their labels, blended (Zhang et al. 2018)."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from training.data.feed import to_device


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
