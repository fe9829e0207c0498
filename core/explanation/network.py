"""What looks into a network in PyTorch: its layers, activations and gradients."""

import copy
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from core.bundle import InputTransform
from core.bundle.last_map import as_grid, linear_head, token_grid
from core.engine import Engine, Layer, check_patches, full_precision
from core.engine.served import trace_layers
from core.errors import RunError
from core.explanation.cam import is_fine
from core.patches import PATCH_SIZE_PX, ImageU8


@dataclass(frozen=True, eq=False)
class ExplainedNetwork:
    """A network with the lock that guards it.

    Attributes:
        network: In evaluation mode, its parameters without gradients.
        transform: From patches to its input.
        device: Where both are.
        lock: Held during every pass, by scoring too; hooks of one thread would otherwise record
            another thread's pass.
    """

    network: nn.Module
    transform: InputTransform
    device: torch.device
    lock: threading.RLock

    @classmethod
    def of(cls, engine: Engine) -> "ExplainedNetwork":
        """Return the engine's network in PyTorch, under that engine's lock."""
        torch_engine = engine.pytorch()
        return cls(
            torch_engine.network,
            torch_engine.transform,
            torch_engine.torch_device,
            torch_engine.lock,
        )

    def private_copy(self) -> "ExplainedNetwork":
        """Return a copy with a lock of its own, for work that is slow or alters the network."""
        with self.lock:
            network = copy.deepcopy(self.network)
        return ExplainedNetwork(network, self.transform, self.device, threading.RLock())

    def inputs(self, images_rgb_u8: ImageU8) -> Tensor:
        """Return the network's input (N, 3, S, S) for patches (N, 96, 96, 3)."""
        check_patches(images_rgb_u8)
        images = torch.from_numpy(np.ascontiguousarray(images_rgb_u8)).to(self.device)
        inputs: Tensor = self.transform(images)
        return inputs

    def layers(self) -> list[Layer]:
        """Return the layers that have a map, in the order in which they finish."""
        with self.lock:
            return trace_layers(self.network, self.inputs(_probe(1)))

    def require_linear_head(self) -> None:
        """Do nothing if the logit is exactly means of the last map times weights.

        Raises:
            RunError: The network ends otherwise, and how: the closed form would be wrong.
        """
        with self.lock, torch.inference_mode(), full_precision():
            linear_head(self.network, self.inputs(_probe(2)))

    def activations(self, images_rgb_u8: ImageU8, layer: str) -> Tensor:
        """Return activations (N, C, h, w) of a layer."""
        module = self.network.get_submodule(layer)
        with self.lock, torch.no_grad(), full_precision():
            with captured_output(module, for_gradients=False) as outputs:
                self.network(self.inputs(images_rgb_u8))
            return self._grid(outputs[0], layer)

    def gradients(
        self, images_rgb_u8: ImageU8, layer: str, targets: Callable[[Tensor], Tensor]
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield activations and gradients (N, C, h, w) of a layer for each target, of one pass.

        Args:
            images_rgb_u8: (N, 96, 96, 3).
            layer: Name of the layer.
            targets: Give the targets (N, T) by the network's output.
        """
        module = self.network.get_submodule(layer)
        with self.lock, torch.enable_grad(), full_precision():
            with captured_output(module, for_gradients=True) as captured:
                outputs = targets(self.network(self.inputs(images_rgb_u8)))
            activations = self._grid(captured[0].detach(), layer)
            # Patches do not see each other, so the gradient of the sum holds each one's own.
            for left, output in enumerate(outputs.unbind(dim=1), start=1 - outputs.shape[1]):
                (gradient,) = torch.autograd.grad(output.sum(), captured[0], retain_graph=left < 0)
                yield activations, self._grid(gradient, layer)

    def _grid(self, output: Tensor, layer: str) -> Tensor:
        grid = as_grid(self.network, output)
        if grid is None:
            raise RunError(f"The layer {layer!r} has no map. Choose another layer.")
        return grid


def _probe(count: int) -> ImageU8:
    shape = (count, PATCH_SIZE_PX, PATCH_SIZE_PX, 3)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


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
    return layers[-1] if token_grid(network) is None else layer_choices(network, layers)[-1]


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
