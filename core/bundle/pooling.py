"""Pooling that knows where the centre is: the label is about the centre 32 × 32 px alone."""

from typing import Final

import torch
from timm.layers.adaptive_avgmax_pool import SelectAdaptivePool2d
from torch import Tensor, nn

from core.errors import BundleError

CENTRE_SHARE: Final = (1 / 3, 2 / 3)
"""Where the centre 32 px of a 96 px patch begin and end, as shares of its side."""

_LEAST: Final = 1e-6
_ATTENTION_WIDTH: Final = 128


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


class GemPool(nn.Module):
    """A last map (N, C, h, w) to (N, C): the generalised mean, its exponent learnt.

    Source: Radenović et al. 2018; an exponent of 1 is the mean, infinity the maximum.
    """

    def __init__(self, exponent: float = 3.0) -> None:
        super().__init__()
        self.exponent = nn.Parameter(torch.tensor([exponent]))

    def forward(self, features: Tensor) -> Tensor:
        """Return (N, C) for (N, C, h, w); values below 0 count as 0."""
        powers = features.float().clamp(min=_LEAST).pow(self.exponent)
        return powers.mean(dim=(2, 3)).pow(1 / self.exponent).to(features.dtype)


class AttentionPool(nn.Module):
    """A last map (N, C, h, w) to (N, C): a mean whose weights depend on the cells.

    Source: Ilse et al. 2018. It starts as the plain mean.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(channels, _ATTENTION_WIDTH)
        self.score = nn.Linear(_ATTENTION_WIDTH, 1, bias=False)
        nn.init.zeros_(self.score.weight)

    def forward(self, features: Tensor) -> Tensor:
        """Return (N, C) for (N, C, h, w)."""
        cells = features.flatten(2).transpose(1, 2)  # (N, h * w, C)
        weights: Tensor = self.score(torch.tanh(self.hidden(cells))).softmax(dim=1)
        return (weights * cells).sum(dim=1)


def replace_pooling(network: nn.Module, pooling: str) -> None:
    """Put another pooling into a fresh network of timm, and a linear layer that fits it.

    Args:
        network: Ends in an average and a linear layer.
        pooling: "centre-and-context", "gem" or "attention".

    Raises:
        BundleError: The network does not end so.
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
            f"the pooling {pooling!r} replaces. Take a ResNet or an EfficientNet, or "
            "the network's own pooling."
        )
    if pooling == "centre-and-context":
        network.global_pool = CentreAndContextPool()
        setattr(network, name, nn.Linear(2 * classifier.in_features, classifier.out_features))
    elif pooling == "gem":
        network.global_pool = GemPool()
    else:
        network.global_pool = AttentionPool(classifier.in_features)
