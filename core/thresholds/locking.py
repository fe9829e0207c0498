"""From a tuned threshold to the decision that is locked."""

import math

from core.bundle import Card, same_model
from core.errors import RunError
from core.statistics import Measured
from core.thresholds.record import Decision
from core.thresholds.scores import Source
from core.thresholds.snapshot import Snapshot
from core.thresholds.study import ThresholdStudy


def obstacle_to_lock(study: ThresholdStudy, card: Card) -> str:
    """Say why a threshold found on these scores cannot be locked for a model; "" if it can.

    A lock holds for one set of weights. Scores of another model say nothing about it.
    """
    scores = study.scores
    if scores.source is Source.RUN:
        return (
            "These are scores of a training run, not of the model in this app. Export the run with "
            "`python -m training export`, open the app with it, and lock there."
        )
    if scores.model_id and not same_model(scores.model_id, card.model_id):
        return (
            f"These scores are of the model {scores.model_id}; this app runs {card.model_id}. "
            "Score the patches with this model, then lock."
        )
    return ""


def comparable(study: ThresholdStudy, card: Card, temperature: float) -> bool:
    """Return whether a threshold of a model means the same on these scores.

    Args:
        study: The scores.
        card: Of the model.
        temperature: That the model's probabilities are meant with.
    """
    if obstacle_to_lock(study, card):
        return False
    found = study.scores.temperature
    return found is None or found == temperature


def decision_of(study: ThresholdStudy, snapshot: Snapshot, card: Card, *, rule: str) -> Decision:
    """Return what is locked when a reader decides for a threshold.

    Args:
        study: The evidence.
        snapshot: Of the threshold, under the reader's assumptions.
        card: Of the model it is locked for.
        rule: The rule that chose it, in words that let a reader repeat it.

    Raises:
        RunError: The scores are not this model's.
    """
    obstacle = obstacle_to_lock(study, card)
    if obstacle:
        raise RunError(obstacle)
    scores, evidence = study.scores, study.scores.evidence
    return Decision(
        model_id=card.model_id,
        weights_sha256=card.weights_sha256,
        threshold=snapshot.confusion.threshold,
        lower_threshold=None if snapshot.deferral is None else snapshot.deferral.lower,
        rule=rule,
        temperature=card.temperature if scores.temperature is None else scores.temperature,
        prevalence=snapshot.assumptions.prevalence,
        cost_missed=snapshot.assumptions.miss_cost,
        cost_false_alarm=snapshot.assumptions.false_alarm_cost,
        metrics=_metrics(study, snapshot),
        evidence_name=scores.name,
        evidence_sha256=evidence.digest,
        patches=len(evidence),
        positives=evidence.n_positive,
        slides=scores.slides,
        notes=(*scores.notes, *snapshot.notes),
    )


def _metrics(study: ThresholdStudy, snapshot: Snapshot) -> dict[str, Measured]:
    """Every finite metric: over slides where there is such an interval, and by patches."""
    metrics: dict[str, Measured] = {str(name): one for name, one in snapshot.metrics.items()}
    stated = f"at prevalence {snapshot.assumptions.prevalence:g}"
    metrics[f"ppv {stated}"] = snapshot.ppv
    metrics[f"npv {stated}"] = snapshot.npv
    if snapshot.deferral is not None:
        metrics["grey zone share"] = snapshot.deferral.share
        metrics["missed below the grey zone"] = snapshot.deferral.missed
        metrics["errors outside the grey zone"] = snapshot.deferral.errors_outside
    metrics["auroc"] = study.auroc
    both = {
        key: one
        for name, metric in metrics.items()
        for key, one in ((name, metric), (f"{name}, by patches", metric.naive))
    }
    return {
        key: one
        for key, one in both.items()
        if one is not None and all(map(math.isfinite, (one.value, one.low, one.high)))
    }
