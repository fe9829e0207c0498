"""Maps of a network under last layers drawn anew, where no closed form gives them."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from torch import nn

from core.bundle.last_map import CONTROLS, control_heads
from core.errors import RunError
from core.explanation.cam import Method
from core.explanation.explainer import Explainer
from core.explanation.library import LibraryCam
from core.patches import ImageU8

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
                f"The network ends in a {type(head).__name__}; twins need a linear last layer. "
                "Show the map without this test, and say so."
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
            found = self._network.gradients_by_output(
                images_rgb_u8[start : start + _PASS], self._layer
            )
            parts.append(np.stack([self._weigh(a, self._sign * g) for a, g in found]))
        return np.concatenate(parts, axis=1)
