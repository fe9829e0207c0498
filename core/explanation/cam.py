"""What a class activation map is here: raw values on the network's own grid, never stretched."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray


class Method(StrEnum):
    """How a map is made.

    CAM is the closed form for networks that end in an average and a linear layer (Zhou et al.
    2016): exact about the cells, and hardly dearer than a score. But each cell of the last map
    has seen most of the patch, so CAM shares the logit out among cells, not among pixels: on
    drawn patches it does not tell tumour in the centre from tumour in the ring, where HiResCAM at
    a 6 x 6 layer and the centre-against-ring test do. The gradient methods and Eigen-CAM work at
    any layer. Score-CAM and Ablation-CAM come from the library pytorch-grad-cam, seconds per
    patch.
    """

    CAM = "cam"
    GRAD_CAM = "grad-cam"
    GRAD_CAM_PLUS_PLUS = "grad-cam++"
    HIRES_CAM = "hires-cam"
    LAYER_CAM = "layer-cam"
    EIGEN_CAM = "eigen-cam"
    SCORE_CAM = "score-cam"
    ABLATION_CAM = "ablation-cam"


class Target(StrEnum):
    """What positive values of a map speak for.

    A network with one logit has no output for "no tumour"; its evidence is the negated logit's.
    """

    TUMOUR = "tumour"
    NO_TUMOUR = "no-tumour"

    @property
    def sign(self) -> int:
        """+1 or -1: what the tumour logit is multiplied with."""
        return 1 if self is Target.TUMOUR else -1


class Unit(StrEnum):
    """What a map's values are measured in.

    LOGIT values are gradient times activation, so they compare between patches. ACTIVATION values
    compare between patches too, but say nothing about the size of the logit.
    """

    LOGIT = "logit"
    ACTIVATION = "activation"


LIBRARY_METHODS: Final = frozenset({Method.SCORE_CAM, Method.ABLATION_CAM})
_ACTIVATION_METHODS: Final = LIBRARY_METHODS | {Method.EIGEN_CAM}


def unit_of(method: Method) -> Unit:
    """Return what the values of a method's maps are measured in."""
    return Unit.ACTIVATION if method in _ACTIVATION_METHODS else Unit.LOGIT


@dataclass(frozen=True, eq=False)
class CamMap:
    """The map of one patch.

    Attributes:
        values: (h, w) float32 on the layer's own grid; raw and signed, positive speaks for the
            target. Nothing is clipped or stretched, so a weak map has small values.
        method: How it was made.
        layer: Name of the layer whose activations it weighs.
        target: What positive values speak for.
        span_px: First row (and column) of the patch that the grid covers, and one past the last;
            (0, 96) unless the model looks at a crop.
        offset_logit: For CAM, `values.sum() + offset_logit` is the target's logit exactly; None
            for methods without such a sum.
    """

    values: NDArray[np.float32]
    method: Method
    layer: str
    target: Target
    span_px: tuple[int, int]
    offset_logit: float | None = None

    @property
    def unit(self) -> Unit:
        """What the values are measured in."""
        return unit_of(self.method)

    @property
    def spacing_px(self) -> tuple[float, float]:
        """Height and width of one cell in pixels of the patch."""
        start, stop = self.span_px
        rows, columns = self.values.shape
        return (stop - start) / rows, (stop - start) / columns


@dataclass(frozen=True, eq=False)
class CamBatch:
    """The maps of several patches, made alike, with the logits of the same pass.

    Attributes:
        values: (N, h, w) float32, as in `CamMap`.
        logits: (N,) float32 tumour logits before temperature, whatever the target.
        method: As in `CamMap`, likewise the fields below.
        layer: Name of the layer.
        target: What positive values speak for.
        span_px: Rows (and columns) of the patch that the grid covers.
        offset_logit: What CAM's sum lacks to the target's logit.
    """

    values: NDArray[np.float32]
    logits: NDArray[np.float32]
    method: Method
    layer: str
    target: Target
    span_px: tuple[int, int]
    offset_logit: float | None = None

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, index: int) -> CamMap:
        return CamMap(
            self.values[index],
            self.method,
            self.layer,
            self.target,
            self.span_px,
            self.offset_logit,
        )

    def __iter__(self) -> Iterator[CamMap]:
        return (self[index] for index in range(len(self)))
