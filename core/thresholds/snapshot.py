"""Everything a page shows of one threshold, in one value."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from core.statistics import (
    METRIC_NAMES,
    Confusion,
    Interval,
    MetricName,
    SlideBootstrap,
    SlideCounts,
    measure,
    slide_rate,
    wilson_interval,
    wilson_of,
)
from core.statistics.cluster import Scale
from core.statistics.evidence import FloatArray
from core.statistics.metrics import RATIO_METRICS, ratio_parts
from core.thresholds.assumptions import Assumptions
from core.thresholds.decision import (
    ExpectedCost,
    PerThousand,
    expected_cost,
    per_thousand,
    predictive_pair,
    predictive_values,
)

_SCALES: Final[dict[MetricName, Scale]] = {
    "balanced_accuracy": "share",
    "mcc": "signed",
    "lr_plus": "ratio",
    "lr_minus": "ratio",
}
"""Where a metric that is no ratio of counts lives."""


@dataclass(frozen=True)
class Estimate:
    """A number with its interval by patches and by slides.

    Attributes:
        value: NaN where its denominator is zero.
        by_patches: As if patches were independent; None where there is no such interval.
        by_slides: Slide-cluster; None without slides, or where slides cannot tell.
        design_effect: Slide-cluster variance over that of independent patches; NaN if unknown.
        hits: Patches counted; NaN for what is no share of patches.
        trials: Out of how many.
        notes: What must not be trusted.
    """

    value: float
    by_patches: Interval | None = None
    by_slides: Interval | None = None
    design_effect: float = float("nan")
    hits: float = float("nan")
    trials: float = float("nan")
    notes: tuple[str, ...] = ()

    @property
    def interval(self) -> Interval | None:
        """The one to believe: over slides where there is one."""
        return self.by_slides or self.by_patches


@dataclass(frozen=True)
class Deferral:
    """The grey zone between two thresholds: nobody calls these patches but a person.

    Attributes:
        lower: Patches below it are cleared.
        deferred: Patches in the zone.
        share: Of all patches, with intervals.
        tumour: Tumour patches in the zone.
        cleared: Patches below the zone.
        missed: Tumour patches among the cleared, of all tumour patches, with intervals.
        errors_outside: Missed and false alarms among patches outside the zone, with intervals.
    """

    lower: float
    deferred: float
    share: Estimate
    tumour: float
    cleared: float
    missed: Estimate
    errors_outside: Estimate


@dataclass(frozen=True)
class Snapshot:
    """One threshold on one set of scores, under stated assumptions.

    Attributes:
        threshold: A patch is flagged if its score is at least this.
        assumptions: Prevalence and costs, as stated by the reader.
        confusion: The 2 x 2 table at the threshold.
        metrics: By name, in the order of `METRIC_NAMES`.
        ppv: At the stated prevalence.
        npv: At the stated prevalence.
        per_thousand: Expected among 1,000 patches at the stated prevalence.
        cost: Expected per patch, beside flagging everything and nothing.
        probability_in_use: What a score equal to the threshold means at the stated prevalence.
        net_benefit: At that probability, in found tumour patches per patch; NaN at 1.
        deferral: The grey zone; None without one.
        notes: What must not be trusted.
    """

    threshold: float
    assumptions: Assumptions
    confusion: Confusion
    metrics: dict[MetricName, Estimate]
    ppv: Estimate
    npv: Estimate
    per_thousand: PerThousand
    cost: ExpectedCost
    probability_in_use: float
    net_benefit: float
    deferral: Deferral | None
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class ResampledCounts:
    """The 2 x 2 tables of all slides at one threshold, and of every bootstrap replicate.

    Attributes:
        bootstrap: Draws of the slides.
        counts: Of each slide.
        drawn: (R, 4) tp, fp, fn, tn of each replicate.
    """

    bootstrap: SlideBootstrap
    counts: SlideCounts
    drawn: FloatArray

    @classmethod
    def of(cls, bootstrap: SlideBootstrap, threshold: float) -> "ResampledCounts":
        """Return the tables at a threshold: one matrix product for all replicates."""
        counts = SlideCounts.of(bootstrap.evidence, threshold)
        cells = np.column_stack((counts.tp, counts.fp, counts.fn, counts.tn))
        return cls(bootstrap, counts, bootstrap.draws @ cells)

    def replicates(self, name: MetricName) -> FloatArray:
        """Return (R,) a metric in every replicate."""
        return measure(name, *self.drawn.T)

    def interval(self, value: float, replicates: FloatArray, scale: Scale) -> Interval | None:
        """Return the slide-bootstrap interval of a value with these replicates."""
        freedom = self.bootstrap.degrees_of_freedom
        return self.bootstrap.estimate(value, replicates, freedom=freedom, scale=scale).interval


def metric_estimates(
    confusion: Confusion, slides: ResampledCounts | None
) -> dict[MetricName, Estimate]:
    """Return every metric with both intervals; the same numbers as `operating_point`, faster.

    The slides' counts are made once for all metrics instead of once for each.
    """
    found = {}
    for name in METRIC_NAMES:
        estimate = Estimate(confusion.value(name), wilson_of(name, confusion))
        if name in RATIO_METRICS:
            hits, trials = _counted(name, confusion)
            estimate = replace(estimate, hits=hits, trials=trials)
            if slides is not None:
                rate = slides.counts.rate(name)
                estimate = replace(
                    estimate,
                    by_slides=rate.interval,
                    design_effect=rate.design_effect,
                    notes=rate.notes,
                )
        elif slides is not None:
            by_slides = slides.interval(estimate.value, slides.replicates(name), _SCALES[name])
            estimate = replace(estimate, by_slides=by_slides)
        found[name] = estimate
    return found


def values_in_use(
    confusion: Confusion, prevalence: float, slides: ResampledCounts | None
) -> tuple[Estimate, Estimate]:
    """Return PPV and NPV at a stated prevalence, with both intervals."""
    values = predictive_values(confusion, prevalence)
    ppv = Estimate(values.ppv, values.ppv_interval)
    npv = Estimate(values.npv, values.npv_interval)
    if slides is None:
        return ppv, npv
    rates = slides.replicates("sensitivity"), slides.replicates("specificity")
    drawn_ppv, drawn_npv = predictive_pair(*rates, prevalence)
    return (
        replace(ppv, by_slides=slides.interval(ppv.value, drawn_ppv, "share")),
        replace(npv, by_slides=slides.interval(npv.value, drawn_npv, "share")),
    )


def use_of(confusion: Confusion, assumptions: Assumptions) -> tuple[PerThousand, ExpectedCost]:
    """Return what to expect among 1,000 patches, and the cost per patch."""
    return (
        per_thousand(confusion, assumptions.prevalence),
        expected_cost(
            confusion,
            miss_cost=assumptions.miss_cost,
            false_alarm_cost=assumptions.false_alarm_cost,
            prevalence=assumptions.prevalence,
        ),
    )


def deferral_of(
    lower: float,
    at_lower: Confusion,
    at_upper: Confusion,
    counts: tuple[SlideCounts, SlideCounts] | None,
) -> Deferral:
    """Return the grey zone between two thresholds.

    Args:
        lower: Where it begins.
        at_lower: The table there.
        at_upper: The table at the threshold.
        counts: By slide, at the lower and at the upper threshold; None without slides.
    """
    deferred = at_lower.flagged - at_upper.flagged
    errors, outside = at_lower.fn + at_upper.fp, at_lower.n - deferred
    by_slide: list[tuple[FloatArray, FloatArray] | None] = [None, None, None]
    if counts is not None:
        low, up = counts
        zone = low.tp + low.fp - up.tp - up.fp
        total = low.tp + low.fp + low.fn + low.tn
        by_slide = [(zone, total), (low.fn, low.tp + low.fn), (low.fn + up.fp, total - zone)]
    return Deferral(
        lower=lower,
        deferred=deferred,
        share=_share(deferred, at_lower.n, by_slide[0]),
        tumour=at_lower.tp - at_upper.tp,
        cleared=at_lower.n - at_lower.flagged,
        missed=_share(at_lower.fn, at_lower.tp + at_lower.fn, by_slide[1]),
        errors_outside=_share(errors, outside, by_slide[2]),
    )


def _share(hits: float, trials: float, by_slide: tuple[FloatArray, FloatArray] | None) -> Estimate:
    if not trials:
        return Estimate(float("nan"), hits=hits, trials=trials)
    found = Estimate(hits / trials, wilson_interval(hits, trials), hits=hits, trials=trials)
    if by_slide is None:
        return found
    rate = slide_rate(*by_slide)
    return replace(
        found, by_slides=rate.interval, design_effect=rate.design_effect, notes=rate.notes
    )


def _counted(name: MetricName, confusion: Confusion) -> tuple[float, float]:
    cells = (confusion.tp, confusion.fp, confusion.fn, confusion.tn)
    hits, trials = ratio_parts(name, *(np.asarray(cell, np.float64) for cell in cells))
    return float(hits), float(trials)
