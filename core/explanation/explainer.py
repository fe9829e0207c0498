"""Patches in, maps with their measures out, safe beside scoring threads."""

import math
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from core.bundle.last_map import LinearHead
from core.engine import check_patches
from core.engine.pytorch import as_array
from core.errors import RunError
from core.explanation.cam import CamBatch, CamMap, Method, Target, Unit
from core.explanation.centre import CentreMeasures, measure_centre
from core.explanation.fillers import DonorPool
from core.explanation.layers import (
    Layer,
    default_layer,
    find_layer,
    fine_layer,
    is_fine,
    layer_choices,
)
from core.explanation.library import LIBRARY_METHODS, LibraryCam
from core.explanation.network import ExplainedNetwork
from core.explanation.replacement import SQUARES, ReplacementMaps
from core.patches import PATCH_SIZE_PX, ImageU8
from core.scoring import Classifier

Floats = NDArray[np.float32]

EXPLAIN_BATCH: Final = 64
"""Patches per pass; scoring threads get their turn between two passes."""
_FAINTEST: Final = 0.35
"""Weak evidence looks weak, and can be seen all the same."""
WEAK_ODDS: Final = 2.0
"""Evidence that does not even double the calibrated odds is called weak."""


@dataclass(frozen=True, eq=False)
class Explanation:
    """One patch explained.

    Attributes:
        cam: Its map.
        logit: Tumour logit before temperature, from the same pass as the map.
        prob_tumour: Calibrated probability of tumour in the centre 32 x 32, 0..1.
        centre: Where the map lies.
        odds_factor: How many times the positive evidence alone multiplies the calibrated odds of
            the target; None for maps that are not in logits.
    """

    cam: CamMap
    logit: float
    prob_tumour: float
    centre: CentreMeasures
    odds_factor: float | None

    @property
    def weak(self) -> bool | None:
        """Whether the positive evidence does not even double the odds; None if not in logits."""
        return None if self.odds_factor is None else self.odds_factor < WEAK_ODDS

    @property
    def strength(self) -> float:
        """How strongly the map is drawn on its own scale, 0..1: below 1 the evidence is weak.

        A map with nothing for the target shows what speaks against it, in full.
        """
        if self.odds_factor is None or self.centre.evidence_for == 0:
            return 1.0
        return float(np.clip(math.log(self.odds_factor) / math.log(WEAK_ODDS), _FAINTEST, 1.0))


