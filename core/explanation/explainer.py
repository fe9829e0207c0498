"""Patches in, maps with their measures out, safe beside scoring threads."""

import math
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from core.engine import Layer, check_patches, in_passes
from core.errors import RunError
from core.explanation.cam import (
    CamBatch,
    CamMap,
    CentreMeasures,
    Method,
    Target,
    Unit,
    is_fine,
    measure_centre,
)
from core.explanation.fillers import DonorPool
from core.explanation.replacement import SQUARES, ReplacementMaps
from core.patches import PATCH_SIZE_PX, ImageU8
from core.scoring import Classifier

if TYPE_CHECKING:
    from core.explanation.library import LibraryCam
    from core.explanation.network import ExplainedNetwork

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
    """A classifier with a method, a layer and a target."""

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
        self.method = method or Method.GRAD_CAM
        self.target = target
        self._replacement: ReplacementMaps | None = None
        self._library: LibraryCam | None = None
        last = classifier.engine.last_layer
        if self.method is Method.REPLACEMENT:
            if layer is not None:
                raise RunError(
                    f"Replacing works on the patch itself, not at the layer {layer!r}. "
                    "Leave the layer out, or use hires-cam there."
                )
            self.layer = Layer("patch", (SQUARES, SQUARES), 1)
            self._replacement = ReplacementMaps(classifier, donors)
        elif last is not None and self._has_closed_form(last, method, layer):
            self.layer = last
        else:
            self.layer = self._layer_of_network(method, layer)
            if self.method is not Method.CAM:
                from core.explanation import library  # noqa: PLC0415 - loads PyTorch

                self._library = library.LibraryCam(self.network, self.method)

    def _has_closed_form(self, last: Layer, method: Method | None, layer: str | None) -> bool:
        """Return whether a pass gives the maps, without PyTorch.

        Sixteen bits are too coarse for the library's Grad-CAM: that takes a pass in float32.
        """
        if layer not in {None, last.name}:
            return False
        if self.method is Method.CAM:
            return True
        if self.method is not Method.GRAD_CAM:
            return False
        fine = is_fine(last.grid, self._side_px) or method is not None
        return fine and self.classifier.engine.exact() is not None

    def _layer_of_network(self, method: Method | None, name: str | None) -> Layer:
        from core.explanation import network as found_in  # noqa: PLC0415 - loads PyTorch

        network, layers = self.network.network, self._layers
        last = found_in.default_layer(network, layers)
        if self.method is Method.CAM:
            # The closed form reads the network's last features, whatever module makes them.
            if name is not None and found_in.find_layer(layers, name) not in (last, layers[-1]):
                raise RunError(
                    f"Exact maps exist only at the last map, not at {name!r}. Leave the layer out, "
                    "or use hires-cam there."
                )
            self.network.require_linear_head()
            return layers[-1]
        if name is not None:
            return found_in.find_layer(layers, name)
        if method is None and not is_fine(last.grid, self._side_px):
            return found_in.fine_layer(self.layer_choices, last, self._side_px)
        return last

    @cached_property
    def network(self) -> "ExplainedNetwork":
        """The network in PyTorch under its lock."""
        from core.explanation.network import ExplainedNetwork  # noqa: PLC0415 - loads PyTorch

        return ExplainedNetwork.of(self.classifier.engine)

    @cached_property
    def _layers(self) -> list[Layer]:
        return self.network.layers()

    @property
    def span_px(self) -> tuple[int, int]:
        """Rows (and columns) of the patch that the network sees: first, and one past the last."""
        crop = self.classifier.engine.crop_px or PATCH_SIZE_PX
        margin = (PATCH_SIZE_PX - crop) // 2
        return margin, margin + crop

    @property
    def _side_px(self) -> int:
        start, stop = self.span_px
        return stop - start

    @cached_property
    def exact(self) -> bool:
        """Whether the closed form holds for this network."""
        blank = np.zeros((1, PATCH_SIZE_PX, PATCH_SIZE_PX, 3), np.uint8)
        return self.classifier.engine.details(blank).evidence is not None

    @property
    def brings_controls(self) -> bool:
        """Whether the maps of control heads come with the maps."""
        closed = self._library is None and self._replacement is None
        return closed and self.method is Method.GRAD_CAM

    @cached_property
    def layer_choices(self) -> list[Layer]:
        """The few layers worth offering, the finest first; any other name works as well."""
        from core.explanation.network import layer_choices  # noqa: PLC0415 - loads PyTorch

        return layer_choices(self.network.network, self._layers)

    def maps(self, images_rgb_u8: ImageU8) -> CamBatch:
        """Return raw maps and tumour logits of patches (N, 96, 96, 3)."""
        check_patches(images_rgb_u8)
        agreements: Floats | None = None
        controls: Floats | None = None
        sign, span_px = self.target.sign, self.span_px
        engine = self.classifier.engine
        if self._replacement is not None:
            values, logits, agreements = self._replacement.maps(images_rgb_u8)
            values, span_px = sign * values, (0, PATCH_SIZE_PX)
        elif len(images_rgb_u8) == 0:
            values, logits = np.empty((0, *self.layer.grid), np.float32), np.empty(0, np.float32)
        elif self._library is not None:
            logits = engine.logits(images_rgb_u8)
            maps = partial(self._library.maps, layer=self.layer.name, sign=sign)
            values = in_passes(images_rgb_u8, maps, EXPLAIN_BATCH)
        else:
            exact = engine.exact() if self.method is Method.GRAD_CAM else None
            details = (exact or engine).details(images_rgb_u8)
            # Logits are those that the patches are scored with.
            logits = details.logits if exact in {None, engine} else engine.logits(images_rgb_u8)
            cams = details.grad_cams
            if self.method is Method.GRAD_CAM and cams is not None:
                values, controls = sign * cams[:, 0], sign * cams[:, 1:].swapaxes(0, 1)
            elif details.evidence is not None:
                values = sign * details.evidence
            else:
                raise RunError(f"Found no way to make maps by {self.method}.")
        return CamBatch(
            values,
            logits,
            self.method,
            self.layer.name,
            self.target,
            span_px,
            agreements,
            controls,
        )

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
            if cam.method.unit is Unit.LOGIT:
                # Beyond e^700 a double overflows; no reader needs the difference.
                factor = math.exp(min(centre.evidence_for / temperature, 700.0))
            explanations.append(Explanation(cam, float(logit), float(probability), centre, factor))
        return explanations
