"""pytorch-grad-cam: the library that weighs activations into maps, of one or of controls."""

from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.bundle import tumour_logit
from core.bundle.last_map import CONTROLS, as_grid, control_heads
from core.engine import full_precision
from core.errors import RunError
from core.explanation.cam import Method
from core.explanation.explainer import Explainer
from core.explanation.network import ExplainedNetwork
from core.patches import ImageU8

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