class Explainer:
    """A classifier with a method, a layer and a target.

    Attributes:
        classifier: Whose decisions are explained.
        method: How maps are made.
        layer: The layer whose activations are weighed.
        target: What positive values speak for.
        network: The network under its lock.
    """

    def __init__(
        self,
        classifier: Classifier,
        *,
        method: Method | None = None,
        layer: str | None = None,
        target: Target = Target.TUMOUR,
        donors: DonorPool | None = None,
    ) -> None:
        """Look the network over once.

        Args:
            classifier: On any engine; what looks into layers uses its network in PyTorch.
            method: None takes Grad-CAM.
            layer: Name of a layer; None takes the last map, and where the method is None too
                the last whose cells are small enough to tell the centre from the ring.
            target: What positive values shall speak for.
            donors: Tissue for the method replacement; None takes the shipped drawings.

        Raises:
            RunError: Method, layer and network do not fit.
        """
        self.classifier = classifier
        self.network = ExplainedNetwork.of(classifier.engine)
        layers = self.network.layers()
        last = default_layer(self.network.network, layers)
        self._choices = layer_choices(self.network.network, layers)
        self.method = method or Method.GRAD_CAM
        if layer is not None:
            self.layer = find_layer(layers, layer)
        else:
            coarse = method is None and not is_fine(last, self._side_px)
            self.layer = fine_layer(self._choices, last, self._side_px) if coarse else last
        self.target = target
        self._head: LinearHead | None = None
        self._private = False
        self._replacement: ReplacementMaps | None = None
        if self.method is Method.REPLACEMENT:
            if layer is not None:
                raise RunError(
                    f"Replacing works on the patch itself, not at the layer {layer!r}. "
                    "Leave the layer out, or use hires-cam there."
                )
            self.layer = Layer("patch", (SQUARES, SQUARES), 1)
            self._replacement = ReplacementMaps(classifier, donors)
        if self.method is Method.CAM:
            # The closed form reads the network's last features, whatever module makes them.
            if self.layer not in (last, layers[-1]):
                raise RunError(
                    f"The closed form exists at the last map only, not at {self.layer.name!r}. "
                    "Leave the layer out, or use hires-cam there."
                )
            self.layer = layers[-1]
            self._head = self.network.linear_head()
        self._library = self._open_library()

    def _open_library(self) -> LibraryCam | None:
        if self.method not in LIBRARY_METHODS:
            return None
        return LibraryCam(self.network, self.method)

    @property
    def _side_px(self) -> int:
        start, stop = self.network.span_px
        return stop - start

    @cached_property
    def exact(self) -> bool:
        """Whether the closed form holds for this network."""
        try:
            self.network.linear_head()
        except RunError:
            return False
        return True

    @property
    def layer_choices(self) -> list[Layer]:
        """The few layers worth offering, the finest first; any other name works as well."""
        return list(self._choices)

    def with_private_network(self) -> Self:
        """Return the same explainer on a copy of the network, for changing the copy."""
        twin = copy(self)
        twin.network = self.network.private_copy()
        twin._private = True
        return twin.refreshed()

    def refreshed(self) -> Self:
        """Return the same explainer after the network's weights were changed."""
        fresh = copy(self)
        if self._head is not None:
            fresh._head = fresh.network.linear_head()
        fresh._library = fresh._open_library()
        return fresh

    def maps(self, images_rgb_u8: ImageU8) -> CamBatch:
        """Return raw maps and tumour logits of patches (N, 96, 96, 3)."""
        check_patches(images_rgb_u8)
        if self._replacement is not None:
            return self._replaced(images_rgb_u8, self._replacement)
        parts = [
            self._pass(images_rgb_u8[start : start + EXPLAIN_BATCH])
            for start in range(0, len(images_rgb_u8), EXPLAIN_BATCH)
        ]
        blank = CamBatch(
            np.empty((0, *self.layer.grid), np.float32),
            np.empty(0, np.float32),
            self.method,
            self.layer.name,
            self.target,
            self.network.span_px,
            None if self._head is None else self.target.sign * self._head.bias,
        )
        if not parts:
            return blank
        values, logits = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        return replace(blank, values=values, logits=logits)

    def _replaced(self, images_rgb_u8: ImageU8, replacement: ReplacementMaps) -> CamBatch:
        values, logits, agreements = replacement.maps(images_rgb_u8)
        return CamBatch(
            self.target.sign * values,
            logits,
            self.method,
            self.layer.name,
            self.target,
            (0, PATCH_SIZE_PX),
            agreements=agreements,
        )

    def _pass(self, images_rgb_u8: ImageU8) -> tuple[Floats, Floats]:
        """Return maps (N, h, w) and logits (N,).

        The logits are those of the engine that scores, whose graph gives closed-form maps as well;
        a private network may have been changed and answers for itself.
        """
        sign, engine = self.target.sign, self.classifier.engine
        if self._head is not None and not self._private:
            details = engine.details(images_rgb_u8)
            if details.evidence is not None:
                return sign * details.evidence, details.logits
        if self._library is not None:
            maps, logits = self._library.maps(images_rgb_u8, layer=self.layer.name, sign=sign)
        elif self._head is not None:
            maps, logits = self.network.closed_form(images_rgb_u8, self._head)
            maps = sign * maps
        else:
            raise RunError(f"Found no way to make maps by {self.method}.")
        scores = as_array(logits) if self._private else engine.logits(images_rgb_u8)
        return as_array(maps), scores

    def explain(self, images_rgb_u8: ImageU8) -> list[Explanation]:
        """Return one explanation per patch (N, 96, 96, 3), in order; maps and logits of one pass.

        Raises:
            RunError: These are no patches.
        """
        return self.measured(self.maps(images_rgb_u8))

    def measured(self, batch: CamBatch) -> list[Explanation]:
        """Return maps of this explainer with their measures."""
        probabilities = self.classifier.probability(batch.logits)
        temperature = self.classifier.temperature
        explanations = []
        for cam, logit, probability in zip(batch, batch.logits, probabilities, strict=True):
            centre = measure_centre(cam)
            factor = None
            if cam.unit is Unit.LOGIT:
                # Beyond e^700 a double overflows; no reader needs the difference.
                factor = math.exp(min(centre.evidence_for / temperature, 700.0))
            explanations.append(Explanation(cam, float(logit), float(probability), centre, factor))
        return explanations
