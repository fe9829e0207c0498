"""Scores made ready for tuning, what does not move computed once, and all at one threshold."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np

from core.errors import EvidenceError
from core.statistics import (
    CalibrationLine,
    Confusion,
    Curve,
    Histogram,
    Measured,
    MetricName,
    OperatingTable,
    Reliability,
    ResampledCounts,
    SlideBootstrap,
    SlideCounts,
    SlideRow,
    auroc_by_slide,
    auroc_over_slides,
    average_precision,
    calibration_line,
    metrics_at,
    precision_recall_curve,
    reliability,
    roc_curve,
    slide_rate,
    slide_table,
    wilson_interval,
)
from core.statistics.evidence import FloatArray
from core.thresholds.choosing import Choice, Stability, choose, threshold_stability
from core.thresholds.decision import (
    Assumptions,
    DecisionCurve,
    ExpectedCost,
    decision_curve,
    expected_cost,
    per_thousand,
    predictive_pair,
    predictive_values,
)
from core.thresholds.rules import Aim, Rule
from core.thresholds.scores import ScoreSet, require_both_classes

DRAWN_POINTS: Final = 400
"""Points of a drawn curve; a panel is no wider than this in device pixels, give or take."""

_BINS: Final = 40
_PROBABILITIES: Final = np.linspace(0.0, 0.99, 199)


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
        ppv: At the stated prevalence, likewise npv.
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


@dataclass(frozen=True, eq=False)
class ThresholdStudy:
    """Scores with their table of all thresholds, slide bootstrap, curves and calibration.

    Build it with `ThresholdStudy.of`, which takes about a second for 220,025 patches; `at` then
    takes milliseconds.

    Attributes:
        table: Every distinct threshold.
        bootstrap: Draws of the slides; None with fewer than two slides known.
    """

    scores: ScoreSet
    table: OperatingTable
    bootstrap: SlideBootstrap | None

    @classmethod
    def of(cls, scores: ScoreSet) -> "ThresholdStudy":
        """Return the study of some scores, what does not move already computed.

        Raises:
            EvidenceError: A class is absent.
        """
        require_both_classes(scores)
        evidence = scores.evidence
        study = cls(scores, OperatingTable.of(evidence), SlideBootstrap.seeded(evidence))
        for name in ("auroc", "roc", "precision_recall", "histogram", "calibration", "_areas"):
            getattr(study, name)
        study.at(0.5, Assumptions())
        return study

    @property
    def prevalence(self) -> float:
        """Tumour share of this set, 0..1; of no clinic."""
        return self.scores.evidence.prevalence

    @cached_property
    def auroc(self) -> Measured:
        """Area under the ROC curve, over slides where these can tell, DeLong's interval beside."""
        return auroc_over_slides(self.scores.evidence, self.bootstrap)

    @cached_property
    def average_precision(self) -> float:
        """Area under the precision-recall curve, 0..1, at this set's prevalence."""
        return average_precision(self.table)

    @cached_property
    def roc(self) -> Curve:
        """The ROC curve, thinned for drawing."""
        return roc_curve(self.table).thinned(DRAWN_POINTS)

    @cached_property
    def precision_recall(self) -> Curve:
        """The precision-recall curve, thinned for drawing."""
        return precision_recall_curve(self.table).thinned(DRAWN_POINTS)

    @cached_property
    def histogram(self) -> Histogram[int]:
        """Scores by class, 1 with tumour and 0 without."""
        scores, labels = self.scores.evidence.scores, self.scores.evidence.labels
        return Histogram.of({1: scores[labels], 0: scores[~labels]}, _BINS)

    @cached_property
    def calibration(self) -> Reliability:
        """How well the scores are probabilities, at this set's prevalence."""
        return reliability(self.scores.evidence)

    @cached_property
    def calibration_line(self) -> CalibrationLine | str:
        """Slope and intercept, or the sentence that says why there are none."""
        try:
            return calibration_line(self.scores.evidence)
        except EvidenceError as error:
            return str(error)

    @cached_property
    def _areas(self) -> list[float]:
        """AUROC within each slide, which no threshold changes; empty where slides are unknown."""
        evidence = self.scores.evidence
        return [] if evidence.slides is None else auroc_by_slide(evidence)

    def probability_in_use(self, score: float, prevalence: float) -> float:
        """Return what a score means where tumour patches are as common as stated.

        A score is calibrated at this set's prevalence. If only the prevalence differs, and patches
        of each kind look alike, its odds change by the ratio of the two prevalence odds (Bayes).
        """
        return float(_shifted(np.array([score]), self.prevalence, prevalence)[0])

    def scores_for(self, probabilities: FloatArray, prevalence: float) -> FloatArray:
        """Return (M,) the scores that mean probabilities (M,) at a stated prevalence."""
        return _shifted(probabilities, prevalence, self.prevalence)

    def decision_curve(self, assumptions: Assumptions) -> DecisionCurve:
        """Return the net benefit at the stated prevalence, scores shifted to it.

        See `probability_in_use` for what shifting assumes.
        """
        prevalence, scores = assumptions.prevalence, self.table.thresholds.astype(np.float64)
        in_use = _shifted(scores, self.prevalence, prevalence)
        table = OperatingTable(in_use, self.table.tp, self.table.fp)
        return decision_curve(table, _PROBABILITIES, prevalence)

    def at(
        self, threshold: float, assumptions: Assumptions, lower: float | None = None
    ) -> Snapshot:
        """Return all that is known of a threshold 0..1, and of a grey zone that begins at `lower`.

        Raises:
            EvidenceError: A threshold is outside 0..1, or the lower one is not below the other.
        """
        _check(threshold, lower)
        confusion = self.table.confusion(threshold)
        slides = None if self.bootstrap is None else ResampledCounts.of(self.bootstrap, threshold)
        ppv, npv = _values_in_use(confusion, assumptions.prevalence, slides)
        thousand = per_thousand(confusion, assumptions.prevalence)
        probability = self.probability_in_use(threshold, assumptions.prevalence)
        deferral = None
        if lower is not None:
            pair = None
            if slides is not None:
                pair = (SlideCounts.of(self.scores.evidence, lower), slides.counts)
            deferral = _deferral_of(lower, self.table.confusion(lower), confusion, pair)
        return Snapshot(
            threshold=threshold,
            assumptions=assumptions,
            confusion=confusion,
            metrics=metrics_at(confusion, slides),
            ppv=ppv,
            npv=npv,
            per_thousand=thousand,
            cost=expected_cost(confusion, assumptions),
            probability_in_use=probability,
            net_benefit=_net_benefit(thousand.tp, thousand.fp, probability),
            deferral=deferral,
            notes=self.scores.evidence.notes(),
        )

    def slides_at(self, threshold: float) -> tuple[SlideRow, ...]:
        """Return every slide at a threshold, most errors first; empty where slides are unknown."""
        evidence = self.scores.evidence
        if evidence.slides is None:
            return ()
        return slide_table(evidence, threshold, self._areas)

    def choose(self, rule: Aim) -> Choice:
        """Return what a rule chooses on these scores.

        Raises:
            EvidenceError: Nothing satisfies it; the message says what would.
        """
        return choose(rule, self.scores.evidence, self.table)

    def stability(self, rule: Rule) -> Stability | None:
        """Return how far a rule's threshold moves with other slides; None without slides.

        Raises:
            EvidenceError: Nothing satisfies the rule on these scores.
        """
        if self.bootstrap is None:
            return None
        return threshold_stability(rule, self.bootstrap, self.table)


