"""A rule applied to evidence: the threshold chosen, what it achieved, how far it would move."""

from dataclasses import dataclass, replace

import numpy as np

from core.errors import EvidenceError
from core.statistics.cluster import SlideBootstrap
from core.statistics.evidence import Evidence, FloatArray, IntArray, ScoreArray
from core.statistics.intervals import TAILS
from core.statistics.measured import Measured
from core.statistics.metrics import Confusion
from core.statistics.operating import OperatingTable, SlideGrid, grid_thresholds, slide_totals
from core.thresholds.rules import (
    By,
    Candidates,
    FixedThreshold,
    Rule,
    SensitivityAtLeast,
    SpecificityAtLeast,
)

_GRID_POINTS = 1000


@dataclass(frozen=True)
class Choice:
    """A threshold with the rule it came from and what it achieved on the evidence it was chosen on.

    Attributes:
        threshold: flag when score >= threshold; an observed score, except under `FixedThreshold`.
        rule: short name.
        description: one sentence that lets a reader repeat the choice.
        achieved: the 2 x 2 table on the same evidence; optimistic, because it was chosen there.
        notes: what must not be trusted.
        lower: start of a grey zone below, an observed score; None without one.
    """

    threshold: float
    rule: str
    description: str
    achieved: Confusion
    notes: tuple[str, ...]
    lower: float | None = None


def choose(rule: Rule, evidence: Evidence, table: OperatingTable | None = None) -> Choice:
    """The threshold that a rule picks on some evidence.

    Args:
        rule: one of `core.thresholds.rules`.
        evidence: labels and scores, with slides where the rule asks for bounds over slides.
        table: the evidence's own table, where it is already built.

    Raises:
        EvidenceError: no threshold satisfies the rule (says what is attainable), a class the rule
            needs is absent, or it needs slides and there are none.
    """
    table = OperatingTable.of(evidence) if table is None else table
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
    return Choice(
        threshold=threshold,
        rule=rule.name,
        description=rule.description,
        achieved=table.confusion(threshold),
        notes=evidence.notes(),
    )


def grey_zone(
    evidence: Evidence,
    *,
    miss_rate: float,
    false_alarm_rate: float,
    by: By = "estimate",
    table: OperatingTable | None = None,
) -> Choice:
    """The narrowest grey zone that keeps both target rates on some evidence.

    Patches are cleared below `lower`, left to a person from there up to `threshold`, and flagged
    from `threshold` on. `lower` is the highest score with a sensitivity of at least 1 - miss_rate,
    `threshold` the lowest with a specificity of at least 1 - false_alarm_rate. Where the two cross,
    the higher score meets both targets: it is the threshold, and there is no grey zone.

    Args:
        evidence: both classes; slides where `by` is "slides".
        miss_rate: largest share of tumour patches that may be cleared, 0..1.
        false_alarm_rate: largest share of tumour-free patches that may be flagged, 0..1.
        by: whether estimates or bounds must meet the targets.
        table: the evidence's own table, where it is already built.

    Raises:
        EvidenceError: a target cannot be met; the message says what can.
    """
    for name, rate in (("miss rate", miss_rate), ("false-alarm rate", false_alarm_rate)):
        if not 0 <= rate <= 1:
            raise EvidenceError(
                f"Found a {name} of {rate:g}; expected a share between 0 and 1, such as 0.02."
            )
    table = OperatingTable.of(evidence) if table is None else table
    # Rounded, because 1 - 0.1 is a hair off what a reader would write.
    low = SensitivityAtLeast(round(1 - miss_rate, 12), by)
    high = SpecificityAtLeast(round(1 - false_alarm_rate, 12), by)
    lower, upper = (choose(rule, evidence, table).threshold for rule in (low, high))
    threshold = max(upper, lower)
    return Choice(
        threshold=threshold,
        rule="Grey zone",
        description=f"No tumour below: {low.description} Tumour from: {high.description}",
        achieved=table.confusion(threshold),
        notes=evidence.notes(),
        lower=lower if lower < threshold else None,
    )


