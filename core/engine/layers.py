"""The layers of a network that have a map, and those whose Grad-CAM has a closed form."""

from typing import Any

import torch
from torch import Tensor, nn

from core.bundle import CENTRE_STREAM, TwoStreams
from core.bundle.last_map import as_grid, channels_last
from core.engine.engine import Layer


def trace_layers(network: nn.Module, inputs: Tensor) -> list[Layer]:
    """Return the layers that have a map, in the order in which they finish.

    Args:
        network: In evaluation mode; the caller holds its lock.
        inputs: (N, 3, S, S) any input.
    """
    found: dict[str, Layer] = {}

    def note(name: str) -> Any:  # noqa: ANN401 - torch leaves the type of a hook open
        def hook(_module: nn.Module, _inputs: object, output: object) -> None:
            grid = as_grid(network, output)
            if grid is not None:
                found.pop(name, None)
                found[name] = Layer(name, (grid.shape[2], grid.shape[3]), grid.shape[1])

        return hook

    handles = [
        module.register_forward_hook(note(name))
        for name, module in network.named_modules()
        if name
        and not isinstance(module, nn.Identity)
        # Maps of a stream that sees the centre alone would be drawn over the whole patch.
        and not (isinstance(network, TwoStreams) and name.split(".")[0] == CENTRE_STREAM)
        # The patch embedding of a channels-last transformer is a convolution, channels first.
        and not (channels_last(network) and isinstance(module, nn.Conv2d))
    ]
    try:
        with torch.inference_mode():
            network(inputs)
    finally:
        for handle in handles:
            handle.remove()
    return list(found.values())
