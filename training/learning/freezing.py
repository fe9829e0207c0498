"""Layers that keep their weights while others learn."""

from torch import nn

from core.bundle import head_names
from core.errors import RunError
from training.recipes.recipe import Frozen


def freeze(network: nn.Module, frozen: Frozen) -> None:
    """Let all layers learn but the leading ones, and put those into evaluation mode.

    A layer is a module with weights of its own, counted in the order of `named_modules`. Frozen
    normalisation keeps its statistics and frozen dropout lets everything through, as in Keras.

    Args:
        network: Comes out in training mode but for those layers.
        frozen: How many, or "backbone" for all but head and pooling.

    Raises:
        RunError: No layer would be left to learn.
    """
    # A phase in which more layers learn than before must not inherit the still ones; nor may a
    # root with weights of its own (a transformer's class token) leave the whole network still.
    network.train()
    modules = list(network.named_modules())
    if frozen == "backbone":
        head = head_names(network)
        still = {name for name, _ in modules if not f"{name}.".startswith(head)}
    else:
        layers = [n for n, (_, module) in enumerate(modules) if _weights(module)]
        if frozen >= len(layers):
            raise RunError(
                f"The recipe freezes {frozen} layers and {type(network).__name__} has "
                f"{len(layers)} with weights; expected fewer. Correct the phase."
            )
        still = {name for name, _ in modules[: layers[frozen]]}
    for name, module in modules:
        for weight in _weights(module):
            weight.requires_grad = name not in still
        if name in still and (_weights(module) or not list(module.children())):
            module.training = False  # its own flag alone: a container may hold layers that learn


def _weights(module: nn.Module) -> list[nn.Parameter]:
    return list(module.parameters(recurse=False))
