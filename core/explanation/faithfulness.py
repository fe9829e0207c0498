"""Whether a map says something about the decision: compared with maps of randomised heads.

A map that a network with a random last layer would give as well shows what the backbone reacts
to, not why this model decided (Adebayo et al. 2018, "Sanity checks for saliency maps").
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from core.engine import check_patches
from core.errors import RunError
from core.explanation.cam import SMALLEST_EFFECT_LOGIT, CamBatch, Method, Unit
from core.explanation.explainer import Explainer
from core.explanation.fillers import blurred
from core.patches import ImageU8

if TYPE_CHECKING:
    from core.explanation.library import ControlHeads

RELIABLE_SHARE: Final = 0.9
_BLOCKS: Final = 6
"""Occlusion blocks per side at most: 36 passes a patch."""
_BLUR_SIGMA_PX: Final = 8.0


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

    @classmethod
    def of(cls, values: Any) -> "TwinTest":  # noqa: ANN401 - what JSON gave
        """Return the test with these values; TypeError or ValueError if they are none."""
        faithfulness, twins, effect = values
        return cls(float(faithfulness), tuple(map(float, twins)), float(effect))

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


class TwinTester:
    """An explainer with its randomised-head twins: control heads on the same backbone."""

    def __init__(self, explainer: Explainer, *, twins: int | None = None, seed: int = 0) -> None:
        """Draw the twins' heads, unless their maps come with the explainer's own.

        Args:
            explainer: Whose maps are tested.
            twins: How many; None takes as many as come with the explainer's maps.
            seed: Of the twins' weights.

        Raises:
            RunError: The network has no linear last layer to draw anew, or the method asks it no
                gradients.
        """
        if explainer.method.unit is Unit.ACTIVATION:
            raise RunError(
                f"Maps by {explainer.method} use no gradients of the decision, so they cannot be "
                "tested against control networks. Use grad-cam for a tested map."
            )
        self._explainer = explainer
        own_controls = explainer.brings_controls and twins is None and not seed
        self._controls: ControlHeads | None = None
        if not own_controls:
            from core.explanation import library  # noqa: PLC0415 - loads PyTorch

            self._controls = library.ControlHeads(explainer, twins, seed)

    @staticmethod
    def of(explainer: Explainer) -> "tuple[TwinTester | None, str]":
        """Return the test of an explainer's maps, or why there is none.

        Maps by replacement are measured, not estimated: the donors' agreement is their test.
        """
        if explainer.method is Method.REPLACEMENT:
            return None, ""
        try:
            return TwinTester(explainer), ""
        except RunError as error:
            return None, str(error)

    def run(self, images_rgb_u8: ImageU8, batch: CamBatch | None = None) -> list[TwinTest]:
        """Return the test for each patch (N, 96, 96, 3), 10 to 50 passes a patch.

        `batch` are their maps by the explainer, where they are known already.
        """
        check_patches(images_rgb_u8)
        if batch is None:
            batch = self._explainer.maps(images_rgb_u8)
        if len(batch) == 0:
            return []
        effects = self._effects(images_rgb_u8, batch)  # (N, B)
        own = _correlations(_blocks(batch.values), effects)  # (N,)
        controls = batch.controls
        if self._controls is not None:
            controls = self._controls.maps(images_rgb_u8)
        elif controls is None:
            controls = self._explainer.maps(images_rgb_u8).controls
        assert controls is not None  # noqa: S101 - the explainer brings them, or has been refused
        twins = np.stack([_correlations(_blocks(maps), effects) for maps in controls], axis=1)
        return [
            TwinTest(float(faith), tuple(map(float, others)), float(np.abs(effect).max()))
            for faith, others, effect in zip(own, twins, effects, strict=True)
        ]

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


def _block_count(cells: int) -> int:
    """Return the largest number of blocks, at most six, that divides the cells evenly."""
    fitting = (count for count in range(min(_BLOCKS, cells), 0, -1) if cells % count == 0)
    blocks = next(fitting)
    return blocks if blocks > 1 else min(_BLOCKS, cells)


def _blocks(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return maps (N, h, w) as block means (N, blocks)."""
    rows, columns = (_block_count(cells) for cells in values.shape[1:])
    starts_y = np.linspace(0, values.shape[1], rows + 1).astype(int)[:-1]
    starts_x = np.linspace(0, values.shape[2], columns + 1).astype(int)[:-1]
    sums = np.add.reduceat(np.add.reduceat(values, starts_y, axis=1), starts_x, axis=2)
    ones = np.ones_like(values[:1])
    areas = np.add.reduceat(np.add.reduceat(ones, starts_y, axis=1), starts_x, axis=2)
    return (sums / areas).astype(np.float64).reshape(len(values), -1)


def _correlations(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Pearson's correlation of each row (N,), 0 where a row does not vary."""
    a = left - left.mean(axis=1, keepdims=True)
    b = right - right.mean(axis=1, keepdims=True)
    size = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    product = (a * b).sum(axis=1)
    correlations: NDArray[np.float64] = np.zeros_like(product)
    np.divide(product, size, out=correlations, where=size > 1e-12)
    return correlations
