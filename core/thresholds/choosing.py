"""A rule applied to evidence: the threshold chosen, and how far it would move."""

from dataclasses import dataclass, replace

import numpy as np

from core.errors import EvidenceError
from core.statistics.cluster import SlideBootstrap
from core.statistics.evidence import Evidence, FloatArray
from core.statistics.intervals import TAILS
from core.statistics.measured import Measured
from core.statistics.operating import OperatingTable, SlideGrid, grid_thresholds
from core.thresholds.rules import (
    Aim,
    Candidates,
    FixedThreshold,
    GreyZoneTargets,
    Rule,
    SensitivityAtLeast,
    SpecificityAtLeast,
)

_GRID_POINTS = 1000


@dataclass(frozen=True)
class Choice:
    """A threshold with the rule it came from.

    Attributes:
        threshold: flag when score >= threshold; an observed score, except under `FixedThreshold`.
        rule: short name.
        description: one sentence that lets a reader repeat the choice.
        notes: what must not be trusted.
        lower: start of a grey zone below, an observed score; None without one.
    """

    threshold: float
    rule: str
    description: str
    notes: tuple[str, ...]
    lower: float | None = None


def choose(rule: Aim, evidence: Evidence, table: OperatingTable | None = None) -> Choice:
    """The threshold that a rule picks on some evidence, or the two of a grey zone.

    Args:
        rule: one of `core.thresholds.rules`.
        evidence: labels and scores, with slides where the rule asks for bounds over slides.
        table: the evidence's own table, where it is already built.

    Raises:
        EvidenceError: no threshold satisfies the rule (says what is attainable), a class the rule
            needs is absent, or it needs slides and there are none.
    """
    table = OperatingTable.of(evidence) if table is None else table
    if isinstance(rule, GreyZoneTargets):
        return _grey_zone(rule, evidence, table)
    if isinstance(rule, FixedThreshold):
        threshold = rule.threshold
    elif rule.over_slides:
        threshold = _choose_over_slides(rule, evidence, table)
    else:
        candidates = Candidates.of_table(table)
        row = int(rule.rows(candidates))
        if row < 0:
            raise _unattainable(rule, candidates)
        threshold = float(table.thresholds[row])
    return Choice(threshold, rule.name, rule.description, evidence.notes())


def _grey_zone(targets: GreyZoneTargets, evidence: Evidence, table: OperatingTable) -> Choice:
    """The narrowest grey zone that keeps both target rates on some evidence.

    `lower` is the highest score with a sensitivity of at least 1 - miss_rate, `threshold` the
    lowest with a specificity of at least 1 - false_alarm_rate. Where the two cross, the higher
    score meets both targets: it is the threshold, and there is no grey zone.
    """
    for name, rate in (
        ("miss rate", targets.miss_rate),
        ("false-alarm rate", targets.false_alarm_rate),
    ):
        if not 0 <= rate <= 1:
            raise EvidenceError(
                f"Found a {name} of {rate:g}; expected a share between 0 and 1, such as 0.02."
            )
    # Rounded, because 1 - 0.1 is a hair off what a reader would write.
    low = SensitivityAtLeast(round(1 - targets.miss_rate, 12), targets.by)
    high = SpecificityAtLeast(round(1 - targets.false_alarm_rate, 12), targets.by)
    lower, upper = (choose(rule, evidence, table).threshold for rule in (low, high))
    threshold = max(upper, lower)
    return Choice(
        threshold,
        "Grey zone",
        f"No tumour below: {low.description} Tumour from: {high.description}",
        evidence.notes(),
        lower if lower < threshold else None,
    )


def _choose_over_slides(rule: Rule, evidence: Evidence, table: OperatingTable) -> float:
    """Search over a grid of 1,000 ranks, then over every score next to the one it found.

    Exact up to 1,000 distinct scores; beyond, the bound at the chosen score always satisfies the
    rule, and no better score lies within one grid step of it.
    """
    thresholds = grid_thresholds(table, _GRID_POINTS)
    coarse = Candidates.of_grid(SlideGrid.of(evidence, thresholds))
    row = int(rule.rows(coarse))
    if row < 0:
        raise _unattainable(rule, coarse)
    around = thresholds[[max(row - 1, 0), min(row + 1, len(thresholds) - 1)]]
    near = table.thresholds[(table.thresholds <= around[0]) & (table.thresholds >= around[1])]
    fine = Candidates.of_grid(SlideGrid.of(evidence, near))
    return float(near[int(rule.rows(fine))])


