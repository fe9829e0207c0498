"""One row for each slide at a threshold, the slides with most errors first."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from core.statistics.at_threshold import SlideCounts
from core.statistics.evidence import SMALL_CLASS_N, Evidence
from core.statistics.ranking import placements


@dataclass(frozen=True)
class SlideRow:
    """One slide at a threshold.

    Attributes:
        slide: its name.
        n: patches.
        positives: tumour patches among them.
        missed: tumour patches not flagged.
        false_alarms: tumour-free patches flagged.
        errors: the two together.
        error_rate: errors / n, 0..1.
        sensitivity: NaN without tumour patches.
        specificity: NaN without tumour-free patches.
        auroc: within the slide; NaN unless both classes are there.
        small: a class that is there has fewer than 10 patches, so its rate is coarse.
    """

    slide: str
    n: float
    positives: float
    missed: float
    false_alarms: float
    errors: float
    error_rate: float
    sensitivity: float
    specificity: float
    auroc: float
    small: bool


def slide_table(
    evidence: Evidence, threshold: float, areas: Sequence[float] | None = None
) -> tuple[SlideRow, ...]:
    """Every slide at a threshold: most errors first, then the highest error rate, then by name.

    Sorted by the number of errors, not their rate, because a slide of one patch can have a rate
    of 1.

    Args:
        evidence: with slides.
        threshold: flag when score >= threshold.
        areas: `auroc_by_slide` of the same evidence, where it is already computed.

    Raises:
        EvidenceError: slides are unknown.
    """
    counts = SlideCounts.of(evidence, threshold)
    areas = auroc_by_slide(evidence) if areas is None else areas
    rows = []
    for slide, name in enumerate(evidence.slide_names):
        tp, fp, fn, tn = (
            float(cell[slide]) for cell in (counts.tp, counts.fp, counts.fn, counts.tn)
        )
        ones, zeros, errors = tp + fn, fp + tn, fp + fn
        rows.append(
            SlideRow(
                slide=name,
                n=ones + zeros,
                positives=ones,
                missed=fn,
                false_alarms=fp,
                errors=errors,
                error_rate=errors / (ones + zeros),
                sensitivity=tp / ones if ones else np.nan,
                specificity=tn / zeros if zeros else np.nan,
                auroc=areas[slide],
                small=0 < ones < SMALL_CLASS_N or 0 < zeros < SMALL_CLASS_N,
            )
        )
    return tuple(sorted(rows, key=lambda row: (-row.errors, -row.error_rate, row.slide)))


def auroc_by_slide(evidence: Evidence) -> list[float]:
    """AUROC within each slide, in the order of `slide_names`; NaN where a class is absent."""
    order = np.argsort(evidence.slide_codes, kind="stable")
    ends = np.searchsorted(evidence.slide_codes[order], np.arange(len(evidence.slide_names) + 1))
    areas = []
    for start, end in pairwise(ends):
        rows = order[start:end]
        labels = evidence.labels[rows]
        both = labels.any() and not labels.all()
        areas.append(float(placements(evidence.select(rows))[labels].mean()) if both else np.nan)
    return areas
