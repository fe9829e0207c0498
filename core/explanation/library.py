"""The slow methods and metrics of pytorch-grad-cam, on a copy of the network of their own.

The library scales every map to its own maximum and changes the network while it works; here it is
asked for raw maps and given a copy, so scoring goes on meanwhile and nothing is left behind.
"""

import warnings
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_grad_cam import AblationCAM, AblationLayer, ScoreCAM, ablation_cam, score_cam
from pytorch_grad_cam.metrics.road import ROADCombined
from pytorch_grad_cam.utils.image import scale_cam_image
from torch import Tensor

from core.bundle import tumour_logit
from core.engine import full_precision
from core.errors import RunError
from core.explanation.cam import CamBatch, Method
from core.explanation.layers import as_grid, channels_last, token_grid
from core.explanation.network import ExplainedNetwork
from core.patches import ImageU8

_LIBRARY_BATCH: Final = 64
ROAD_PERCENTILES: Final = (20, 40, 60, 80)


def _target(sign: int) -> Callable[[Tensor], Tensor]:
    """Return the library's kind of target: one output row (K,) to the target's logit."""

    def logit(outputs: Tensor) -> Tensor:
        return sign * tumour_logit(outputs[None])[0]

    return logit


class LibraryCam:
    """Score-CAM or Ablation-CAM on a private copy of a network."""

    def __init__(self, network: ExplainedNetwork, method: Method) -> None:
        """Copy the network; the copy has its own lock."""
        _silence_progress_bars()
        self._copy = network.private_copy()
        self._method = method

    def maps(self, images_rgb_u8: ImageU8, *, layer: str, sign: int) -> tuple[Tensor, Tensor]:
        """Return raw maps (N, h, w), signed as computed, and tumour logits (N,).

        Ablation-CAM's weights are the drop of the target's logit without a channel. The library
        divides them by the logit itself, which turns every map around where the logit is
        negative; here they are multiplied back.

        Args:
            images_rgb_u8: (N, 96, 96, 3).
            layer: Name of the layer.
            sign: Of the target.
        """
        module = self._copy.network.get_submodule(layer)
        with self._copy.lock, full_precision():
            inputs = self._copy.inputs(images_rgb_u8)
            with torch.no_grad():
                logits = tumour_logit(self._copy.network(inputs))
            targets = [_target(sign)] * len(inputs)
            method = self._open(module)
            try:
                method.activations_and_grads(inputs)
                activations = method.activations_and_grads.activations[0].numpy()
                maps = method.get_cam_image(inputs, module, targets, activations, None)
            finally:
                method.activations_and_grads.release()
            raw = torch.from_numpy(np.ascontiguousarray(maps, np.float32))
            if self._method is Method.ABLATION_CAM:
                raw = raw * (sign * logits.cpu())[:, None, None]
            return raw, logits

    def _open(self, module: torch.nn.Module) -> Any:  # noqa: ANN401 - the library has no types
        network = self._copy.network

        def reshape(output: Tensor) -> Tensor:
            grid = as_grid(network, output)
            if grid is None:
                raise RunError("This layer has no map. Choose another layer.")
            return grid

        if self._method is Method.SCORE_CAM:
            method = ScoreCAM(network, [module], reshape_transform=reshape)
            method.batch_size = _LIBRARY_BATCH
            return method
        if channels_last(network):
            raise RunError("Ablation-CAM does not know this network's layout. Use score-cam.")
        return AblationCAM(
            network,
            [module],
            reshape_transform=reshape,
            ablation_layer=_ZeroedChannels(tokens=token_grid(network) is not None),
            batch_size=_LIBRARY_BATCH,
        )


class _ZeroedChannels(AblationLayer):  # type: ignore[misc]  # the library has no types
    """Ablates by zero, as the paper does.

    The library's own layer puts the minimum minus ten million where a layer has negative values,
    which is far outside of what the network has ever seen.
    """

    def __init__(self, *, tokens: bool) -> None:
        super().__init__()
        self._tokens = tokens

    def set_next_batch(
        self, input_batch_index: int, activations: Tensor, num_channels_to_ablate: int
    ) -> None:
        one = activations[input_batch_index].detach()
        self.activations = one[None].repeat(num_channels_to_ablate, *[1] * one.ndim)

    def __call__(self, _: Tensor) -> Tensor:
        rows = torch.arange(len(self.activations))
        channels = torch.as_tensor(self.indices[: len(rows)]).long()
        output: Tensor = self.activations
        if self._tokens:
            output[rows, :, channels] = 0
        else:
            output[rows, channels] = 0
        return output


def _silence_progress_bars() -> None:
    """Take tqdm out of the library, which draws a bar for every patch."""

    def plain(items: Iterable[int]) -> Iterable[int]:
        return items

    quiet = SimpleNamespace(tqdm=plain)
    score_cam.tqdm = quiet
    ablation_cam.tqdm = quiet


class RoadMetric:
    """ROAD (Rong et al. 2022) on a private copy of a network: seconds per patch."""

    def __init__(self, network: ExplainedNetwork) -> None:
        """Copy the network; the copy has its own lock."""
        self._copy = network.private_copy()

    def __call__(self, images_rgb_u8: ImageU8, batch: CamBatch) -> NDArray[np.float64]:
        """Return ROAD-combined per patch (N,), in logits of the target.

        Half the difference between the logit after the least and after the most relevant pixels
        were replaced by noisy interpolation, mean over 20, 40, 60 and 80 % of the pixels. Above
        zero: what the map calls relevant matters more than the rest. Do not compare it between
        models, whose logits have other scales, nor trust it on a map without any contrast.

        Args:
            images_rgb_u8: (N, 96, 96, 3).
            batch: Their maps, in the same order.
        """
        start, stop = batch.span_px
        if (start, stop) != (0, images_rgb_u8.shape[1]):
            raise RunError("ROAD needs maps of the whole patch; this model looks at a crop.")
        with self._copy.lock, full_precision(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)  # the interpolation adds noise
            inputs = self._copy.inputs(images_rgb_u8).contiguous()
            size = (inputs.shape[-1], inputs.shape[-2])
            stretched = scale_cam_image(batch.values, size)
            metric = ROADCombined(list(ROAD_PERCENTILES))
            targets = [_target(batch.target.sign)] * len(inputs)
            with warnings.catch_warnings():
                # The library gives torch tensors to NumPy functions.
                warnings.filterwarnings("ignore", "__array_wrap__", DeprecationWarning)
                scores = metric(inputs, stretched, targets, self._copy.network)
        return np.asarray(scores, np.float64).reshape(-1)