def _check(threshold: float, lower: float | None) -> None:
    if not 0 <= threshold <= 1:
        raise EvidenceError(f"Found a threshold of {threshold:g}; expected a score from 0 to 1.")
    if lower is not None and not 0 <= lower < threshold:
        raise EvidenceError(
            f"Found a grey zone from {lower:g} to {threshold:g}; expected its start to be 0 or "
            "more and below its end. Move one of the two."
        )


def _shifted(scores: FloatArray, source_prevalence: float, target_prevalence: float) -> FloatArray:
    """Probabilities moved from one prevalence to another; 0 and 1 stay."""
    up = scores * (target_prevalence / source_prevalence)
    down = (1 - scores) * ((1 - target_prevalence) / (1 - source_prevalence))
    return up / (up + down)


def _net_benefit(true_per_thousand: float, false_per_thousand: float, probability: float) -> float:
    if probability >= 1:
        return float("nan")
    odds = probability / (1 - probability)
    return (true_per_thousand - false_per_thousand * odds) / 1000


def _values_in_use(
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
        replace(slides.bootstrap.estimate(value.value, drawn).measured, notes=()).over(value)
        for value, drawn in zip((ppv, npv), predictive_pair(*rates, prevalence), strict=True)
    )
    ppv, npv = over_slides
    return ppv, npv


def _deferral_of(
    lower: float,
    at_lower: Confusion,
    at_upper: Confusion,
    counts: tuple[SlideCounts, SlideCounts] | None,
) -> Deferral:
    """Return the grey zone between two thresholds; `counts` are by slide at both, if known."""
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
