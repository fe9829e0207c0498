"""AdamW with its state in reach, so that a checkpoint can hold it as plain tensors."""

from typing import Final

import torch
from timm.optim import param_groups_layer_decay  # type: ignore[attr-defined]
from torch import Tensor, nn

from core.bundle import head_names
from core.errors import RunError
from training.recipes.recipe import Frozen

MOMENTS: Final = ("exp_avg", "exp_avg_sq")
STEP: Final = "step"


def build_adamw(
    network: nn.Module, weight_decay: float, layer_decay: float = 1.0
) -> torch.optim.AdamW:
    """Return AdamW over a network's parameters; vectors (biases, normalisation) do not decay.

    Args:
        network: All its parameters may learn.
        weight_decay: Of matrices and kernels.
        layer_decay: Each layer's rate is this times that of the layer after it, layers as timm
            groups them.
    """
    if layer_decay < 1:
        groups = param_groups_layer_decay(network, weight_decay, layer_decay=layer_decay)
        return torch.optim.AdamW(groups, lr=0.0, fused=True)
    named = [(name, p) for name, p in network.named_parameters() if p.requires_grad]
    return torch.optim.AdamW(
        [
            {"params": [p for _, p in named if p.ndim > 1], "weight_decay": weight_decay},
            {"params": [p for _, p in named if p.ndim <= 1], "weight_decay": 0.0},
        ],
        lr=0.0,
        fused=True,
    )


def set_learning_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of every group, by its layer's share of it."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group.get("lr_scale", 1.0)


def optimiser_tensors(network: nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the moments and step counters by parameter name, e.g. "exp_avg.conv1.weight"."""
    return {
        f"{key}.{name}": optimiser.state[parameter][key]
        for name, parameter in network.named_parameters()
        if parameter in optimiser.state
        for key in (*MOMENTS, STEP)
    }


def restore_optimiser(
    network: nn.Module, optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]
) -> None:
    """Put back what `optimiser_tensors` gave, in the memory layout that AdamW itself would use."""
    for name, parameter in network.named_parameters():
        if f"{STEP}.{name}" not in tensors:
            continue
        state = optimiser.state[parameter]
        # A fused optimiser keeps its counters on the device of the parameter.
        state[STEP] = tensors[f"{STEP}.{name}"].to(parameter.device, torch.float32)
        for key in MOMENTS:
            state[key] = torch.empty_like(parameter, memory_format=torch.preserve_format)
            state[key] = state[key].detach().copy_(tensors[f"{key}.{name}"])


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
