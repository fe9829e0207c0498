"""The network as it is served, uint8 patches in, one graph; and its layers that have a map."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import torch
from torch import Tensor, nn

from core.bundle import CENTRE_STREAM, TwoStreams
from core.bundle.card import Architecture, Preprocessing
from core.bundle.last_map import LinearHead, as_grid, channels_last, linear_head, token_grid
from core.bundle.network import InputTransform, build_network, load_weights, tumour_logit
from core.engine.engine import Layer
from core.errors import BundleError, RunError
from core.patches import PATCH_SIZE_PX


def trace_layers(network: nn.Module, inputs: Tensor) -> list[Layer]:
    """Return the layers that have a map, in the order in which they finish.

    Args:
        network: In evaluation mode; the caller holds its lock.
        inputs: (N, 3, S, S) any input.
    """
    layers: dict[str, Layer] = {}

    def note(name: str) -> Any:  # noqa: ANN401 - torch leaves the type of a hook open
        def hook(_module: nn.Module, _inputs: object, output: object) -> None:
            grid = as_grid(network, output)
            if grid is not None:
                layers.pop(name, None)
                layers[name] = Layer(name, (grid.shape[2], grid.shape[3]), grid.shape[1])

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
    return list(layers.values())


_PROBE_SEED: Final = 0


class ServedNetwork(nn.Module):
    """A network behind its input transform, ended by what `core.engine.Details` holds.

    Attributes:
        network: timm's or ours, in evaluation mode, without gradients.
        transform: From patches to its input.
        head: Of the closed form; None where there is none.
        last_layer: See `core.engine.Engine`.
    """

    def __init__(
        self, network: nn.Module, transform: InputTransform, layers: Sequence[str] = ()
    ) -> None:
        super().__init__()
        self.network = network
        self.transform = transform
        self.head: LinearHead | None = None
        with suppress(RunError), torch.inference_mode():
            self.head = linear_head(network, transform(probe_patches(2)))
        self.last_layer = self._last_layer()
        last = getattr(network, "get_classifier", lambda: None)()
        self.last = last if isinstance(last, nn.Module) else None
        self.layers = [_layer(network, name) for name in layers]

    def _last_layer(self) -> Layer | None:
        """Return the last layer with a map if that map is what the head reads.

        Behind the last block of a transformer patch tokens may reach no score: their Grad-CAM is
        that of an earlier layer.
        """
        if self.head is None or token_grid(self.network) is not None:
            return None
        inputs = self.transform(probe_patches(1))
        last = trace_layers(self.network, inputs)[-1]
        seen: list[Tensor] = []
        handle = self.network.get_submodule(last.name).register_forward_hook(
            lambda _, __, output: seen.append(output)
        )
        try:
            with torch.inference_mode():
                features = self.network.forward_features(inputs)  # type: ignore[operator]
        finally:
            handle.remove()
        return last if seen and torch.equal(seen[-1], features) else None

    def forward(self, images_rgb_u8: Tensor) -> tuple[Tensor, *tuple[Tensor | None, ...]]:
        """Return logits, features, evidence, Grad-CAMs and statistics.

        Patches are (N, H, W, 3). The first four are those of `core.engine.Details`; statistics
        (N, S) are those of `layers`, None without any.
        """
        seen: list[Tensor] = []
        early: list[Tensor] = []
        handles = [
            layer.register_forward_hook(lambda _, __, output: early.append(output))
            for layer in self.layers
        ]
        if self.last is not None:
            handles.append(
                self.last.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
            )
        try:
            inputs = self.transform(images_rgb_u8)
            logits, evidence, grad_cams = self._judge(inputs)
        finally:
            for handle in handles:
                handle.remove()
        features = seen[-1].flatten(1) if seen else None
        statistics = self._statistics(early) if early else None
        return logits, features, evidence, grad_cams, statistics

    def _statistics(self, outputs: Sequence[Tensor]) -> Tensor:
        """Return mean and spread of each channel of some layers, (N, S)."""
        parts = []
        for output in outputs:
            grid = as_grid(self.network, output)
            if grid is None:
                raise RunError("A layer of the training domain has no map.")
            cells = grid.float()
            mean = cells.mean(dim=(2, 3))
            square = (cells * cells).mean(dim=(2, 3))
            parts += [mean, (square - mean * mean).clamp(min=0).sqrt()]
        return torch.cat(parts, dim=1)

    def _judge(self, inputs: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None]:
        if self.head is None:
            return tumour_logit(self.network(inputs)), None, None
        features = self.network.forward_features(inputs)  # type: ignore[operator]
        logits = tumour_logit(self.network.forward_head(features))  # type: ignore[operator]
        grid = as_grid(self.network, features)
        if grid is None:
            return logits, None, None
        cams = None if self.last_layer is None else self.head.grad_cams(grid)
        return logits, self.head.maps(grid), cams


def _layer(network: nn.Module, name: str) -> nn.Module:
    try:
        return network.get_submodule(name)
    except AttributeError:
        raise BundleError(
            f"The card compares the layer {name!r}, which the network lacks. Export it again."
        ) from None


def serve(
    architecture: Architecture,
    preprocessing: Preprocessing,
    weights: dict[str, Tensor],
    layers: Sequence[str] = (),
) -> ServedNetwork:
    """Return a bundle's network on the CPU, ready to run.

    Raises:
        BundleError: Network and weights do not fit.
    """
    network = build_network(architecture)
    load_weights(network, weights)
    network.requires_grad_(requires_grad=False)
    return ServedNetwork(network, InputTransform(preprocessing), layers).eval()


def probe_patches(count: int) -> Tensor:
    """Return (count, 96, 96, 3) uint8 noise, always the same."""
    generator = torch.Generator().manual_seed(_PROBE_SEED)
    shape = (count, PATCH_SIZE_PX, PATCH_SIZE_PX, 3)
    return torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
