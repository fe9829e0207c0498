"""Average precision with its slide bootstrap."""

import numpy as np

from core.statistics.cluster import Resampled, SlideBootstrap
from core.statistics.curves import average_precision
from core.statistics.evidence import FloatArray
from core.statistics.operating import OperatingTable
from core.statistics.slide_grid import SlideGrid, grid_thresholds

_GRID_POINTS = 2000
_CHUNK = 250  # replicates at a time: 250 x 2,000 cells, a few megabytes each


def average_precision_over_slides(bootstrap: SlideBootstrap, table: OperatingTable) -> Resampled:
    """Average precision with its slide-bootstrap interval.

    Exact up to 2,000 distinct scores. Beyond, replicates are summed over 2,000 thresholds at equal
    steps of rank, with tumour spread evenly inside each step, and shifted by the difference that
    this makes on the evidence itself (about 1e-5 at 220,025 rows). The value is always exact.

    Args:
        bootstrap: of the slides.
        table: of the same evidence.
    """
    grid = SlideGrid.of(bootstrap.evidence, grid_thresholds(table, _GRID_POINTS))
    exact = len(grid.thresholds) == len(table.thresholds)
    area = _steps if exact else _even_spread
    value = average_precision(table)
    everything = np.ones((1, bootstrap.draws.shape[1]))
    shift = value - float(area(everything @ grid.tp.T, everything @ grid.fp.T)[0])
    replicates = np.concatenate(
        [
            area(draws @ grid.tp.T, draws @ grid.fp.T)
            for draws in np.array_split(bootstrap.draws, max(1, len(bootstrap.draws) // _CHUNK))
        ]
    )
    freedom = bootstrap.degrees_of_freedom
    # The shift may carry a replicate past 1 by its own tiny size.
    return bootstrap.estimate(value, np.clip(replicates + shift, 0, 1), freedom=freedom)


def _steps(tp: FloatArray, fp: FloatArray) -> FloatArray:
    """(R,) sum of rise in recall x precision over (R, B) cumulative counts."""
    with np.errstate(invalid="ignore", divide="ignore"):
        rise = np.diff(tp, axis=1, prepend=0.0) / tp[:, -1:]
        area = np.sum(rise * (tp / (tp + fp)), axis=1, where=rise > 0)
    return np.where(tp[:, -1] > 0, area, np.nan)


def _even_spread(tp: FloatArray, fp: FloatArray) -> FloatArray:
    """(R,) the same, with precision integrated inside each step instead of taken at its end."""
    new, flagged = np.diff(tp, axis=1, prepend=0.0), tp + fp
    step = np.diff(flagged, axis=1, prepend=0.0)
    before, flagged_before = tp - new, flagged - step
    with np.errstate(invalid="ignore", divide="ignore"):
        density = new / step
        inside = density + (before - density * flagged_before) / step * np.log1p(
            step / flagged_before
        )
        inside = np.where(flagged_before > 0, inside, density)
        area = np.sum(new / tp[:, -1:] * inside, axis=1, where=new > 0)
    return np.where(tp[:, -1] > 0, area, np.nan)
