"""Named rules that choose a threshold, each reproducible from its description.

Every rule but the fixed one returns an observed score, never a midpoint: the prediction is
`score >= threshold`, so the patch that decided is itself flagged and the number can be checked by
hand. Among thresholds that do equally well the highest wins: it flags the fewest patches.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Final, Literal

import numpy as np

from core.errors import EvidenceError
from core.statistics.evidence import BoolArray, FloatArray, IntArray
from core.statistics.intervals import QUANTILE, wilson_bounds
from core.statistics.measured import LEVEL
from core.statistics.metrics import MetricName, measure
from core.statistics.operating import OperatingTable, SlideGrid
from core.statistics.slide_rates import slide_rate_bounds
from core.thresholds.decision import Assumptions


@dataclass(frozen=True, eq=False)
class Candidates:
    """Counts at B candidate thresholds, highest first, over any leading shape (...).

    Attributes:
        tp: (..., B) flagged tumour patches.
        fp: (..., B) flagged tumour-free patches.
        positives: (..., 1) all tumour patches.
        negatives: (..., 1) all tumour-free patches.
        grid: the same by slide, for bounds over slides; None where slides play no part.
    """

    tp: FloatArray
    fp: FloatArray
    positives: FloatArray
    negatives: FloatArray
    grid: SlideGrid | None = None

    @classmethod
    def of_table(cls, table: OperatingTable) -> "Candidates":
        """Every distinct score of a table as a candidate."""
        return cls(
            tp=table.tp.astype(np.float64),
            fp=table.fp.astype(np.float64),
            positives=np.array([table.positives], dtype=np.float64),
            negatives=np.array([table.negatives], dtype=np.float64),
        )

    @classmethod
    def of_grid(cls, grid: SlideGrid) -> "Candidates":
        """The thresholds of a slide grid."""
        positives, negatives = grid.positives.sum(keepdims=True), grid.negatives.sum(keepdims=True)
        return cls(grid.tp.sum(axis=1), grid.fp.sum(axis=1), positives, negatives, grid)

    def value(self, name: MetricName) -> FloatArray:
        """(..., B) one metric at every candidate; see `measure`."""
        return measure(name, self.tp, self.fp, self.positives - self.tp, self.negatives - self.fp)


By = Literal["estimate", "wilson", "slides"]
"""What must reach a target: the estimate, Wilson's lower bound, or the slide-cluster one."""


class Rule(ABC):
    """A rule that chooses one of the candidates."""

    name: ClassVar[str]

    @property
    def over_slides(self) -> bool:
        """Whether it reads `Candidates.grid`."""
        return False

    @property
    @abstractmethod
    def description(self) -> str:
        """One sentence that lets a reader repeat the choice."""

    @abstractmethod
    def rows(self, candidates: Candidates) -> IntArray:
        """(...) the chosen row of B, or -1 where no candidate satisfies the rule."""

    def attainable(self, candidates: Candidates) -> str:
        """The best that could be had, in words, for the error when nothing satisfies the rule."""
        return (
            f"Found {float(candidates.positives.max()):g} tumour and "
            f"{float(candidates.negatives.max()):g} tumour-free patches; add patches of both "
            "classes, and for rules over slides at least 2 slides."
        )


@dataclass(frozen=True)
class FixedThreshold(Rule):
    """A threshold given beforehand; chosen on no data, so its rates are not optimistic."""

    threshold: float = 0.5
    name = "Fixed threshold"

    @property
    def description(self) -> str:
        """What is called tumour."""
        return f"Every patch that scores {self.threshold:g} or more is called tumour."

    def rows(self, candidates: Candidates) -> IntArray:
        """Always -1: the threshold need not be an observed score, so no row stands for it."""
        return np.full(candidates.tp.shape[:-1], -1)


@dataclass(frozen=True)
class YoudenIndex(Rule):
    """The threshold where sensitivity + specificity - 1 is largest (Youden 1950)."""

    name = "Youden index"
    description = "The highest score at which sensitivity + specificity is largest."

    def rows(self, candidates: Candidates) -> IntArray:
        """(...) row of the largest index; -1 with one class only."""
        return _best(candidates.value("balanced_accuracy"))


