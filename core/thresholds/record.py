"""A locked operating point: everything that was decided, and on which evidence, in one file."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from core.bundle import OperatingPoint
from core.bundle.card import Published, Sha256, Share

Version = Annotated[str, Field(pattern=r"^v[1-9][0-9]{0,5}$")]


class Decision(BaseModel):
    """What a person locks; the store adds who, when and which version.

    Attributes:
        model_id: The model.
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
        schema_version: Of this file.
        version: "v1", "v2", … for each model.
        locked_by: Who locked it.
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
