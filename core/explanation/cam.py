"""What a class activation map is here: raw values on the network's own grid; and its centre."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.patches import CENTRE


class Method(StrEnum):
    """How a map is made.

    REPLACEMENT scores the patch with each of nine squares replaced by donor tissue: 57 passes a
    patch, and the only one that measures instead of estimating. CAM is the closed form for
    networks that end in an average and a linear layer (Zhou et al. 2016): exact about the cells,
    and hardly dearer than a score. But each cell of a 3 x 3 map has seen most of the patch, so CAM
    shares the logit out among cells, not among pixels. The gradient methods and Eigen-CAM work at
    any layer; they, Score-CAM and Ablation-CAM, which take seconds a patch, are pytorch-grad-cam's.
    How well each tells tumour in the centre from tumour in the ring on drawn patches:
    `python -m tests.benchmarks.pointing --model DIR`.
    """

    REPLACEMENT = "replacement"
    CAM = "cam"
    GRAD_CAM = "grad-cam"
    GRAD_CAM_PLUS_PLUS = "grad-cam++"
    HIRES_CAM = "hires-cam"
    LAYER_CAM = "layer-cam"
    EIGEN_CAM = "eigen-cam"
    SCORE_CAM = "score-cam"
    ABLATION_CAM = "ablation-cam"

    @property
    def unit(self) -> "Unit":
        """What the values of its maps are measured in."""
        of_activations = {Method.EIGEN_CAM, Method.SCORE_CAM, Method.ABLATION_CAM}
        return Unit.ACTIVATION if self in of_activations else Unit.LOGIT


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


LEAST_AGREEMENT: Final = 0.5
"""Three random maps of nine squares agree so well in about 1 of 50 cases."""
SMALLEST_EFFECT_LOGIT: Final = 0.05
"""A largest effect below this is nothing to explain."""
MEASURED_SCALE_LOGIT: Final = 3.0
"""Full colour of maps by replacement, for every patch: the odds change about 20-fold."""
FINE_CELL_PX: Final = 16.0
"""Half the centre: cells up to this size tell the centre from the ring."""


def is_fine(grid: tuple[int, int], side_px: int) -> bool:
    """Return whether the cells of a map are small enough, over `side_px` of the patch."""
    return side_px / min(grid) <= FINE_CELL_PX


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
        agreement: For maps by replacement, the mean correlation between the donors' maps, -1..1;
            None for other methods.
    """

    values: NDArray[np.float32]
    method: Method
    layer: str
    target: Target
    span_px: tuple[int, int]
    agreement: float | None = None

    @property
    def measured(self) -> bool | None:
        """Whether a map by replacement may be shown: donors agree and there is an effect.

        None for other methods, which estimate and are tested against control networks.
        """
        if self.agreement is None:
            return None
        effect = float(np.abs(self.values).max())
        return self.agreement >= LEAST_AGREEMENT and effect >= SMALLEST_EFFECT_LOGIT


@dataclass(frozen=True, eq=False)
class CamBatch:
    """The maps of several patches, made alike, with the logits of the same pass.

    Attributes:
        values: (N, h, w) float32, as in `CamMap`.
        logits: (N,) float32 tumour logits before temperature, whatever the target.
        method: As in `CamMap`, likewise layer, target and span.
        agreements: (N,) of maps by replacement, else None.
        controls: (T, N, h, w) maps of control heads where they come with these, else None.
    """

    values: NDArray[np.float32]
    logits: NDArray[np.float32]
    method: Method
    layer: str
    target: Target
    span_px: tuple[int, int]
    agreements: NDArray[np.float32] | None = None
    controls: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, index: int) -> CamMap:
        return CamMap(
            self.values[index],
            self.method,
            self.layer,
            self.target,
            self.span_px,
            None if self.agreements is None else float(self.agreements[index]),
        )

    def __iter__(self) -> Iterator[CamMap]:
        return (self[index] for index in range(len(self)))


@dataclass(frozen=True)
class CentreMeasures:
    """Where a map lies. Evidence is in the map's unit: logits, or activations where it says so.

    A cell of a coarse map has seen far more than its own square (at 3 x 3 every cell sees most of
    the patch), so a share near the expected one is no proof that the ring decided: the
    centre-against-ring test is the causal measure.

    Attributes:
        share: Part of the positive values that lies in the centre, 0..1, cells on the border by
            area; None if no value is positive.
        expected_share: What a map without any preference would have, by area; 1/9 for whole
            patches.
        peak_in_centre: Pointing game: whether the middle of the highest cell lies in the centre;
            a tie with a cell outside is a miss; None if no value is positive.
        evidence_for: Sum of the positive values.
        evidence_against: Sum of the negative values, zero or less.
        evidence_centre: Sum of all values in the centre, by area.
        evidence_ring: Sum of all values outside the centre, by area.
    """

    share: float | None
    expected_share: float
    peak_in_centre: bool | None
    evidence_for: float
    evidence_against: float
    evidence_centre: float
    evidence_ring: float


def measure_centre(cam: CamMap) -> CentreMeasures:
    """Return the centre measures of one map."""
    rows, columns = cam.values.shape
    inside = centre_weights(rows, columns, cam.span_px)
    values = cam.values.astype(np.float64)
    positive = np.maximum(values, 0.0)
    total = float(positive.sum())
    centre = float((values * inside).sum())
    share, peak = None, None
    if total > 0:
        share = float((positive * inside).sum() / total)
        y, x = np.nonzero(values == values.max())
        inside_y, inside_x = (_middle_inside(cells, cam.span_px) for cells in (rows, columns))
        peak = bool((inside_y[y] & inside_x[x]).all())
    return CentreMeasures(
        share=share,
        expected_share=float(inside.mean()),
        peak_in_centre=peak,
        evidence_for=total,
        evidence_against=float(np.minimum(values, 0.0).sum()),
        evidence_centre=centre,
        evidence_ring=float(values.sum()) - centre,
    )


@lru_cache(maxsize=64)
def centre_weights(rows: int, columns: int, span_px: tuple[int, int]) -> NDArray[np.float64]:
    """Return what part of each cell lies in the centre 32 x 32, (rows, columns) in 0..1."""
    weights: NDArray[np.float64] = np.outer(_overlap(rows, span_px), _overlap(columns, span_px))
    weights.setflags(write=False)
    return weights


def _overlap(cells: int, span_px: tuple[int, int]) -> NDArray[np.float64]:
    edges = np.linspace(*span_px, cells + 1)
    lengths = np.minimum(edges[1:], CENTRE.stop) - np.maximum(edges[:-1], CENTRE.start)
    overlap: NDArray[np.float64] = np.maximum(lengths, 0.0) / np.diff(edges)
    return overlap


def _middle_inside(cells: int, span_px: tuple[int, int]) -> NDArray[np.bool_]:
    edges = np.linspace(*span_px, cells + 1)
    middles = (edges[1:] + edges[:-1]) / 2
    return (middles > CENTRE.start) & (middles < CENTRE.stop)
