"""The running mean of the weights, which is what is validated and kept."""

import copy

import torch
from torch import nn

from training.recipes.recipe import Recipe


def ema_decay(decay: float, step: int) -> float:
    """Return the decay at a step (from 0): small at first, so that the start is soon forgotten.

    min(decay, (1 + step) / (10 + step)), as in TensorFlow's ExponentialMovingAverage.
    """
    return min(decay, (1 + step) / (10 + step))


def average_decay(recipe: Recipe, step: int, total_steps: int) -> float:
    """Return the decay of the mean at a step (from 0) of a run.

    In the last `swa_share` of the steps it is n / (n + 1) at the n-th of them (from 0): the mean
    is then that of the weights after each of these steps, all alike.
    """
    since = step - (total_steps - round(recipe.swa_share * total_steps))
    return since / (since + 1) if since >= 0 else ema_decay(recipe.ema_decay, step)


class WeightAverage:
    """The running mean of a network's weights, in a network of its own.

    Weights and the running statistics of normalisation are averaged; whole-number counters are
    copied.

    Attributes:
        network: The network with the averaged weights, in evaluation mode.
    """

    def __init__(self, source: nn.Module) -> None:
        """Start from the source's present weights; keep following the source."""
        self.network = copy.deepcopy(source).eval().requires_grad_(requires_grad=False)
        # state_dict's tensors share memory with the network: collected once, valid for good.
        pairs = list(
            zip(self.network.state_dict().values(), source.state_dict().values(), strict=True)
        )
        self._floating = [pair for pair in pairs if pair[0].is_floating_point()]
        self._counters = [pair for pair in pairs if not pair[0].is_floating_point()]

    @torch.no_grad()
    def update(self, decay: float) -> None:
        """Move to decay x average + (1 - decay) x source."""
        torch._foreach_lerp_(
            [mean for mean, _ in self._floating], [new for _, new in self._floating], 1 - decay
        )
        if self._counters:  # one launch for all of them
            torch._foreach_copy_(
                [mean for mean, _ in self._counters], [new for _, new in self._counters]
            )
