"""Whether a map says something about the decision: compared with maps of randomised heads.

A map that a network with a random last layer would give as well shows what the backbone reacts
to, not why this model decided (Adebayo et al. 2018, "Sanity checks for saliency maps").
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.engine import check_patches
from core.errors import RunError
from core.explanation.cam import SMALLEST_EFFECT_LOGIT, CamBatch, Method
from core.explanation.explainer import Explainer
from core.explanation.fillers import blurred
from core.explanation.library import LibraryCam
from core.patches import ImageU8

TWINS: Final = 19
"""A random map beats all of 19 random twins in 1 of 20 patches."""
RELIABLE_SHARE: Final = 0.9
_BLOCKS: Final = 6
"""Occlusion blocks per side at most: 36 passes a patch."""
_BLUR_SIGMA_PX: Final = 8.0
_GRAPH_BATCH: Final = 16
_TWIN_METHOD: Final = {Method.CAM: Method.HIRES_CAM}
"""At the last map of a linear head the two are the same; gradients need no head of their own."""
_WITHOUT_GRADIENTS: Final = {Method.EIGEN_CAM, Method.SCORE_CAM, Method.ABLATION_CAM}


NO_EFFECT: Final = "No single place changes the score, so there is nothing for a map to show."


@dataclass(frozen=True)
class TwinTest:
    """A map's faithfulness beside that of its randomised-head twins.

    Faithfulness is the correlation, over the blocks of the map, of its values with the fall of
    the target's logit when that block is blurred: 1 the map ranks the places as the model does,
    0 it has nothing to do with them, -1 it has them upside down.

    Attributes:
        faithfulness: Of the map, -1..1.
        twins: Of the maps of the twins, each -1..1.
        largest_effect_logit: Largest change of the logit by one block.
    """

    faithfulness: float
    twins: tuple[float, ...]
    largest_effect_logit: float

    @property
    def beaten(self) -> float:
        """Part of the twins whose maps are less faithful, 0..1; a tie is not beaten."""
        return float(np.mean([self.faithfulness > twin for twin in self.twins]))

    @property
    def reliable(self) -> bool:
        """Whether the map may be shown as an explanation.

        It must be faithful at all, do better than nine in ten twins, and there must be an effect
        to explain. False reads "no reliable explanation": of this patch, by this method.
        """
        return (
            self.faithfulness > 0
            and self.beaten >= RELIABLE_SHARE
            and self.largest_effect_logit >= SMALLEST_EFFECT_LOGIT
        )

    @property
    def beaten_of(self) -> str:
        """How many of the twins' maps are less faithful, "17 of 19"."""
        return f"{round(self.beaten * len(self.twins))} of {len(self.twins)}"

    @property
    def why_unreliable(self) -> str:
        """Why a map that is not reliable is not; to be read only of such a map."""
        if self.faithfulness <= 0:
            return "Blurring the places that the map marks does not change the score as it claims."
        if self.beaten < RELIABLE_SHARE:
            return (
                "Maps of networks with a randomised last layer do about as well: this map beats "
                f"{self.beaten_of}; nine in ten are required."
            )
        return NO_EFFECT


