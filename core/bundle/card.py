"""The model card: everything a bundle claims about itself, checked against a schema on load."""

import hashlib
import json
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Annotated, Final, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    PlainSerializer,
    PlainValidator,
    model_validator,
)

from core.statistics.measured import Measured
from core.wording import interval_text, percent

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Share = Annotated[float, Field(ge=0, le=1)]
Channels = tuple[float, float, float]

SHIPPED: Final = "shipped"
"""Version of the operating point that a card brings."""


class _Part(BaseModel):
    """A frozen part of the card; unknown fields are an error, so a typo cannot pass."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Architecture(_Part):
    """How to build the network with `timm.create_model(name, **arguments)`.

    Attributes:
        name: timm's name of the network, or "nodelens_simple_cnn".
        arguments: Further arguments; never `pretrained`.
        outputs: 1 (one tumour logit) or 2 (logits in `class_order`).
        pooling: "network" keeps the network's own; "centre-and-context" joins the mean of the
            whole last map with the mean of its centre 32 × 32 px; "gem" is a generalised mean
            with a learnt exponent; "attention" a mean with learnt weights.
        head: "linear", or "mlp" with one hidden layer.
        head_width: Of the hidden layer.
        head_dropout: Behind the hidden layer.
        centre_stream: timm's name of a second network that sees the centre 32 px alone; its
            features are joined with those of the first before one linear layer.
    """

    name: str = Field(min_length=1)
    arguments: dict[str, JsonValue] = {}
    outputs: Literal[1, 2] = 1
    pooling: Literal["network", "centre-and-context", "gem", "attention"] = "network"
    head: Literal["linear", "mlp"] = "linear"
    head_width: int = Field(default=256, ge=1)
    head_dropout: float = Field(default=0.5, ge=0, lt=1)
    centre_stream: str | None = Field(default=None, min_length=1)


class Preprocessing(_Part):
    """From a patch to the network's input: crop, stains, size, scale.

    It is the same in training and in serving. Training varies a patch before it comes here, so
    that a network that normalises stains learns from what this makes of differently stained
    tissue; most of a variation of stain and light is then taken away again.

    Attributes:
        input_size_px: Height and width the network sees; patches are resized (bilinear,
            antialiased) only if it is not 96.
        crop_px: If given, only the centre of this size is taken, before all else: what lies
            around it then does not count, for the stains neither.
        stain_normalisation: "macenko" brings each patch's haematoxylin and eosin to a reference,
            as `core.bundle.stain` says; "none" leaves the pixels as they are.
        mean: Per RGB channel, of pixels scaled to 0..1.
        std: Likewise.
    """

    input_size_px: int = Field(default=96, ge=16, le=1024)
    crop_px: int | None = Field(default=None, ge=16, le=96)
    stain_normalisation: Literal["none", "macenko"] = "none"
    mean: Channels
    std: Channels


def _read_measured(number: object) -> object:
    return number if isinstance(number, Measured) else _Published.model_validate(number).measured


class _Published(_Part):
    """A number in a card or a lock: all finite, with the interval to believe."""

    value: float
    low: float
    high: float
    method: str

    @property
    def measured(self) -> Measured:
        return Measured(self.value, self.low, self.high, self.method)


Published = Annotated[Measured, PlainValidator(_read_measured), PlainSerializer(Measured.published)]
"""A number with its 95 % interval and how this was made, as it stands in a file."""


class OperatingPoint(_Part):
    """A threshold and where it comes from; a patch is called tumour if probability >= threshold.

    Attributes:
        version: `SHIPPED`, or the lock's version, such as "v1".
        threshold: On the calibrated probability.
        lower_threshold: If given, there is a grey zone: below it the call is no tumour, between
            the two there is no call and a person decides.
        rule: The rule that chose it, in words.
        chosen_on: The evidence that it was chosen on.
        sensitivity: At this threshold on that evidence.
        specificity: Likewise.
    """

    version: str
    threshold: Share
    lower_threshold: Share | None = None
    rule: str
    chosen_on: str
    sensitivity: Published | None = None
    specificity: Published | None = None

    @model_validator(mode="after")
    def _ordered(self) -> "OperatingPoint":
        if self.lower_threshold is not None and self.lower_threshold >= self.threshold:
            raise ValueError(
                f"the lower threshold {self.lower_threshold} is not below {self.threshold}"
            )
        return self

    @property
    def name(self) -> str:
        """What scores and cases call it: "shipped" or "locked v1"."""
        return self.version if self.version == SHIPPED else f"locked {self.version}"

    def call(self, prob_tumour: float) -> int | None:
        """Return 1 (tumour), 0 (none), or None in the grey zone, for a calibrated probability."""
        if prob_tumour >= self.threshold:
            return 1
        lower = self.threshold if self.lower_threshold is None else self.lower_threshold
        return 0 if prob_tumour < lower else None


class DataSummary(_Part):
    """A set of patches in counts.

    Attributes:
        name: What the set is.
        patches: How many.
        positives: How many of them are labelled tumour.
        slides: How many slides (or slide groups) are known among them.
        patches_without_slide: Patches whose slide is not known.
        slides_sha256: Hash of each known slide's name, so overlap can be tested without names.
    """

    name: str
    patches: int = Field(ge=0)
    positives: int = Field(ge=0)
    slides: int = Field(ge=0)
    patches_without_slide: int = Field(default=0, ge=0)
    slides_sha256: tuple[Sha256, ...] = ()

    @property
    def title(self) -> str:
        """What the set is, with a data set that everyone knows called by its full name."""
        return re.sub(r"^pcam\b", "PatchCamelyon", self.name)


def known_slides(slides: Collection[str], slides_sha256: Collection[str]) -> list[str]:
    """Return those of some slides whose names are among the hashes in a card, sorted."""
    known = frozenset(slides_sha256)
    return sorted(s for s in set(slides) if hashlib.sha256(s.encode()).hexdigest() in known)


class Validation(_Part):
    """How the model did on patches that it was not trained on.

    Attributes:
        data: The patches.
        metrics: By name ("auroc", "average_precision", "brier", "ece", ...).
        scores_sha256: Hash of the bundle's validation.csv.
        split_seed: Of cards of earlier versions, whose slides were halved: the temperature was
            fitted on the first half, the threshold chosen on the second; None where they share
            patches.
        notes: What limits these numbers.
    """

    data: DataSummary
    metrics: dict[str, Published]
    scores_sha256: Sha256
    split_seed: int | None = None
    notes: tuple[str, ...] = ()


class GoldenPatches(_Part):
    """Drawn patches with the logits that this model gives them, scored again on every load.

    Attributes:
        files: File name, hash of the file, expected tumour logit; in order.
        tolerance_logit: Largest difference that passes, in logits.
    """

    files: tuple["GoldenPatch", ...] = Field(min_length=1, max_length=512)
    tolerance_logit: float = Field(gt=0)


class GoldenPatch(_Part):
    """One golden patch.

    Attributes:
        file: Name within the bundle's folder `golden/`.
        sha256: Hash of the file.
        logit: Expected tumour logit before temperature.
    """

    file: str = Field(pattern=r"^[A-Za-z0-9_-]+\.png$")
    sha256: Sha256
    logit: float


@dataclass(frozen=True)
class Parent:
    """A run whose weights were averaged with others.

    Attributes:
        run: Name of its folder.
        share: Of the mean, 0..1.
        recipe: Name of its recipe.
        description: What it started from itself, in words.
    """

    run: str
    share: float
    recipe: str
    description: str


class StartingWeights(_Part):
    """What training started from.

    Attributes:
        description: In words.
        source: Origin and licence, where the weights were a file.
        parents: The runs that were averaged, if it is a mean.
    """

    description: str
    source: str = ""
    parents: tuple[Parent, ...] = ()

    @property
    def summary(self) -> str:
        """In words, with the parents of a mean by name, and the source."""
        named = " and ".join(f"{parent.share:.0%} {parent.run}" for parent in self.parents)
        start = f"mean of the weights of {named}" if named else self.description
        return f"{start}; {self.source}" if self.source else start


class Orientations(_Part):
    """How far scoring all eight orientations moves a patch's logit, on the validation patches.

    Attributes:
        patches: How many were measured.
        band_logit: Largest distance between a patch's logit and the mean over its eight
            orientations: further from a threshold than this, none of them changed its call.
        share: Of the patches that lie within the band around the shipped threshold.
        changed_calls: Calls at the shipped threshold that eight orientations change.
    """

    patches: int = Field(ge=1)
    band_logit: float = Field(ge=0)
    share: Share
    changed_calls: int = Field(ge=0)


class FastPrecision(_Part):
    """What 16-bit arithmetic changes against float32, on the validation patches.

    Attributes:
        patches: How many were measured.
        arithmetic: Engine and arithmetic ("openvino, bfloat16").
        changed_calls: Calls at the shipped threshold that differ.
        auroc_difference: AUROC of the fast scores minus that of the exact ones.
        largest_difference_logit: Of any patch.
    """

    patches: int = Field(ge=1)
    arithmetic: str
    changed_calls: int = Field(ge=0)
    auroc_difference: float
    largest_difference_logit: float = Field(ge=0)


class TrainingDomain(_Part):
    """How patches unlike the training data are told: `domain.safetensors` in words.

    Attributes:
        layers: Of the network, whose channels' mean and spread are compared.
        patches: Training patches that the reference rests on.
        judged_on: The patches of other slides that set the limit, in words.
        share: Of those patches that lie beyond it.
        sha256: Hash of the file.
    """

    layers: tuple[str, ...] = Field(min_length=1)
    patches: int = Field(ge=2)
    judged_on: str
    share: Share
    sha256: Sha256


class Card(_Part):
    """What a bundle is: the contract that travels with the weights.

    Attributes:
        schema_version: Of this schema.
        name: Short name of the model.
        architecture: The network.
        preprocessing: Its input.
        class_order: Meaning of label 0 and 1.
        temperature: Logits are divided by it before the sigmoid.
        temperature_fitted_on: The evidence that it was fitted on.
        operating_point: The shipped threshold.
        training: What it was trained on.
        validation: How it was validated.
        recipe: The complete training configuration.
        initial_weights: Where training started from, with licence.
        created: When (with time zone).
        versions: Libraries that made it.
        weights_sha256: Hash of `weights.safetensors`.
        golden: The self-test.
        licence: Of the weights.
        limits: What the model is not for, one sentence each.
        orientations: What scoring all eight changes; None where nobody measured it.
        fast: What 16-bit arithmetic changes; None where nobody measured it.
        domain: How patches unlike the training data are told; None where they are not.
        centre_auroc: On the validation patches, each centre put into the surroundings of a patch
            with the other label: the AUROC against the centre's label. 0.5: the centre does not
            tell; below: the surroundings decide. None where nobody measured it.
    """

    schema_version: Literal[2] = 2
    name: str = Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")
    architecture: Architecture
    preprocessing: Preprocessing
    class_order: tuple[Literal["no tumour in the centre"], Literal["tumour in the centre"]]
    temperature: float = Field(gt=0)
    temperature_fitted_on: str
    operating_point: OperatingPoint
    training: DataSummary
    validation: Validation
    recipe: dict[str, JsonValue]
    initial_weights: StartingWeights
    created: datetime
    versions: dict[str, str]
    weights_sha256: Sha256
    golden: GoldenPatches
    licence: str
    limits: tuple[str, ...]
    orientations: Orientations | None = None
    fast: FastPrecision | None = None
    domain: TrainingDomain | None = None
    centre_auroc: Share | None = None

    @property
    def domain_layers(self) -> tuple[str, ...]:
        """The layers whose statistics a score comes with."""
        return () if self.domain is None else self.domain.layers

    @model_validator(mode="after")
    def _created_is_aware(self) -> "Card":
        if self.created.tzinfo is None:
            raise ValueError("'created' has no time zone; write it as UTC")
        return self

    @property
    def scoring_sha256(self) -> str:
        """Hash of all that decides a probability: network, input, temperature and weights."""
        deciding = {"architecture", "preprocessing", "class_order", "temperature"}
        parts = self.model_dump_json(include=deciding | {"weights_sha256"})
        return hashlib.sha256(parts.encode()).hexdigest()

    @cached_property
    def model_id(self) -> str:
        """What every score is signed with; compare it by `same_model`.

        Name, the first 12 digits of the weights' hash, and the first 8 of a hash over the whole
        card: one that was rewritten is told from the one that scored. What is as the schema's
        default does not count, so a later schema gives the same id.
        """
        content = self.model_dump(mode="json", exclude_defaults=True)
        whole = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
        return f"{self.name}-{self.weights_sha256[:12]}.{whole[:8]}"


def same_model(one: str, other: str) -> bool:
    """Return whether two ids are of one model.

    An id is the card's name, the beginning of the weights' hash and, after a dot, that of a hash
    over the whole card. Records from before ids named the card lack the dot and what follows; they
    count as the same model if name and weights are the same.
    """
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")


def distinct_models(ids: Iterable[str]) -> list[str]:
    """Return the models that ids are of, sorted; of two ids of one model the longer."""
    models = sorted(set(ids) - {""})
    return [one for one in models if not any(other.startswith(f"{one}.") for other in models)]


_NAMES = {
    "auroc": "AUROC",
    "auroc_by_patches": "AUROC, patches as if independent",
    "sensitivity_calibration_slides": "Sensitivity on the calibration slides",
    "specificity_calibration_slides": "Specificity on the calibration slides",
    "sensitivity_crossfitted": "Sensitivity, cross-fitted",
    "specificity_crossfitted": "Specificity, cross-fitted",
    "calibration_slope": "Calibration slope",
    "average_precision": "Average precision",
    "brier": "Brier score",
    "ece": "Expected calibration error",
    "log_loss": "Log-loss",
    "accuracy": "Accuracy",
}


def metric_name(name: str) -> str:
    """Return a metric's name as a reader knows it."""
    return _NAMES.get(name, name.replace("_", " ").capitalize())


