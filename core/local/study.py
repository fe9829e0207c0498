"""A batch's labelled scores as a study of the installed model, and a threshold tried on it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from core.bundle import Card
from core.errors import RunError
from core.scoring import ScoreRow, batch_scores
from core.thresholds import (
    Assumptions,
    FixedThreshold,
    Rule,
    Snapshot,
    ThresholdStudy,
    comparable,
    obstacle_to_lock,
)

_SAME: Final = 1e-12


def local_study(name: str, rows: Sequence[ScoreRow], card: Card) -> ThresholdStudy:
    """Return the study of a batch's labelled patches.

    Raises:
        EvidenceError: No label, or labels of one class only.
        RunError: Another model made the scores, or this one at another temperature.
        SourceError: The rows mix models or temperatures.
    """
    scores = replace(batch_scores(name, rows), name=f"local patches, {name}")
    study = ThresholdStudy.of(scores)
    if obstacle := obstacle_to_lock(study, card):
        raise RunError(obstacle)
    if not comparable(study, card, card.temperature):
        raise RunError(
            f"These scores were made at temperature {scores.temperature:g}; the card's thresholds "
            f"and claims are for {card.temperature:g}. Put the shipped operating point in use on "
            "the Threshold page and score the batch again."
        )
    return study


def point_at(
    study: ThresholdStudy, wanted: Rule, card: Card, *, prevalence: float
) -> tuple[str, Snapshot]:
    """Return in words how a rule chooses on the local patches, and everything at its threshold.

    Args:
        study: Of the local patches.
        wanted: The rule; a fixed threshold that equals the shipped one keeps that, with its grey
            zone.
        card: Of the model.
        prevalence: Share of tumour patches where the model will be used, between 0 and 1.

    Raises:
        EvidenceError: Nothing satisfies the rule, or the prevalence is no share.
    """
    assumptions = Assumptions(prevalence=prevalence)
    shipped = card.operating_point
    if isinstance(wanted, FixedThreshold) and abs(wanted.threshold - shipped.threshold) < _SAME:
        rule = f"The shipped threshold is kept. {shipped.rule} It was chosen on {shipped.chosen_on}"
        return rule, study.at(shipped.threshold, assumptions, shipped.lower_threshold)
    choice = study.choose(wanted)
    return (
        f"{choice.rule}: {choice.description} Chosen on these local patches.",
        study.at(choice.threshold, assumptions, choice.lower),
    )
