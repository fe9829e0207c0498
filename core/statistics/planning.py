"""How much more evidence like this would make the interval of a rate as narrow as wanted.

What is planned for is more of the same: further patches with the same rate, further slides with the
same patches and the same differences between them. It is a plan, no promise.
"""

import math
from bisect import bisect_left
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from core.statistics.intervals import QUANTILE, wilson_bounds
from core.statistics.slide_rates import slide_rate_bounds

MOST_TIMES: Final = 64
"""Beyond so many times the evidence nothing is planned."""


def further_patches(hits: float, trials: float, width: float) -> int | None:
    """Return how many more patches make a rate's Wilson interval as narrow as a width above 0.

    Returns:
        0 where it is narrow enough already; None without patches or beyond `MOST_TIMES` as many.
    """
    if not trials:
        return None

    def narrow(patches: int) -> bool:
        low, high = wilson_bounds(hits * patches / trials, patches, QUANTILE)
        return float(high - low) <= width

    counts = range(int(trials), MOST_TIMES * int(trials) + 1)
    more = bisect_left(counts, True, key=narrow)
    return more if more < len(counts) else None


def further_slides(hits: ArrayLike, trials: ArrayLike, width: float) -> int | None:
    """Return how many more slides make a rate's slide-cluster interval as narrow as a width.

    The interval is computed anew with every slide there as often as needed; between two such
    multiples its squared reciprocal width is taken as a straight line. Hits and trials are sums by
    slide (S,); slides without trials do not count.

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

    times = range(1, MOST_TIMES + 1)
    copies = 1 + bisect_left(times, True, key=lambda copies: width_of(copies) <= width)
    if copies == 1:
        return 0
    if copies > MOST_TIMES:
        return None
    before, after = width_of(copies - 1) ** -2, width_of(copies) ** -2
    part = (width**-2 - before) / (after - before)
    return math.ceil(slides * (copies - 1 + part) - 1e-6) - slides
