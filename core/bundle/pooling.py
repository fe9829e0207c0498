"""Pooling that knows where the centre is: the label is about the centre 32 × 32 px alone."""

from typing import Final

import torch
from timm.layers.adaptive_avgmax_pool import SelectAdaptivePool2d
from torch import Tensor, nn

from core.errors import BundleError

CENTRE_SHARE: Final = (1 / 3, 2 / 3)
"""Where the centre 32 px of a 96 px patch begin and end, as shares of its side."""


class CentreAndContextPool(nn.Module):
    """A last map (N, C, h, w) to (N, 2 C): the mean of all cells, then the mean of the centre's.

    A linear layer behind it weighs the centre apart from the patch around it and stays exactly
    explainable: the logit is a sum over cells.
    """

    def cell_weights(self, rows: int, columns: int) -> Tensor:
        """Return (2, rows, columns) float32: each cell's share in each mean; each sums to 1.

        A cell that the edge of the centre cuts counts by the part of it that lies inside.
        """
        context = torch.full((rows, columns), 1 / (rows * columns))
        centre = _cover(rows)[:, None] * _cover(columns)[None, :]
        return torch.stack([context, centre / centre.sum()])

    def forward(self, features: Tensor) -> Tensor:
        """Return (N, 2 C) for (N, C, h, w)."""
        weights = self.cell_weights(*features.shape[2:]).to(features)
        return torch.einsum("nchw,khw->nkc", features, weights).flatten(1)


def _cover(cells: int) -> Tensor:
    """Return (cells,): the part of each of equal cells along a side that lies in the centre."""
    edges = torch.linspace(0, 1, cells + 1, dtype=torch.float64)
    start, stop = CENTRE_SHARE
    inside = edges[1:].clamp(max=stop) - edges[:-1].clamp(min=start)
    return (inside.clamp(min=0) * cells).float()


def pool_centre_and_context(network: nn.Module) -> None:
    """Put the pooling, and a linear layer of twice the width, into a fresh network of timm.

    Raises:
        BundleError: The network does not end in an average and a linear layer.
    """
    pool = getattr(network, "global_pool", None)
    name = str(getattr(network, "default_cfg", {}).get("classifier", ""))
    classifier = getattr(network, name, None) if name else None
    if not (
        isinstance(pool, SelectAdaptivePool2d)
        and isinstance(pool.flatten, nn.Flatten)
        and isinstance(classifier, nn.Linear)
    ):
        raise BundleError(
            f"{type(network).__name__} does not end in an average and a linear layer, which "
            "the pooling 'centre-and-context' replaces. Take a ResNet or an EfficientNet, or "
            "the network's own pooling."
        )
    network.global_pool = CentreAndContextPool()
    setattr(network, name, nn.Linear(2 * classifier.in_features, classifier.out_features))
