"""Two parts of some evidence that share no slide: one tunes what the other judges."""

import numpy as np
from numpy.typing import NDArray

from core.errors import EvidenceError
from core.statistics.evidence import Evidence


def split_slides(evidence: Evidence, share: float, seed: int) -> tuple[Evidence, Evidence]:
    """Two disjoint parts by slide, drawn separately among slides with and without tumour.

    A seed instead of a generator, because it must be written down to repeat the split.

    Args:
        evidence: with slides.
        share: of the slides that the first part gets, 0..1; each part gets at least one slide of
            each kind that has two.
        seed: of the draw.

    Raises:
        EvidenceError: fewer than 2 slides, or a share outside 0..1.
    """
    if not 0 < share < 1:
        raise EvidenceError(f"Found a share of {share:g}; expected one between 0 and 1.")
    codes, slides = evidence.slide_codes, len(evidence.slide_names)
    if slides < 2:
        raise EvidenceError(
            f"Found {slides} slide; expected at least 2 to split. Add slides to the evidence."
        )
    rng = np.random.default_rng(seed)
    with_tumour = np.bincount(codes, evidence.labels, minlength=slides) > 0
    taken = np.zeros(slides, dtype=np.bool_)
    for kind in (np.flatnonzero(with_tumour), np.flatnonzero(~with_tumour)):
        taken[rng.permutation(kind)[: _first_count(kind, share)]] = True
    if taken.all() or not taken.any():  # one slide of each kind: the draw decides which goes where
        taken[:] = False
        taken[rng.integers(0, slides)] = True
    rows = taken[codes]
    return evidence.select(rows), evidence.select(~rows)


def _first_count(kind: NDArray[np.intp], share: float) -> int:
    count = round(share * len(kind))
    return min(max(count, 1), len(kind) - 1) if len(kind) >= 2 else count
