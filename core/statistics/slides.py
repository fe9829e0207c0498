"""Every metric at one threshold, with its interval over slides and by patches; a row a slide.

A rate needs the counts of each slide only, so all replicates of a bootstrap are one matrix product;
that is exact, not an approximation.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np

from core.statistics.cluster import Resampled, Scale, SlideBootstrap
from core.statistics.evidence import SMALL_CLASS_N, Evidence, FloatArray
from core.statistics.intervals import wilson_of
from core.statistics.measured import Measured
from core.statistics.metrics import (
    METRIC_NAMES,
    RATIO_METRICS,
    Confusion,
    MetricName,
    measure,
    ratio_parts,
)
from core.statistics.operating import round_threshold
from core.statistics.ranking import placements
from core.statistics.slide_rates import slide_rate

_SCALES: Final[dict[MetricName, Scale]] = {
    "mcc": "signed",
    "lr_plus": "ratio",
    "lr_minus": "ratio",
}
"""Where a metric lives that is no share."""


@dataclass(frozen=True, eq=False)
class SlideCounts:
    """The 2 x 2 table of every slide at one threshold: arrays (S,) float64."""

    threshold: float
    tp: FloatArray
    fp: FloatArray
    fn: FloatArray
    tn: FloatArray

    @classmethod
    def of(cls, evidence: Evidence, threshold: float) -> "SlideCounts":
        """Counts of `score >= threshold` on each slide, in the order of `evidence.slide_names`."""
        rounded = round_threshold(threshold, evidence.scores.dtype)
        flagged = evidence.scores >= evidence.scores.dtype.type(rounded)
        cell = evidence.slide_codes * 4 + flagged * 2 + evidence.labels
        slides = len(evidence.slide_names)
        counts = np.bincount(cell, minlength=4 * slides).reshape(slides, 4)
        tn, fn, fp, tp = counts.astype(np.float64).T
        return cls(threshold=rounded, tp=tp, fp=fp, fn=fn, tn=tn)

    def total(self) -> Confusion:
        """The table of all slides together."""
        cells = (float(counts.sum()) for counts in (self.tp, self.fp, self.fn, self.tn))
        return Confusion(self.threshold, *cells)

    def rate(self, name: MetricName) -> Measured:
        """A metric of `RATIO_METRICS` with its slide-cluster interval; KeyError for the others.

        F1 is no share of patches, but 2 J / (1 + J) of one, the Jaccard index J: its interval is
        that of J, carried over, and its design effect is that of J.
        """
        if name == "f1":
            jaccard = slide_rate(self.tp, self.tp + self.fp + self.fn)
            values = (jaccard.value, jaccard.low, jaccard.high)
            value, low, high = (2 * one / (1 + one) for one in values)
            return replace(jaccard, value=value, low=low, high=high)
        hits, trials = ratio_parts(name, self.tp, self.fp, self.fn, self.tn)
        return slide_rate(hits, trials)


@dataclass(frozen=True, eq=False)
class ResampledCounts:
    """The 2 x 2 tables of all slides at one threshold, and of every bootstrap replicate.

    Attributes:
        bootstrap: draws of the slides.
        counts: of each slide.
        drawn: (R, 4) tp, fp, fn, tn of each replicate.
    """

    bootstrap: SlideBootstrap
    counts: SlideCounts
    drawn: FloatArray

    @classmethod
    def of(cls, bootstrap: SlideBootstrap, threshold: float) -> "ResampledCounts":
        """The tables at a threshold."""
        counts = SlideCounts.of(bootstrap.evidence, threshold)
        cells = np.column_stack((counts.tp, counts.fp, counts.fn, counts.tn))
        return cls(bootstrap, counts, bootstrap.draws @ cells)

    def replicates(self, name: MetricName) -> FloatArray:
        """(R,) a metric in every replicate, NaN where undefined."""
        return measure(name, *self.drawn.T)

    def resampled(self, name: MetricName) -> Resampled:
        """A metric with its slide-bootstrap interval; that of `counts.rate` is the better one."""
        value = self.counts.total().value(name)
        scale = _SCALES.get(name, "share")
        return self.bootstrap.estimate(value, self.replicates(name), scale)


def metrics_at(confusion: Confusion, slides: ResampledCounts | None) -> dict[MetricName, Measured]:
    """Every metric at a threshold by its name, in the order of `METRIC_NAMES`.

    The interval is over slides where slides are known and can tell, with Wilson's beside it. It is
    the cluster-robust one of `slide_rates`, whose coverage was measured, for sensitivity,
    specificity, PPV, NPV, F1, accuracy and flagged share; else the slide bootstrap's.
    """
    metrics = {}
    for name in METRIC_NAMES:
        metrics[name] = wilson_of(name, confusion)
        if slides is not None and name in RATIO_METRICS:
            metrics[name] = slides.counts.rate(name).over(metrics[name])
        elif slides is not None:
            over_slides = slides.resampled(name).measured
            metrics[name] = replace(over_slides, value=metrics[name].value, notes=())
    return metrics


@dataclass(frozen=True)
class SlideRow:
    """One slide at a threshold.

    Attributes:
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
    of 1. `areas` is `auroc_by_slide` of the same evidence, where it is already computed.

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
