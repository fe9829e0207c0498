"""A rule applied to evidence: the chosen threshold, with what it achieved there."""

from dataclasses import dataclass

from core.errors import EvidenceError
from core.statistics.evidence import Evidence, ScoreArray
from core.statistics.metrics import Confusion
from core.statistics.operating import OperatingTable
from core.statistics.slide_grid import SlideGrid, grid_thresholds, slide_totals
from core.thresholds.candidates import Candidates
from core.thresholds.rules import By, FixedThreshold, Rule, SensitivityAtLeast, SpecificityAtLeast

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
        description=f"Clear below: {low.description} Flag from: {high.description}",
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
