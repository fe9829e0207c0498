"""What a threshold means where the model would be used: at a stated prevalence and stated costs.

Sensitivity and specificity are carried over from the evidence; the prevalence is the reader's.
Neither the 50 % of PatchCamelyon nor the 40.5 % of its Kaggle form is a clinical prevalence.
"""

from dataclasses import dataclass, replace

import numpy as np
import scipy
from numpy.typing import ArrayLike

from core.errors import EvidenceError
from core.statistics.evidence import FloatArray
from core.statistics.intervals import QUANTILE
from core.statistics.measured import Measured
from core.statistics.metrics import Confusion, measure
from core.statistics.operating import OperatingTable


@dataclass(frozen=True)
class Assumptions:
    """Prevalence and costs; nobody can read them off a validation set.

    Attributes:
        prevalence: Share of tumour patches where the model would be used, between 0 and 1.
        miss_cost: Of one missed tumour patch, above 0, in any unit.
        false_alarm_cost: Of one false alarm, above 0, in the same unit.
    """

    prevalence: float = 0.05
    miss_cost: float = 10.0
    false_alarm_cost: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.prevalence < 1:
            raise EvidenceError(
                f"Found a prevalence of {self.prevalence:g}; expected a share between 0 and 1, "
                "such as 0.05."
            )
        if not (self.miss_cost > 0 and self.false_alarm_cost > 0):
            raise EvidenceError(
                f"Found costs of {self.miss_cost:g} (miss) and {self.false_alarm_cost:g} (false "
                "alarm); expected both above 0."
            )

    @property
    def fair_probability(self) -> float:
        """The probability of tumour from which flagging pays at these costs, 0..1."""
        return self.false_alarm_cost / (self.false_alarm_cost + self.miss_cost)


@dataclass(frozen=True)
class ExpectedCost:
    """Expected cost per patch, in the unit of the stated costs, beside the two trivial policies."""

    model: float
    flag_all: float
    flag_none: float


@dataclass(frozen=True, eq=False)
class DecisionCurve:
    """Net benefit over threshold probabilities (Vickers & Elkin 2006).

    Attributes:
        probabilities: (M,) threshold probability, 0 <= p < 1: the odds at which a reader would
            trade false alarms for a found tumour.
        model: (M,) net benefit of flagging score >= p, in found tumours per patch.
        flag_all: (M,) net benefit of flagging everything.
        flag_none: (M,) zeros.
        prevalence: that the benefit is computed at, 0..1.
    """

    probabilities: FloatArray
    model: FloatArray
    flag_all: FloatArray
    flag_none: FloatArray
    prevalence: float


def predictive_values(confusion: Confusion, prevalence: float) -> tuple[Measured, Measured]:
    """PPV and NPV by Bayes' rule at a stated prevalence, intervals after Mercaldo et al. 2007.

    The intervals are the logit delta method's; they take patches as independent and the prevalence
    as known. There is none at a rate of 0 or 1.
    """
    sensitivity, specificity = confusion.sensitivity, confusion.specificity
    ones, zeros = confusion.tp + confusion.fn, confusion.fp + confusion.tn
    ppv, npv = (
        float(value)
        for value in predictive_pair(np.array(sensitivity), np.array(specificity), prevalence)
    )

    def bounded(value: float, variance: float) -> Measured:
        if not (0 < value < 1 and 0 < sensitivity < 1 and 0 < specificity < 1):
            return Measured(value)
        half = QUANTILE * np.sqrt(variance)
        low, high = (
            float(scipy.special.expit(scipy.special.logit(value) + step)) for step in (-half, half)
        )
        method = "logit delta, patches as if independent"
        return Measured(value, low, high, method, "patches")

    with np.errstate(divide="ignore", invalid="ignore"):
        se, sp, n1, n0 = (np.float64(x) for x in (sensitivity, specificity, ones, zeros))
        of_ppv = (1 - se) / se / n1 + sp / (1 - sp) / n0
        of_npv = se / (1 - se) / n1 + (1 - sp) / sp / n0
    return bounded(ppv, float(of_ppv)), bounded(npv, float(of_npv))


def predictive_pair(
    sensitivity: FloatArray, specificity: FloatArray, prevalence: float
) -> tuple[FloatArray, FloatArray]:
    """PPV and NPV arrays by Bayes' rule; NaN where nothing is flagged, or nothing left."""
    tp, fn = prevalence * sensitivity, prevalence * (1 - sensitivity)
    tn, fp = (1 - prevalence) * specificity, (1 - prevalence) * (1 - specificity)
    return measure("ppv", tp, fp, fn, tn), measure("npv", tp, fp, fn, tn)


def per_thousand(confusion: Confusion, prevalence: float) -> Confusion:
    """The same table as expected among 1,000 patches at a stated prevalence, 0..1."""
    ones, zeros = 1000 * prevalence, 1000 * (1 - prevalence)
    sensitivity, specificity = confusion.sensitivity, confusion.specificity
    return replace(
        confusion,
        tp=ones * sensitivity,
        fp=zeros * (1 - specificity),
        fn=ones * (1 - sensitivity),
        tn=zeros * specificity,
    )


def expected_cost(confusion: Confusion, assumed: Assumptions) -> ExpectedCost:
    """Expected cost per patch at stated costs and prevalence."""
    missed = assumed.prevalence * assumed.miss_cost
    alarmed = (1 - assumed.prevalence) * assumed.false_alarm_cost
    model = missed * (1 - confusion.sensitivity) + alarmed * (1 - confusion.specificity)
    return ExpectedCost(model=model, flag_all=alarmed, flag_none=missed)


def decision_curve(
    table: OperatingTable, probabilities: ArrayLike, prevalence: float
) -> DecisionCurve:
    """Net benefit of the model, of flagging all and of flagging none (Vickers & Elkin 2006).

    Net benefit = p(tumour) x sensitivity - (1 - p(tumour)) x (1 - specificity) x p / (1 - p). Only
    calibrated scores of both classes make the threshold p mean what it says; 0 <= p < 1.
    """
    thresholds = np.atleast_1d(np.asarray(probabilities, dtype=np.float64))
    odds = thresholds / (1 - thresholds)
    counts = table.confusions(thresholds)
    gained = prevalence * counts.value("sensitivity")
    lost = (1 - prevalence) * (1 - counts.value("specificity")) * odds
    return DecisionCurve(
        probabilities=thresholds,
        model=gained - lost,
        flag_all=prevalence - (1 - prevalence) * odds,
        flag_none=np.zeros_like(thresholds),
        prevalence=prevalence,
    )
