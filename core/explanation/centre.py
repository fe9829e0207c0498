"""How much of a map lies in the centre 32 x 32, the only region that decides the label."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from core.explanation.cam import CamMap
from core.patches import CENTRE


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