@dataclass(frozen=True)
class BestF1(Rule):
    """The threshold where F1, the harmonic mean of PPV and sensitivity, is largest.

    F1 depends on the prevalence of the set it is computed on; the choice does not carry over to
    another prevalence.
    """

    name = "Best F1"
    description = "The highest score at which F1 is largest."

    def rows(self, candidates: Candidates) -> IntArray:
        """(...) row of the largest F1; -1 without tumour patches."""
        f1 = candidates.value("f1")
        return _best(np.where(candidates.positives > 0, f1, np.nan))


@dataclass(frozen=True)
class _RateAtLeast(Rule):
    """A rate that must reach a target.

    Attributes:
        target: 0..1.
        by: what must reach it; a lower bound of the 95 % interval, which leaves 2.5 % below it, is
            a promise about new patches, an estimate is not.
    """

    target: float
    by: By = "estimate"
    rate: ClassVar[Literal["sensitivity", "specificity"]]
    end: ClassVar[Literal["highest", "lowest"]]

    def __post_init__(self) -> None:
        _require_share(self.rate, self.target)

    @property
    def over_slides(self) -> bool:
        """Whether slides are needed."""
        return self.by == "slides"

    @property
    def description(self) -> str:
        """One sentence that lets a reader repeat the choice."""
        what: str = self.rate
        if self.by != "estimate":
            kind = "Wilson" if self.by == "wilson" else "slide-cluster"
            what = f"the lower bound of the {LEVEL:.0%} {kind} interval of {self.rate}"
        return f"The {self.end} score at which {what} is at least {self.target:g}."

    def rows(self, candidates: Candidates) -> IntArray:
        """(...) the row at that end that reaches the target; -1 where none does."""
        reaching = self._reached(candidates) >= self.target
        return _first(reaching) if self.end == "highest" else _last(reaching, candidates)

    def attainable(self, candidates: Candidates) -> str:
        """The largest rate to be had at an observed score."""
        reached = self._reached(candidates)
        if np.isnan(reached).all():
            return super().attainable(candidates)
        most = np.floor(float(np.nanmax(reached)) * 1e4) / 1e4  # rounded down, so it can be had
        return f"The highest possible is {most:.4f}; ask for no more."

    def _reached(self, candidates: Candidates) -> FloatArray:
        """(...) what is compared with the target at each threshold."""
        c, grid = candidates, candidates.grid
        if self.by == "slides" and grid is not None:
            by_slide = self._counts(grid.tp, grid.fp, grid.positives, grid.negatives)
            return slide_rate_bounds(*by_slide).low
        # At quantile 0 the bound is the share.
        quantile = 0.0 if self.by == "estimate" else QUANTILE
        return wilson_bounds(*self._counts(c.tp, c.fp, c.positives, c.negatives), quantile)[0]

    def _counts(
        self, tp: FloatArray, fp: FloatArray, positives: FloatArray, negatives: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Hits and trials of the rate, over patches or by slide."""
        return (tp, positives) if self.rate == "sensitivity" else (negatives - fp, negatives)


@dataclass(frozen=True)
class SensitivityAtLeast(_RateAtLeast):
    """The highest threshold whose sensitivity reaches a target, so specificity is spared."""

    name = "Sensitivity at least"
    rate = "sensitivity"
    end = "highest"


@dataclass(frozen=True)
class SpecificityAtLeast(_RateAtLeast):
    """The lowest threshold whose specificity reaches a target, so sensitivity is spared."""

    name = "Specificity at least"
    rate = "specificity"
    end = "lowest"


@dataclass(frozen=True)
class LeastExpectedCost(Rule):
    """The threshold with the least expected cost per patch at a stated prevalence.

    Cost = prevalence x (1 - sensitivity) x miss_cost
    + (1 - prevalence) x (1 - specificity) x false_alarm_cost.
    """

    assumed: Assumptions
    name = "Lowest expected cost"

    @property
    def description(self) -> str:
        """With the costs and the prevalence."""
        assumed = self.assumed
        return (
            f"The highest score at which the expected cost is lowest, with a miss at "
            f"{assumed.miss_cost:g}, a false alarm at {assumed.false_alarm_cost:g} and a "
            f"prevalence of {assumed.prevalence:g}."
        )

    def rows(self, candidates: Candidates) -> IntArray:
        """(...) row of the least cost; -1 with one class only."""
        assumed = self.assumed
        missed = 1 - candidates.value("sensitivity")
        alarmed = 1 - candidates.value("specificity")
        return _best(
            -(assumed.prevalence * assumed.miss_cost * missed)
            - (1 - assumed.prevalence) * assumed.false_alarm_cost * alarmed
        )


@dataclass(frozen=True)
class FlagTopShare(Rule):
    """The lowest threshold that flags no more than a share of all patches: a fixed workload.

    Attributes:
        share: 0..1 of the patches, such as 0.1 for the top tenth.
    """

    share: float
    name = "Call the top share tumour"

    def __post_init__(self) -> None:
        _require_share("share to call tumour", self.share)

    @property
    def description(self) -> str:
        """One sentence that lets a reader repeat the choice."""
        return (
            f"The lowest score at which no more than {self.share:.4g} of the patches are called "
            "tumour."
        )

    def rows(self, candidates: Candidates) -> IntArray:
        """(...) the last row within the share; -1 where the top score alone exceeds it."""
        return _last(candidates.value("flagged_share") <= self.share, candidates)

    def attainable(self, candidates: Candidates) -> str:
        """The smallest share that an observed score flags."""
        least = float(candidates.value("flagged_share")[..., 0].min())
        return f"Even at the highest score, {least:.4g} are called; ask for at least that share."


def _best(merit: FloatArray) -> IntArray:
    """First row of the largest merit, NaN aside; -1 where all are NaN."""
    ranked = np.where(np.isnan(merit), -np.inf, merit)
    return np.where(np.isnan(merit).all(axis=-1), -1, ranked.argmax(axis=-1))


def _first(holds: BoolArray) -> IntArray:
    return np.where(holds.any(axis=-1), holds.argmax(axis=-1), -1)


def _last(holds: BoolArray, candidates: Candidates) -> IntArray:
    """Last row that holds, or the highest that flags the same patches; -1 where none holds.

    Rows that flag the same patches occur where a score belongs to a slide that was not drawn.
    """
    row = holds.shape[-1] - 1 - holds[..., ::-1].argmax(axis=-1)
    flagged = candidates.tp + candidates.fp
    same = flagged >= np.take_along_axis(flagged, row[..., np.newaxis], axis=-1)
    return np.where(holds.any(axis=-1), same.argmax(axis=-1), -1)


def _require_share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise EvidenceError(
            f"Found a {name} of {value:g}; expected a share between 0 and 1, such as 0.95."
        )


_BYS: Final[tuple[By, ...]] = ("estimate", "wilson", "slides")


@dataclass(frozen=True)
class GreyZoneTargets:
    """Two thresholds: no tumour below one, tumour from the other, left to a person between.

    Attributes:
        miss_rate: largest share of tumour patches that may lie below the zone, 0..1.
        false_alarm_rate: largest share of tumour-free patches that may lie above it, 0..1.
        by: whether estimates or bounds must meet the targets.
    """

    miss_rate: float
    false_alarm_rate: float
    by: By = "estimate"


Aim = Rule | GreyZoneTargets
"""What a rule button asks for."""


def rule_of(text: str, assumptions: Assumptions) -> Aim:
    """Return the rule that a short text names.

    Raises:
        EvidenceError: It names none, or a number in it cannot be used.
    """
    name, *given = text.split(":")
    rule: Aim | None = None
    try:
        match name, given:
            case "fixed", [threshold]:
                rule = FixedThreshold(float(threshold))
            case "youden", []:
                rule = YoudenIndex()
            case "f1", []:
                rule = BestF1()
            case "sensitivity", [target, *by] if len(by) < 2:
                rule = SensitivityAtLeast(float(target), _by(*by))
            case "specificity", [target, *by] if len(by) < 2:
                rule = SpecificityAtLeast(float(target), _by(*by))
            case "cost", []:
                rule = LeastExpectedCost(assumptions)
            case "top", [share]:
                rule = FlagTopShare(float(share))
            case "grey", [miss, alarm, by]:
                rule = GreyZoneTargets(float(miss), float(alarm), _by(by))
    except ValueError as error:
        raise EvidenceError(f"The rule {text[:40]!r} cannot be used: {error}") from None
    if rule is None:
        raise EvidenceError(
            f"There is no rule {text[:40]!r}; expected one such as 'youden' or "
            "'sensitivity:0.95:slides'. Choose one on the page."
        )
    return rule


def _by(text: str = "estimate") -> By:
    basis = next((by for by in _BYS if by == text), None)
    if basis is None:
        raise ValueError(f"found {text[:20]!r}, expected one of {', '.join(_BYS)}")
    return basis
