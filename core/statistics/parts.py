"""Named parts of a set of evidence that share no slide: one tunes what the other judges."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import EvidenceError
from core.statistics.evidence import Evidence


@dataclass(frozen=True, eq=False)
class Part:
    """Some slides of a set of evidence.

    Attributes:
        name: what the part is for, such as "temperature".
        evidence: its patches.
    """

    name: str
    evidence: Evidence


@dataclass(frozen=True, eq=False)
class SlideSplit:
    """Two parts of one set of evidence without a slide in common.

    Attributes:
        first: the part that got the stated share of the slides.
        second: the rest.
        share: as asked, 0..1.
        seed: repeats the split on the same evidence.
    """

    first: Part
    second: Part
    share: float
    seed: int


def split_slides(
    evidence: Evidence,
    share: float,
    seed: int,
    names: tuple[str, str] = ("temperature", "threshold"),
) -> SlideSplit:
    """Two disjoint parts by slide, drawn separately among slides with and without tumour.

    A seed instead of a generator, because it must be written down to repeat the split.

    Args:
        evidence: with slides.
        share: of the slides that the first part gets, 0..1; each part gets at least one slide of
            each kind that has two.
        seed: of the draw.
        names: of the two parts; they must differ.

    Raises:
        EvidenceError: fewer than 2 slides, a share outside 0..1, or equal names.
    """
    if not 0 < share < 1 or names[0] == names[1]:
        raise EvidenceError(
            f"Found a share of {share:g} and parts {names}; expected a share between 0 and 1 and "
            "two different names."
        )
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
    return SlideSplit(
        first=Part(names[0], evidence.select(rows)),
        second=Part(names[1], evidence.select(~rows)),
        share=share,
        seed=seed,
    )


def _first_count(kind: NDArray[np.intp], share: float) -> int:
    count = round(share * len(kind))
    return min(max(count, 1), len(kind) - 1) if len(kind) >= 2 else count