def card_table(card: Card) -> str:
    """Return a Markdown table of what the card claims about the model, with 95 % intervals."""
    data, point = card.validation.data, card.operating_point
    share = data.positives / data.patches
    rows = [
        ("Model", f"`{card.model_id}` ({card.architecture.name})"),
        ("Weights", f"from {card.initial_weights.summary}"),
        (
            "Trained on",
            f"{card.training.patches:,} patches, {card.training.positives:,} with tumour",
        ),
        (
            "Validated on",
            f"{data.patches:,} patches of {data.slides} slide groups, {percent(share)} with tumour "
            "(not a clinical prevalence)",
        ),
    ]
    rows += [(metric_name(name), _measured(one)) for name, one in card.validation.metrics.items()]
    rows.append(
        (
            "Threshold",
            f"{point.threshold:.4f}: {point.rule.rstrip('.')}; chosen on {point.chosen_on}",
        )
    )
    rows += [
        (name, _measured(value))
        for name, value in (
            ("Sensitivity where it was chosen", point.sensitivity),
            ("Specificity where it was chosen", point.specificity),
        )
        if value is not None
    ]
    rows.append(("Temperature", f"{card.temperature:.3f}; fitted on {card.temperature_fitted_on}"))
    if card.domain is not None:
        rows.append(
            (
                "Unlike the training data",
                f"compared with {card.domain.patches:,} training patches; beyond the limit: "
                f"{card.domain.share:.0%} of {card.domain.judged_on}",
            )
        )
    lines = ["| | |", "|---|---|", *(f"| {name} | {text} |" for name, text in rows)]
    return "\n".join(lines) + "\n"


def _measured(one: Measured) -> str:
    return f"{one.value:.3f} ({interval_text(one.low, one.high)}); {one.method}"
