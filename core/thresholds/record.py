"""A locked operating point: all that was decided, on which evidence; made from a setting."""

import math
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from core.bundle import Card, OperatingPoint, same_model
from core.bundle.card import Published, Sha256, Share
from core.errors import RunError
from core.statistics import Measured
from core.thresholds.scores import Source

if TYPE_CHECKING:  # a point is read without what it was found with
    from core.thresholds.study import Snapshot, ThresholdStudy

Version = Annotated[str, Field(pattern=r"^v[1-9][0-9]{0,5}$")]


class Decision(BaseModel):
    """What a person locks; the store adds who, when and which version.

    Attributes:
        weights_sha256: Hash of its weights; the lock holds for these only.
        threshold: A patch is called tumour if its probability is at least this.
        lower_threshold: Start of a grey zone below it, or None.
        rule: The rule that chose the threshold, in words that let a reader repeat it.
        temperature: Logits are divided by it before the sigmoid.
        prevalence: Assumed share of tumour patches in use, or None.
        cost_missed: Assumed cost of one missed tumour patch, or None.
        cost_false_alarm: Assumed cost of one false alarm, or None.
        metrics: By name, on the evidence, each with interval and method.
        evidence_name: What the evidence is called.
        evidence_sha256: Hash of labels, scores and slides that the threshold was chosen on.
        patches: How many patches the evidence has.
        positives: How many of them are labelled tumour.
        slides: Names of the slides in the evidence.
        notes: What must not be trusted.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    model_id: str = Field(min_length=1)
    weights_sha256: Sha256
    threshold: Share
    lower_threshold: Share | None = None
    rule: str = Field(min_length=1)
    temperature: float = Field(gt=0)
    prevalence: Share | None = None
    cost_missed: float | None = Field(default=None, ge=0)
    cost_false_alarm: float | None = Field(default=None, ge=0)
    metrics: dict[str, Published]
    evidence_name: str
    evidence_sha256: Sha256
    patches: int = Field(gt=0)
    positives: int = Field(ge=0)
    slides: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _grey_zone_is_below(self) -> "Decision":
        if self.lower_threshold is not None and self.lower_threshold >= self.threshold:
            raise ValueError("the lower threshold must be below the upper one")
        return self


class LockedPoint(Decision):
    """A decision that was locked.

    Attributes:
        version: "v1", "v2", … for each model.
        locked_at: When (with time zone).
        previous_sha256: Hash of the file of the version before, None for the first.
    """

    schema_version: Literal[1] = 1
    version: Version
    locked_by: str = Field(min_length=1, max_length=200)
    locked_at: datetime
    previous_sha256: Sha256 | None = None

    @property
    def operating_point(self) -> OperatingPoint:
        """The threshold as scoring uses it."""
        return OperatingPoint(
            version=self.version,
            threshold=self.threshold,
            lower_threshold=self.lower_threshold,
            rule=self.rule,
            chosen_on=f"{self.evidence_name} ({self.patches} patches, {len(self.slides)} slides)",
            sensitivity=self.metrics.get("sensitivity"),
            specificity=self.metrics.get("specificity"),
        )


def obstacle_to_lock(study: "ThresholdStudy", card: Card) -> str:
    """Say why a threshold found on these scores cannot be locked for a model; "" if it can.

    A lock holds for one set of weights. Scores of another model say nothing about it.
    """
    scores = study.scores
    if scores.source is Source.RUN:
        return (
            "These scores are from a training run, not from the model in this app. Export the run "
            "with `python -m training export`, open the app with that model, and lock there."
        )
    if scores.model_id and not same_model(scores.model_id, card.model_id):
        return (
            f"These scores are from the model {scores.model_id}; this app runs {card.model_id}. "
            "Score the patches with this model, then lock."
        )
    return ""


def comparable(study: "ThresholdStudy", card: Card, temperature: float) -> bool:
    """Return whether a threshold of a model, meant with a temperature, says the same on scores."""
    if obstacle_to_lock(study, card):
        return False
    score_temperature = study.scores.temperature
    return score_temperature is None or score_temperature == temperature


def decision_of(
    study: "ThresholdStudy", snapshot: "Snapshot", card: Card, *, rule: str
) -> Decision:
    """Return what is locked for a model when a reader decides for the threshold of a snapshot.

    `rule` chose it, in words that let a reader repeat it.

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


def _metrics(study: "ThresholdStudy", snapshot: "Snapshot") -> dict[str, Measured]:
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