class TwinTester:
    """An explainer with its randomised-head twins.

    A twin shares the backbone and has last-layer weights drawn anew, normal with the spread of
    the model's own.

    Attributes:
        weights: Of the twins' last layers, (twins, outputs, C).
    """

    def __init__(self, explainer: Explainer, *, twins: int = TWINS, seed: int = 0) -> None:
        """Copy the network.

        Args:
            explainer: Whose maps are tested.
            twins: How many.
            seed: Of the twins' weights.

        Raises:
            RunError: The network has no linear last layer to draw anew, or the method asks it no
                gradients.
        """
        if explainer.method is Method.REPLACEMENT:
            raise RunError(
                "A map by replacement is measured and has no randomised twins; its donors' "
                "agreement is its test."
            )
        if explainer.method in _WITHOUT_GRADIENTS:
            raise RunError(
                f"Maps by {explainer.method} use no gradients of the decision, so they are not "
                "tested against randomised twins. Use grad-cam for a tested map."
            )
        self._explainer = explainer
        self._twins = twins
        self._twin = explainer.with_private_network()
        head = self._twin.network.network.get_classifier()  # type: ignore[operator]
        if not isinstance(head, nn.Linear):
            raise RunError(
                f"The network ends in a {type(head).__name__}; twins need a linear last layer. "
                "Show the map without this test, and say so."
            )
        self._head = head
        self.weights = self._drawn(head, seed)

    def _drawn(self, head: nn.Linear, seed: int) -> Tensor:
        """Return the twins' last-layer weights, (twins, outputs, C)."""
        own = head.weight.detach()
        generator = torch.Generator().manual_seed(seed)
        drawn = torch.randn((self._twins, *own.shape), generator=generator)
        return drawn.to(own.device) * own.std()

    def run(self, images_rgb_u8: ImageU8, batch: CamBatch | None = None) -> list[TwinTest]:
        """Return the test for each patch (N, 96, 96, 3); 10 to 50 passes a patch.

        Args:
            images_rgb_u8: The patches.
            batch: Their maps by the explainer, where they are known already.
        """
        check_patches(images_rgb_u8)
        if batch is None:
            batch = self._explainer.maps(images_rgb_u8)
        if len(batch) == 0:
            return []
        effects = self._effects(images_rgb_u8, batch)  # (N, B)
        own = _correlations(_blocks(batch.values), effects)  # (N,)
        twins = np.stack(
            [_correlations(_blocks(values), effects) for values in self.twin_maps(images_rgb_u8)],
            axis=1,
        )  # (N, twins)
        return [
            TwinTest(float(faith), tuple(map(float, others)), float(np.abs(effect).max()))
            for faith, others, effect in zip(own, twins, effects, strict=True)
        ]

    def twin_maps(self, images_rgb_u8: ImageU8) -> NDArray[np.float32]:
        """Return the maps (twins, N, h, w) of all twins from one forward pass.

        The copy gets as many outputs as there are twins.
        """
        method = _TWIN_METHOD.get(self._explainer.method, self._explainer.method)
        weigh = LibraryCam(self._twin.network, method).weigh
        sign, layer = self._explainer.target.sign, self._explainer.layer.name
        rows = self.weights[:, -1]
        if self.weights.shape[1] == 2:
            rows = rows - self.weights[:, 0]
        parts = []
        with self._twin.network.lock:
            _set_weights(self._head, rows)
            for start in range(0, len(images_rgb_u8), _GRAPH_BATCH):
                found = self._twin.network.gradients_by_output(
                    images_rgb_u8[start : start + _GRAPH_BATCH], layer
                )
                maps = [weigh(activations, sign * gradient) for activations, gradient in found]
                parts.append(torch.stack(maps).float().cpu().numpy())
        return np.concatenate(parts, axis=1)

    def _effects(self, images_rgb_u8: ImageU8, batch: CamBatch) -> NDArray[np.float64]:
        """Return the fall of the target's logit by blurring each block, (N, blocks)."""
        rows, columns = (_block_count(cells) for cells in batch.values.shape[1:])
        edges_y = np.rint(np.linspace(*batch.span_px, rows + 1)).astype(int)
        edges_x = np.rint(np.linspace(*batch.span_px, columns + 1)).astype(int)
        effects = np.empty((len(images_rgb_u8), rows * columns))
        for number, image in enumerate(images_rgb_u8):
            soft = np.rint(blurred(image, _BLUR_SIGMA_PX).image_rgb).astype(np.uint8)
            pictures = np.repeat(image[None], rows * columns, axis=0)
            for block, picture in enumerate(pictures):
                y, x = divmod(block, columns)
                place = (slice(*edges_y[y : y + 2]), slice(*edges_x[x : x + 2]))
                picture[place] = soft[place]
            logits = self._explainer.classifier.engine.logits(pictures)
            effects[number] = batch.target.sign * (float(batch.logits[number]) - logits)
        return effects


def _set_weights(head: nn.Linear, weights: Tensor) -> None:
    """Give a linear layer other weights (O, C), and no bias: no map depends on it."""
    head.weight = nn.Parameter(weights, requires_grad=False)
    head.bias = nn.Parameter(weights.new_zeros(len(weights)), requires_grad=False)
    head.out_features = len(weights)


def _block_count(cells: int) -> int:
    """Return the largest number of blocks, at most six, that divides the cells evenly."""
    fitting = (count for count in range(min(_BLOCKS, cells), 0, -1) if cells % count == 0)
    found = next(fitting)
    return found if found > 1 else min(_BLOCKS, cells)


def _blocks(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return maps (N, h, w) as block means (N, blocks)."""
    rows, columns = (_block_count(cells) for cells in values.shape[1:])
    starts_y = np.linspace(0, values.shape[1], rows + 1).astype(int)[:-1]
    starts_x = np.linspace(0, values.shape[2], columns + 1).astype(int)[:-1]
    sums = np.add.reduceat(np.add.reduceat(values, starts_y, axis=1), starts_x, axis=2)
    ones = np.ones_like(values[:1])
    areas = np.add.reduceat(np.add.reduceat(ones, starts_y, axis=1), starts_x, axis=2)
    means: NDArray[np.float64] = (sums / areas).astype(np.float64).reshape(len(values), -1)
    return means


def _correlations(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Pearson's correlation of each row (N,), 0 where a row does not vary."""
    a = left - left.mean(axis=1, keepdims=True)
    b = right - right.mean(axis=1, keepdims=True)
    size = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    product = (a * b).sum(axis=1)
    correlations: NDArray[np.float64] = np.zeros_like(product)
    np.divide(product, size, out=correlations, where=size > 1e-12)
    return correlations
