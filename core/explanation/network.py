"""What looks into a network in PyTorch: its layers, activations, gradients, and maps of them."""

import copy
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.bundle import InputTransform, tumour_logit
from core.bundle.last_map import CONTROLS, as_grid, control_heads, linear_head, token_grid
from core.engine import Engine, Layer, check_patches, full_precision
from core.engine.served import trace_layers
from core.errors import RunError
from core.explanation.cam import Method, is_fine
from core.explanation.explainer import Explainer
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
            for output in outputs.unbind(dim=1):
                (gradient,) = torch.autograd.grad(output.sum(), captured[0], retain_graph=True)
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


_CLASSES: Final = {
    Method.GRAD_CAM: "GradCAM",
    Method.GRAD_CAM_PLUS_PLUS: "GradCAMPlusPlus",
    Method.HIRES_CAM: "HiResCAM",
    Method.LAYER_CAM: "LayerCAM",
    Method.EIGEN_CAM: "EigenCAM",
    Method.SCORE_CAM: "ScoreCAM",
    Method.ABLATION_CAM: "AblationCAM",
}


class LibraryCam:
    """One of the methods of pytorch-grad-cam, for one network.

    The library scales every map to its own maximum and changes the network while it works. Here it
    is asked for raw maps, and what it needs of the network comes from our own pass, so that scoring
    goes on beside.
    """

    def __init__(self, network: ExplainedNetwork, method: Method) -> None:
        """Open the method; it is given no layer, so it leaves no hook in the network."""
        # The library brings OpenCV, matplotlib and scikit-learn; only who asks for a map waits.
        import pytorch_grad_cam  # noqa: PLC0415

        scores_itself = method in {Method.SCORE_CAM, Method.ABLATION_CAM}
        self._network = network.private_copy() if scores_itself else network
        self._scores_itself = scores_itself

        def grid(output: Tensor) -> Tensor | None:
            return as_grid(self._network.network, output)

        opened = getattr(pytorch_grad_cam, _CLASSES[method])
        self._cam: Any = opened(self._network.network, [], reshape_transform=grid)

    def weigh(self, activations: Tensor, gradients: Tensor) -> NDArray[np.float32]:
        """Return raw maps (N, h, w) for activations and the target's gradients (N, C, h, w)."""
        maps = self._cam.get_cam_image(
            None, None, None, activations.cpu().numpy(), gradients.cpu().numpy(), False
        )
        return np.ascontiguousarray(maps, np.float32)

    def maps(self, images_rgb_u8: ImageU8, *, layer: str, sign: int) -> NDArray[np.float32]:
        """Return raw maps (N, h, w) of one pass.

        Score-CAM and Ablation-CAM score the patch once for each channel: seconds a patch.
        """
        if not self._scores_itself:
            (pair,) = self._network.gradients(
                images_rgb_u8, layer, lambda outputs: sign * tumour_logit(outputs)[:, None]
            )
            return self.weigh(*pair)

        def target(output: Tensor) -> Tensor:
            return sign * tumour_logit(output[None])[0]

        activations = self._network.activations(images_rgb_u8, layer)
        with self._network.lock, torch.no_grad(), full_precision():
            maps = self._cam.get_cam_image(
                self._network.inputs(images_rgb_u8),
                self._network.network.get_submodule(layer),
                [target] * len(images_rgb_u8),
                activations.cpu().numpy(),
                None,
                False,
            )
        return np.ascontiguousarray(maps, np.float32)


_PASS: Final = 16
_METHOD: Final = {Method.CAM: Method.HIRES_CAM}
"""At the last map of a linear head the two are the same; gradients need no head of their own."""


class ControlHeads:
    """A private copy of an explainer's network with a last layer of as many outputs as controls.

    Attributes:
        weights: (count, inputs) of the tumour logit, one control a row.
    """

    def __init__(self, explainer: Explainer, count: int | None, seed: int) -> None:
        """Copy the network and draw the heads.

        Raises:
            RunError: The network has no linear last layer to draw anew.
        """
        self._network = explainer.network.private_copy()
        head = self._network.network.get_classifier()  # type: ignore[operator]
        if not isinstance(head, nn.Linear):
            raise RunError(
                f"The network ends in a {type(head).__name__}; this test needs a linear last "
                "layer, so the map is not tested."
            )
        self.weights = control_heads(head, count or CONTROLS, seed)
        head.weight = nn.Parameter(self.weights, requires_grad=False)
        # No map depends on the bias.
        head.bias = nn.Parameter(self.weights.new_zeros(len(self.weights)), requires_grad=False)
        head.out_features = len(self.weights)
        method = _METHOD.get(explainer.method, explainer.method)
        self._weigh = LibraryCam(self._network, method).weigh
        self._sign, self._layer = explainer.target.sign, explainer.layer.name

    def maps(self, images_rgb_u8: ImageU8) -> NDArray[np.float32]:
        """Return the maps (count, N, h, w) of patches under each head, from one forward pass."""
        parts = []
        for start in range(0, len(images_rgb_u8), _PASS):
            images = images_rgb_u8[start : start + _PASS]
            pairs = self._network.gradients(images, self._layer, lambda outputs: outputs)
            parts.append(np.stack([self._weigh(a, self._sign * g) for a, g in pairs]))
        return np.concatenate(parts, axis=1)
