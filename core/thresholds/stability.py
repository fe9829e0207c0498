"""How far a chosen threshold moves when the slides had been others."""

from dataclasses import dataclass, replace

import numpy as np

from core.statistics.cluster import SlideBootstrap
from core.statistics.evidence import FloatArray, IntArray
from core.statistics.intervals import TAILS
from core.statistics.measured import Measured
from core.statistics.operating import OperatingTable
from core.statistics.slide_grid import SlideGrid, grid_thresholds, slide_totals
from core.thresholds.candidates import Candidates
from core.thresholds.choosing import choose
from core.thresholds.rules import FixedThreshold, Rule

_GRID_POINTS = 1000
_GRID_POINTS_OVER_SLIDES = 200  # such a rule needs every slide at every threshold and replicate
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
        unattainable: replicates in which no threshold satisfied the rule.
        without_slide: (S,) chosen with one slide left out, in the order of `slide_names`; NaN
            where no threshold satisfied the rule.
        slide_names: the S slides.
    """

    threshold: Measured
    replicates: FloatArray
    sensitivity: FloatArray
    specificity: FloatArray
    unattainable: int
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
        unattainable=len(drawn) - len(kept),
        without_slide=without,
        slide_names=evidence.slide_names,
    )


def _chosen(
    rule: Rule, grid: SlideGrid, totals: tuple[FloatArray, FloatArray], draws: FloatArray
) -> FloatArray:
    """(R,) thresholds chosen under slide counts draws (R, S); NaN where unattainable."""
    rows = _rows_over_slides if rule.over_slides else _rows
    found = rows(rule, grid, totals, draws)
    scores = np.append(grid.thresholds.astype(np.float64), np.nan)
    picked: FloatArray = scores[found]  # row -1 is the NaN at the end
    return picked


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
    found = []
    for draw in draws.astype(np.int64):
        slides = np.repeat(np.arange(len(draw)), draw)
        resampled = SlideGrid(grid.thresholds, grid.tp[:, slides], grid.fp[:, slides])
        candidates = Candidates.of_grid(resampled, totals[0][slides], totals[1][slides])
        found.append(int(rule.rows(candidates)))
    return np.array(found, dtype=np.int64)
