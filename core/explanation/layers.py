"""The layers of a network that have a map, found by name; tokens are laid out on their grid."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from core.bundle.last_map import token_grid
from core.engine import Layer
from core.errors import RunError
from core.explanation.cam import is_fine


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


def fine_layer(choices: list[Layer], last: Layer, side_px: int) -> Layer:
    """Return the coarsest of some layers with cells small enough; without one, `last`."""
    fine = [layer for layer in choices if is_fine(layer.grid, side_px)]
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