def _unattainable(rule: Rule, candidates: Candidates) -> EvidenceError:
    return EvidenceError(
        f"No threshold satisfies: {rule.description} {rule.attainable(candidates)}"
    )


_GRID_POINTS_OVER_SLIDES = 200  # such a rule needs every slide at each threshold and replicate
_CHUNK = 200  # replicates at a time: 200 x 1,000 cells, 1.6 megabytes each


@dataclass(frozen=True, eq=False)
class Stability:
    """The thresholds that a rule would have chosen on other slides.

    Attributes:
        threshold: chosen on the evidence itself, with the percentile interval of the replicates;
            without one where fewer than 2 allowed a choice.
        replicates: (R,) chosen in each slide-bootstrap replicate that allowed a choice.
        without_slide: (S,) chosen with one slide left out, in the order of `slide_names`; NaN
            where no threshold satisfied the rule.
        slide_names: the S slides.
    """

    threshold: Measured
    replicates: FloatArray
    without_slide: FloatArray
    slide_names: tuple[str, ...]

    @property
    def most_influential(self) -> tuple[str, float]:
        """The slide whose removal moves the threshold most, and the threshold without it.

        A slide without which the rule cannot be satisfied counts as moving it most.
        """
        moved = np.abs(self.without_slide - self.threshold.value)
        slide = int(np.argmax(np.where(np.isnan(moved), np.inf, moved)))
        return self.slide_names[slide], float(self.without_slide[slide])


def threshold_stability(rule: Rule, bootstrap: SlideBootstrap, table: OperatingTable) -> Stability:
    """Slide-bootstrap and leave-one-slide-out distribution of a rule's threshold.

    Replicates choose among at most 1,000 observed scores at equal steps of rank (200 for rules by
    slide-cluster bounds), so thresholds are exact up to as many distinct scores and within one
    step of rank beyond. A slide that is drawn twice counts as two slides. A fixed threshold does
    not move.

    Raises:
        EvidenceError: no threshold satisfies the rule on the evidence itself.
    """
    evidence = bootstrap.evidence
    chosen = choose(rule, evidence, table).threshold
    slides = len(evidence.slide_names)
    if isinstance(rule, FixedThreshold):
        drawn, without = np.full(len(bootstrap.draws), chosen), np.full(slides, chosen)
    else:
        points = _GRID_POINTS_OVER_SLIDES if rule.over_slides else _GRID_POINTS
        grid = SlideGrid.of(evidence, grid_thresholds(table, points))
        drawn = _chosen(rule, grid, bootstrap.draws)
        without = _chosen(rule, grid, 1.0 - np.eye(slides))
    kept = drawn[~np.isnan(drawn)]
    threshold = Measured(chosen, by="slides")
    if len(kept) >= 2:
        low, high = map(float, np.quantile(kept, TAILS))
        threshold = replace(threshold, low=low, high=high, method="slide bootstrap, percentile")
    return Stability(threshold, kept, without, evidence.slide_names)


def _chosen(rule: Rule, grid: SlideGrid, draws: FloatArray) -> FloatArray:
    """(R,) thresholds chosen under slide counts draws (R, S); NaN where unattainable."""
    if rule.over_slides:
        slides = np.arange(draws.shape[1])
        candidates = (
            Candidates.of_grid(grid.with_slides(np.repeat(slides, draw)))
            for draw in draws.astype(np.int64)
        )
    else:
        candidates = (
            Candidates(
                tp=some @ grid.tp.T,
                fp=some @ grid.fp.T,
                positives=(some @ grid.positives)[:, np.newaxis],
                negatives=(some @ grid.negatives)[:, np.newaxis],
            )
            for some in np.array_split(draws, max(1, len(draws) // _CHUNK))
        )
    scores = np.append(grid.thresholds.astype(np.float64), np.nan)
    return scores[np.hstack([rule.rows(some) for some in candidates])]  # row -1 is the NaN
