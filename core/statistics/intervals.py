"""Intervals of a share of independent patches."""

import numpy as np
from numpy.typing import ArrayLike

from core.statistics.evidence import FloatArray
from core.statistics.measured import LEVEL, Measured
from core.statistics.metrics import PROPORTIONS, RATIO_METRICS, Confusion, MetricName, ratio_parts

UPPER = 0.5 + LEVEL / 2
"""Where the upper bound of every interval lies in its distribution."""

QUANTILE = 1.959963984540054
"""The z of a two-sided interval; written out, so that no start waits for SciPy's functions."""

TAILS = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
"""The quantiles that a percentile interval lies between."""


def wilson_bounds(
    successes: ArrayLike, trials: ArrayLike, quantile: ArrayLike
) -> tuple[FloatArray, FloatArray]:
    """Lower and upper Wilson score bounds of successes / trials, of any common shape.

    Wilson 1927; the formula is own code, because SciPy's `binomtest` takes one whole number at a
    time and the rules need the bound at 220,025 thresholds. NaN where there are no trials.

    Args:
        successes: 0..trials, need not be whole (effective sample sizes are not).
        trials: how many; 0 gives NaN.
        quantile: the z (or t) that the bounds lie at, such as `QUANTILE`.
    """
    k, n, z = (np.asarray(given, dtype=np.float64) for given in (successes, trials, quantile))
    with np.errstate(invalid="ignore", divide="ignore"):
        share = k / n
        centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    low, high = np.clip(centre - half, 0, 1), np.clip(centre + half, 0, 1)
    # Exact at the ends, where rounding would leave 1e-17 and an interval without its estimate.
    return np.where(k == 0, 0 * low, low), np.where(k == n, 1 + 0 * high, high)


def wilson_interval(successes: float, trials: float) -> Measured:
    """A share of independent patches with its Wilson score interval; NaN without trials.

    Too narrow for patches of the same slide: about the square root of the design effect. Read the
    slide-cluster interval beside it.
    """
    low, high = wilson_bounds(successes, trials, QUANTILE)
    if not trials:
        return Measured(float("nan"), hits=successes, trials=trials)
    return Measured(
        successes / trials,
        float(low),
        float(high),
        "Wilson, patches as if independent",
        "patches",
        hits=successes,
        trials=trials,
    )


def wilson_of(name: MetricName, confusion: Confusion) -> Measured:
    """A metric with its Wilson interval; without one where it is no share of patches."""
    if name not in RATIO_METRICS:
        return Measured(confusion.value(name))
    cells = (confusion.tp, confusion.fp, confusion.fn, confusion.tn)
    hits, trials = map(
        float, ratio_parts(name, *(np.asarray(count, np.float64) for count in cells))
    )
    if name in PROPORTIONS:
        return wilson_interval(hits, trials)
    return Measured(confusion.value(name), hits=hits, trials=trials)
