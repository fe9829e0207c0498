"""How much more evidence like this would make the interval of a rate as narrow as wanted.

What is planned for is more of the same: further patches with the same rate, further slides with the
same patches and the same differences between them. It is a plan, no promise.
"""

import math
from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from core.statistics.intervals import QUANTILE, wilson_bounds
from core.statistics.slide_rates import slide_rate_bounds

MOST_TIMES: Final = 64
"""Beyond so many times the evidence nothing is planned."""
_HALVINGS: Final = 30


def further_patches(hits: float, trials: float, width: float) -> int | None:
    """Return how many more patches make a rate's Wilson interval as narrow as a width.

    Args:
        hits: 0..trials.
        trials: Patches now.
        width: Wanted, of the whole interval, above 0.

    Returns:
        0 where it is narrow enough already; None without patches or beyond `MOST_TIMES` as many.
    """
    if not trials:
        return None

    def width_of(times: float) -> float:
        low, high = wilson_bounds(hits * times, trials * times, QUANTILE)
        return float(high - low)

    if width_of(1) <= width:
        return 0
    if width_of(MOST_TIMES) > width:
        return None
    low, high = 1.0, float(MOST_TIMES)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if width_of(middle) <= width else (middle, high)
    return math.ceil(trials * high - 1e-6) - int(trials)


def further_slides(hits: ArrayLike, trials: ArrayLike, width: float) -> int | None:
    """Return how many more slides make a rate's slide-cluster interval as narrow as a width.

    The interval is computed anew with every slide there as often as needed; between two such
    multiples its squared reciprocal width is taken as a straight line.

    Args:
        hits: (S,) per-slide sums.
        trials: (S,) per-slide sums; slides with none do not count.
        width: Wanted, of the whole interval, above 0.

    Returns:
        0 where it is narrow enough already; None with fewer than 2 slides that count or beyond
        `MOST_TIMES` as many.
    """
    hits, trials = (np.asarray(sums, dtype=np.float64) for sums in (hits, trials))
    hits, trials = hits[trials > 0], trials[trials > 0]
    slides = len(trials)
    if slides < 2:
        return None

    def width_of(copies: int) -> float:
        bounds = slide_rate_bounds(np.tile(hits, copies), np.tile(trials, copies))
        return float(bounds.high - bounds.low)

    copies = _first(lambda times: width_of(times) <= width)
    if copies is None:
        return None
    if copies == 1:
        return 0
    before, after = width_of(copies - 1) ** -2, width_of(copies) ** -2
    part = (width**-2 - before) / (after - before)
    return math.ceil(slides * (copies - 1 + part) - 1e-6) - slides


def _first(holds: Callable[[int], bool]) -> int | None:
    """Return the first whole number up to `MOST_TIMES` for which something holds from there on."""
    low, high = 0, 1
    while not holds(high):
        low, high = high, high * 2
        if high > MOST_TIMES:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
