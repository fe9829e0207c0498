"""The last map of a network, and the head that is linear in it: what the closed form needs."""

from dataclasses import dataclass, replace
from typing import Final

import torch
from torch import Tensor, nn

from core.bundle.network import tumour_logit
from core.bundle.pooling import CentreAndContextPool
from core.errors import RunError

CONTROLS: Final = 19
"""A random map beats the maps of all 19 control heads in 1 of 20 patches."""
_EXACT_LOGIT: Final = 1e-4
"""Largest difference, relative to logits above 1, that rounding explains."""


def token_grid(network: nn.Module) -> tuple[int, int] | None:
    """Return rows and columns of a transformer's patch tokens, None for other networks."""
    embedding = getattr(network, "patch_embed", None)
    grid = getattr(embedding, "grid_size", None)
    if grid is None or not hasattr(network, "num_prefix_tokens"):
        return None
    rows, columns = grid
    return int(rows), int(columns)


def as_grid(network: nn.Module, output: object) -> Tensor | None:
    """Return a layer's output as (N, C, h, w), None if it has no more than one place.

    Class and register tokens are dropped; the patch tokens (N, T, C) are laid out row by row.
    """
    if not isinstance(output, Tensor):
        return None
    tokens = token_grid(network)
    if tokens is not None:
        prefix = int(network.num_prefix_tokens)  # type: ignore[arg-type]  # timm sets an int
        if output.ndim != 3 or output.shape[1] != prefix + tokens[0] * tokens[1]:
            return None
        grid = output[:, prefix:].transpose(1, 2)  # (N, C, T)
        return grid.reshape(len(output), -1, *tokens)
    if output.ndim != 4:
        return None
    grid = output.permute(0, 3, 1, 2) if channels_last(network) else output
    return grid if grid.shape[2] * grid.shape[3] > 1 else None


def channels_last(network: nn.Module) -> bool:
    """Return whether the layers give (N, h, w, C), as timm's Swin transformers do."""
    return str(getattr(network, "output_fmt", "NCHW")) == "NHWC"


@dataclass(frozen=True, eq=False)
class LinearHead:
    """The last layer of a network whose logit is linear in fixed means of its last map.

    Attributes:
        weights: (K, C) of the tumour logit, for each of K means over the map's cells.
        cells: (K, h, w) each cell's share in each mean; K is 1 and the shares are equal for a
            plain average.
        bias: Of the tumour logit.
        controls: (CONTROLS, K, C) of control heads, see `control_heads`.
    """

    weights: Tensor
    cells: Tensor
    bias: float
    controls: Tensor

    def to(self, device: torch.device) -> "LinearHead":
        """Return the same head on a device."""
        tensors = {
            name: getattr(self, name).to(device) for name in ("weights", "cells", "controls")
        }
        return replace(self, **tensors)

    def maps(self, features: Tensor) -> Tensor:
        """Return (N, h, w) for features (N, C, h, w); a map and the bias sum to the logit."""
        return (torch.einsum("nchw,kc->nkhw", features, self.weights) * self.cells).sum(dim=1)

    def grad_cams(self, features: Tensor) -> Tensor:
        """Return raw, signed Grad-CAM (N, 1 + CONTROLS, h, w) of features (N, C, h, w).

        That of this head comes first, then those of its controls.

        The gradient of a linear head does not depend on the features: its mean over the cells,
        with which Grad-CAM weighs a channel, is that of the cells' shares times the weights.
        """
        heads = torch.cat([self.weights[None], self.controls])
        channels = torch.einsum("tkc,k->tc", heads, self.cells.mean(dim=(1, 2)))
        return torch.einsum("nchw,tc->nthw", features, channels)


def control_heads(classifier: nn.Linear, count: int = CONTROLS, seed: int = 0) -> Tensor:
    """Return last-layer weights drawn anew, as rows of the tumour logit, (count, inputs).

    They are normal with the spread of the classifier's own. What a network with such a last layer
    explains as well is not about this one's decision (Adebayo et al. 2018).
    """
    own = classifier.weight.detach()
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn((count, *own.shape), generator=generator).to(own.device) * own.std()
    return drawn[:, -1] - drawn[:, 0] if len(own) == 2 else drawn[:, -1]


def linear_head(network: nn.Module, inputs: Tensor) -> LinearHead:
    """Return the head, if the logit is exactly means of the last map times weights.

    Args:
        network: In evaluation mode, without gradients.
        inputs: (N, 3, S, S) on which the claim is tested.

    Raises:
        RunError: The network ends otherwise; the closed form would be wrong.
    """
    classifier = getattr(network, "get_classifier", lambda: None)()
    if not isinstance(classifier, nn.Linear):
        raise RunError(
            f"The network ends in a {type(classifier).__name__}, not in a linear layer, so no "
            "exact map exists. Use the method grad-cam."
        )
    features = as_grid(network, network.forward_features(inputs))  # type: ignore[operator]
    cells = None if features is None else _cells(network, features)
    if (
        features is None
        or cells is None
        or classifier.in_features != len(cells) * features.shape[1]
    ):
        raise RunError(
            "The network's linear layer does not read its last map, so no exact map exists. Use "
            "the method grad-cam."
        )
    weights, bias = _tumour_row(classifier)
    controls = control_heads(classifier).reshape(CONTROLS, len(cells), -1)
    head = LinearHead(weights.reshape(len(cells), -1), cells, bias, controls)
    logits = tumour_logit(network(inputs))
    summed = head.maps(features).sum(dim=(1, 2)) + head.bias
    difference = float((summed - logits).abs().max())
    if difference > _EXACT_LOGIT * max(1.0, float(logits.abs().max())):
        raise RunError(
            "The network does more than average and weight its last map (the exact map is off by "
            f"{difference:.3g} logits). Use the method grad-cam."
        )
    return head


def _cells(network: nn.Module, features: Tensor) -> Tensor:
    """Return (K, h, w): each cell's share in each of the K means that the head reads."""
    rows, columns = features.shape[2:]
    pool = getattr(network, "global_pool", None)
    if isinstance(pool, CentreAndContextPool):
        return pool.cell_weights(rows, columns).to(features)
    return features.new_full((1, rows, columns), 1 / (rows * columns))


def _tumour_row(classifier: nn.Linear) -> tuple[Tensor, float]:
    """Return weights (K * C,) and bias of the tumour logit."""
    weight, bias = classifier.weight.detach(), classifier.bias
    offset = torch.zeros(len(weight)) if bias is None else bias.detach()
    if len(weight) == 1:
        return weight[0], float(offset[0])
    return weight[1] - weight[0], float(offset[1] - offset[0])
