"""The layers of a network that have a map, found by name; tokens are laid out on their grid."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn

from core.bundle import CENTRE_STREAM, TwoStreams
from core.bundle.last_map import as_grid, channels_last, token_grid
from core.errors import RunError

FINE_CELL_PX: Final = 16.0
"""Half the centre: cells up to this size tell the centre from the ring."""


@dataclass(frozen=True)
class Layer:
    """A layer whose output can be weighed into a map.

    Attributes:
        name: As in `network.named_modules()`.
        grid: Rows and columns of its map.
        channels: Channels of its map.
    """

    name: str
    grid: tuple[int, int]
    channels: int


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


def default_layer(network: nn.Module, layers: list[Layer]) -> Layer:
    """Return the last feature map; in a transformer the last block's input to its attention.

    Behind that point only the class token reaches the score, and patch tokens have no gradient.

    Raises:
        RunError: The network has no layer with a map.
    """
    if not layers:
        raise RunError(
            "This network has no layer with a map of more than one place, so nothing can be "
            "localised. Use a convolutional network or a ViT of timm."
        )
    if token_grid(network) is not None:
        names = [layer for layer in layers if _is_block_input(layer.name)]
        if names:
            return names[-1]
    return layers[-1]


def _is_block_input(name: str) -> bool:
    parts = name.split(".")
    return len(parts) == 3 and parts[0] == "blocks" and parts[2] == "norm1"


def layer_choices(network: nn.Module, layers: list[Layer]) -> list[Layer]:
    """Return the few layers worth offering: the last at each resolution, or one per ViT block."""
    if token_grid(network) is not None:
        return [layer for layer in layers if _is_block_input(layer.name)] or layers[-1:]
    stages = [layer for layer in layers if layer.name.count(".") <= 1] or layers
    last = {layer.grid: layer for layer in stages}
    return sorted(last.values(), key=lambda layer: -layer.grid[0] * layer.grid[1])


def is_fine(layer: Layer, side_px: int) -> bool:
    """Return whether a layer's cells are small enough, over a map that covers `side_px`."""
    return side_px / min(layer.grid) <= FINE_CELL_PX


def fine_layer(choices: list[Layer], last: Layer, side_px: int) -> Layer:
    """Return the coarsest of some layers with cells small enough; without one, `last`."""
    fine = [layer for layer in choices if is_fine(layer, side_px)]
    return min(fine, key=lambda layer: layer.grid[0] * layer.grid[1], default=last)


def find_layer(layers: list[Layer], name: str) -> Layer:
    """Return the layer of that name.

    Raises:
        RunError: There is none, or it has no map.
    """
    for layer in layers:
        if layer.name == name:
            return layer
    some = ", ".join(layer.name for layer in layers if layer.name.count(".") <= 1)
    raise RunError(f"Found no layer {name!r} with a map in this network. Choose one of: {some}.")


@contextmanager
def captured_output(module: nn.Module, *, for_gradients: bool) -> Iterator[list[Tensor]]:
    """Give a list that will hold the module's output; the hook is gone afterwards, come what may.

    Args:
        module: The layer; the caller holds the network's lock.
        for_gradients: Start the graph at this output, so that a backward pass ends here and
            nothing before it is recorded.
    """
    outputs: list[Tensor] = []

    def hook(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor | None:
        outputs.clear()  # of a layer that is used twice, the last use counts
        if not for_gradients:
            outputs.append(output.detach().clone())
            return None
        leaf = output.detach().requires_grad_()
        outputs.append(leaf)
        return leaf.clone()  # the next layer may work in place, which a leaf does not allow

    handle = module.register_forward_hook(hook)
    try:
        yield outputs
    finally:
        handle.remove()