def _choose_over_slides(rule: Rule, evidence: Evidence, table: OperatingTable) -> float:
    """Search over a grid of 1,000 ranks, then over every score next to the one it found.

    Exact up to 1,000 distinct scores; beyond, the bound at the chosen score always satisfies the
    rule, and no better score lies within one grid step of it.
    """
    thresholds = grid_thresholds(table, _GRID_POINTS)
    coarse = _slide_candidates(evidence, thresholds)
    row = int(rule.rows(coarse))
    if row < 0:
        raise _unattainable(rule, coarse)
    around = thresholds[[max(row - 1, 0), min(row + 1, len(thresholds) - 1)]]
    near = table.thresholds[(table.thresholds <= around[0]) & (table.thresholds >= around[1])]
    fine = _slide_candidates(evidence, near)
    return float(near[int(rule.rows(fine))])


def _slide_candidates(evidence: Evidence, thresholds: ScoreArray) -> Candidates:
    return Candidates.of_grid(SlideGrid.of(evidence, thresholds), *slide_totals(evidence))


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
        sensitivity: (R,) of each replicate's threshold on the evidence itself.
        specificity: (R,) likewise.
        without_slide: (S,) chosen with one slide left out, in the order of `slide_names`; NaN
            where no threshold satisfied the rule.
        slide_names: the S slides.
    """

    threshold: Measured
    replicates: FloatArray
    sensitivity: FloatArray
    specificity: FloatArray
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
    step of rank beyond. A slide that is drawn twice counts as two slides.

    Args:
        rule: any rule; a fixed threshold does not move.
        bootstrap: of the slides.
        table: of the same evidence.

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
        totals = slide_totals(evidence)
        drawn = _chosen(rule, grid, totals, bootstrap.draws)
        without = _chosen(rule, grid, totals, 1.0 - np.eye(slides))
    kept = drawn[~np.isnan(drawn)]
    threshold = Measured(chosen, by="slides")
    if len(kept) >= 2:
        low, high = map(float, np.quantile(kept, TAILS))
        threshold = replace(threshold, low=low, high=high, method="slide bootstrap, percentile")
    there = table.confusions(kept)
    return Stability(
        threshold=threshold,
        replicates=kept,
        sensitivity=there.value("sensitivity"),
        specificity=there.value("specificity"),
        without_slide=without,
        slide_names=evidence.slide_names,
    )


def _chosen(
    rule: Rule, grid: SlideGrid, totals: tuple[FloatArray, FloatArray], draws: FloatArray
) -> FloatArray:
    """(R,) thresholds chosen under slide counts draws (R, S); NaN where unattainable."""
    rows = _rows_over_slides if rule.over_slides else _rows
    chosen_rows = rows(rule, grid, totals, draws)
    scores = np.append(grid.thresholds.astype(np.float64), np.nan)
    return scores[chosen_rows]  # row -1 is the NaN at the end


def _rows(
    rule: Rule, grid: SlideGrid, totals: tuple[FloatArray, FloatArray], draws: FloatArray
) -> IntArray:
    return np.concatenate(
        [
            rule.rows(
                Candidates(
                    tp=some @ grid.tp.T,
                    fp=some @ grid.fp.T,
                    positives=(some @ totals[0])[:, np.newaxis],
                    negatives=(some @ totals[1])[:, np.newaxis],
                )
            )
            for some in np.array_split(draws, max(1, len(draws) // _CHUNK))
        ]
    )


def _rows_over_slides(
    rule: Rule, grid: SlideGrid, totals: tuple[FloatArray, FloatArray], draws: FloatArray
) -> IntArray:
    rows = []
    for draw in draws.astype(np.int64):
        slides = np.repeat(np.arange(len(draw)), draw)
        resampled = SlideGrid(grid.thresholds, grid.tp[:, slides], grid.fp[:, slides])
        candidates = Candidates.of_grid(resampled, totals[0][slides], totals[1][slides])
        rows.append(int(rule.rows(candidates)))
    return np.array(rows, dtype=np.int64)
