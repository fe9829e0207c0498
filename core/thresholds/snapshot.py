"""Everything a page shows of one threshold, in one value."""

from dataclasses import dataclass, replace

from core.statistics import (
    Confusion,
    Measured,
    MetricName,
    ResampledCounts,
    SlideCounts,
    slide_rate,
    wilson_interval,
)
from core.statistics.evidence import FloatArray
from core.thresholds.decision import (
    Assumptions,
    ExpectedCost,
    predictive_pair,
    predictive_values,
)


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
    share: Measured
    tumour: float
    cleared: float
    missed: Measured
    errors_outside: Measured


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
    metrics: dict[MetricName, Measured]
    ppv: Measured
    npv: Measured
    per_thousand: Confusion
    cost: ExpectedCost
    probability_in_use: float
    net_benefit: float
    deferral: Deferral | None
    notes: tuple[str, ...]


def values_in_use(
    confusion: Confusion, prevalence: float, slides: ResampledCounts | None
) -> tuple[Measured, Measured]:
    """Return PPV and NPV at a stated prevalence, over slides where these can tell.

    A replicate resamples sensitivity and specificity together, so their dependence through
    shared slides is kept. The prevalence is taken as known.
    """
    ppv, npv = predictive_values(confusion, prevalence)
    if slides is None:
        return ppv, npv
    rates = slides.replicates("sensitivity"), slides.replicates("specificity")
    over_slides = (
        replace(slides.estimate(value.value, drawn).measured, notes=()).over(value)
        for value, drawn in zip((ppv, npv), predictive_pair(*rates, prevalence), strict=True)
    )
    ppv, npv = over_slides
    return ppv, npv


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


def _share(hits: float, trials: float, by_slide: tuple[FloatArray, FloatArray] | None) -> Measured:
    naive = wilson_interval(hits, trials)
    return naive if by_slide is None or not trials else slide_rate(*by_slide).over(naive)
