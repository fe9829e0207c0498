"""A network as an explanation sees it: one pass gives logits with activations and gradients."""

import copy
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from core.bundle import CentreAndContextPool, InputTransform, tumour_logit
from core.engine import Engine, TorchEngine, full_precision
from core.errors import RunError
from core.explanation.layers import Layer, as_grid, captured_output, trace_layers
from core.patches import PATCH_SIZE_PX, ImageU8

_EXACT_LOGIT = 1e-4
"""Largest difference, relative to logits above 1, that rounding explains."""


@dataclass(frozen=True, eq=False)
class LinearHead:
    """The last layer of a network whose logit is linear in fixed means of its last map.

    Attributes:
        weights: (K, C) of the tumour logit, for each of K means over the map's cells.
        cells: (K, h, w) each cell's share in each mean; K is 1 and the shares are equal for a
            plain average.
        bias: Of the tumour logit.
    """

    weights: Tensor
    cells: Tensor
    bias: float

    def maps(self, features: Tensor) -> Tensor:
        """Return (N, h, w) for features (N, C, h, w); a map and the bias sum to the logit."""
        return (torch.einsum("nchw,kc->nkhw", features, self.weights) * self.cells).sum(dim=1)


class ExplainedNetwork:
    """A network with the lock that guards it.

    Attributes:
        network: In evaluation mode, its parameters without gradients.
        transform: From patches to its input.
        device: Where both are.
        lock: Held during every pass, by scoring too; hooks of one thread would otherwise record
            another thread's pass.
    """

    def __init__(
        self,
        network: nn.Module,
        transform: InputTransform,
        device: torch.device,
        lock: threading.RLock,
    ) -> None:
        self.network = network
        self.transform = transform
        self.device = device
        self.lock = lock

    @classmethod
    def of(cls, engine: Engine) -> "ExplainedNetwork":
        """Return the engine's own network, under the engine's lock.

        Raises:
            RunError: The engine is not the PyTorch one.
        """
        if not isinstance(engine, TorchEngine):
            raise RunError(
                f"Found a {type(engine).__name__}; explanations look into the network and need "
                "the PyTorch engine. Open the model with it."
            )
        return cls(engine.network, engine.transform, engine.torch_device, engine.lock)

    def private_copy(self) -> "ExplainedNetwork":
        """Return a copy with a lock of its own, for work that is slow or alters the network."""
        with self.lock:
            network = copy.deepcopy(self.network)
        return ExplainedNetwork(network, self.transform, self.device, threading.RLock())

    @property
    def span_px(self) -> tuple[int, int]:
        """Rows (and columns) of the patch that the network sees: first, and one past the last."""
        if self.transform.crop_px is None:
            return 0, PATCH_SIZE_PX
        margin = (PATCH_SIZE_PX - self.transform.crop_px) // 2
        return margin, margin + self.transform.crop_px

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

    def linear_head(self) -> LinearHead:
        """Return the head, if the logit is exactly means of the last map times weights.

        Raises:
            RunError: The network ends otherwise; the closed form would be wrong.
        """
        with self.lock, torch.inference_mode(), full_precision():
            classifier = getattr(self.network, "get_classifier", lambda: None)()
            if not isinstance(classifier, nn.Linear):
                raise RunError(
                    f"The network ends in a {type(classifier).__name__}, not in a linear layer: "
                    "the closed form does not hold. Use the method grad-cam."
                )
            inputs = self.inputs(_probe(2))
            features = self._last_map(inputs)
            cells = None if features is None else _cells(self.network, features)
            if (
                features is None
                or cells is None
                or classifier.in_features != len(cells) * features.shape[1]
            ):
                raise RunError(
                    "The network's last features are no map that its linear layer reads: the "
                    "closed form does not hold. Use the method grad-cam."
                )
            weights, bias = _tumour_row(classifier)
            head = LinearHead(weights.reshape(len(cells), -1), cells, bias)
            logits = tumour_logit(self.network(inputs))
            summed = head.maps(features).sum(dim=(1, 2)) + head.bias
            difference = float((summed - logits).abs().max())
            if difference > _EXACT_LOGIT * max(1.0, float(logits.abs().max())):
                raise RunError(
                    "The network does more than average and weigh its last map (the closed form "
                    f"is off by {difference:.3g} logits). Use the method grad-cam."
                )
        return head

    def _last_map(self, inputs: Tensor) -> Tensor | None:
        return as_grid(self.network, self.network.forward_features(inputs))  # type: ignore[operator]

    def closed_form(self, images_rgb_u8: ImageU8, head: LinearHead) -> tuple[Tensor, Tensor]:
        """Return maps (N, h, w) and logits (N,) of one pass; a map and the bias sum to the logit.

        Args:
            images_rgb_u8: (N, 96, 96, 3).
            head: From `linear_head`.
        """
        with self.lock, torch.inference_mode(), full_precision():
            features = self.network.forward_features(self.inputs(images_rgb_u8))  # type: ignore[operator]
            grid = as_grid(self.network, features)
            if grid is None:
                raise RunError("The network's last features are no map. Use the method grad-cam.")
            maps = head.maps(grid)
            logits = tumour_logit(self.network.forward_head(features))  # type: ignore[operator]
            return maps, logits

    def activations(self, images_rgb_u8: ImageU8, layer: str) -> tuple[Tensor, Tensor]:
        """Return activations (N, C, h, w) of a layer and logits (N,) of one pass."""
        module = self.network.get_submodule(layer)
        with self.lock, torch.no_grad(), full_precision():
            with captured_output(module, for_gradients=False) as outputs:
                logits = tumour_logit(self.network(self.inputs(images_rgb_u8)))
            return self._grid(outputs[0], layer), logits

    def activations_and_gradients(
        self, images_rgb_u8: ImageU8, layer: str, sign: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return activations and gradients (N, C, h, w) of a layer and logits (N,) of one pass.

        Args:
            images_rgb_u8: (N, 96, 96, 3).
            layer: Name of the layer.
            sign: The gradients are those of the tumour logit times this.
        """
        module = self.network.get_submodule(layer)
        with self.lock, torch.enable_grad(), full_precision():
            with captured_output(module, for_gradients=True) as outputs:
                logits = tumour_logit(self.network(self.inputs(images_rgb_u8)))
            # Patches do not see each other, so the gradient of the sum holds each one's own.
            (gradient,) = torch.autograd.grad(sign * logits.sum(), outputs[0])
            activations = outputs[0].detach()
            return self._grid(activations, layer), self._grid(gradient, layer), logits.detach()

    def gradients_by_output(
        self, images_rgb_u8: ImageU8, layer: str
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield activations and gradients (N, C, h, w) of a layer for each output of one pass."""
        module = self.network.get_submodule(layer)
        with self.lock, torch.enable_grad(), full_precision():
            with captured_output(module, for_gradients=True) as captured:
                outputs = self.network(self.inputs(images_rgb_u8))
            activations = self._grid(captured[0].detach(), layer)
            for output in outputs.unbind(dim=1):
                (gradient,) = torch.autograd.grad(output.sum(), captured[0], retain_graph=True)
                yield activations, self._grid(gradient, layer)

    def _grid(self, output: Tensor, layer: str) -> Tensor:
        grid = as_grid(self.network, output)
        if grid is None:
            raise RunError(f"The layer {layer!r} has no map. Choose another layer.")
        return grid


def check_patches(images_rgb_u8: ImageU8) -> None:
    """Raise unless these are patches.

    Raises:
        RunError: The shape is not (N, 96, 96, 3) or the type not uint8.
    """
    expected = (PATCH_SIZE_PX, PATCH_SIZE_PX, 3)
    if images_rgb_u8.shape[1:] != expected or images_rgb_u8.dtype != np.uint8:
        raise RunError(
            f"Found an array {images_rgb_u8.shape} {images_rgb_u8.dtype}; "
            "expected (N, 96, 96, 3) uint8."
        )


def _probe(count: int) -> ImageU8:
    shape = (count, PATCH_SIZE_PX, PATCH_SIZE_PX, 3)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


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
