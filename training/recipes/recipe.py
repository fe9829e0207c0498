"""A recipe: all about how a network is trained that does not depend on the data; its changes."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic.dataclasses import dataclass

from core.bundle import Architecture, Preprocessing
from core.errors import RunError, first_fault, why

Share = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
Frozen = Annotated[int, Field(ge=0)] | Literal["backbone"]
Precision = Literal["float32", "bfloat16", "float16"]
FrontPrecision = Literal["pytorch", "float32", "bfloat16"]

# A frozen dataclass that checks types and ranges itself and knows no other keys.
CHECKED: Final = ConfigDict(extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True, config=CHECKED)
class Augmentation:
    """How a training patch is varied; 0 or false switches a part off, exactly.

    Attributes:
        d4: One of the eight orientations of the square, each as likely.
        horizontal_flip: Mirrored left to right or not, each as likely; part of d4 already.
        vertical_flip: Likewise, top to bottom.
        rotation_degrees: Turned by any angle up to ± this; what is missing is reflected.
        zoom: Enlarged by the factor 1 ± this, at most 0.3. The label is that of the centre 32 × 32
            px, and a warp moves tissue over its rim: with 20° of rotation, 0.1 of zoom and 6° of
            shear, 8 % of the new centre was outside it (23 % at most).
        shear_degrees: Sheared by any angle up to ± this, at most 20.
        stain_gain: Haematoxylin, eosin and residual are each multiplied by 1 ± this.
        stain_shift: And shifted by ± this, in optical density.
        stain_swap: Share of the patches whose optical densities move towards the mean and spread
            of another patch of the batch, by a random part of the way (after Reinhard et al. 2001):
            most batches hold many slides, and stain is what tells slides apart.
        brightness: Factor 1 ± this.
        contrast: Factor 1 ± this about the patch's mean grey.
        saturation: Factor 1 ± this about each pixel's grey.
        channel: Red, green and blue are each multiplied by 1 ± this.
    """

    d4: bool = True
    horizontal_flip: bool = False
    vertical_flip: bool = False
    rotation_degrees: Annotated[float, Field(ge=0, le=180)] = 0.0
    zoom: Annotated[float, Field(ge=0, le=0.3)] = 0.0
    shear_degrees: Annotated[float, Field(ge=0, le=20)] = 0.0
    stain_gain: Share = 0.0
    stain_shift: Share = 0.0
    stain_swap: Share = 0.0
    brightness: Share = 0.0
    contrast: Share = 0.0
    saturation: Share = 0.0
    channel: Share = 0.0

    @property
    def turns(self) -> bool:
        """Whether patches are turned by right angles or mirrored."""
        return self.d4 or self.horizontal_flip or self.vertical_flip

    @property
    def warps(self) -> bool:
        """Whether patches are turned, enlarged or sheared by any amount."""
        return bool(self.rotation_degrees or self.zoom or self.shear_degrees)


@dataclass(frozen=True, config=CHECKED)
class Phase:
    """A part of a run with its own trainable layers and learning rate.

    The next phase goes on from the weights at its end. Warm-up, shape, plateaus and patience
    count within a phase; a phase that stops early makes room for the next.

    Attributes:
        name: In a word.
        epochs: At most this many.
        frozen: This many leading layers with weights stay as they are, or the whole "backbone".
        learning_rate: The schedule's, unless given.
        input_size_px: What the network sees while it trains in this phase, for networks that take
            any size; the preprocessing's, unless given. It validates and serves at that of the
            preprocessing.
    """

    name: str
    epochs: Annotated[int, Field(ge=1)]
    frozen: Frozen = 0
    learning_rate: Positive | None = None
    input_size_px: Annotated[int, Field(ge=32, le=1024)] | None = None


@dataclass(frozen=True, config=CHECKED)
class Schedule:
    """AdamW with linear warm-up and a learning rate that changes step by step; stops early.

    Attributes:
        epochs: At most this many passes over the training patches.
        learning_rate: At the end of the warm-up.
        weight_decay: Of weight matrices and kernels; never of biases and normalisation.
        shape: After a linear warm-up: half a "cosine" down, "constant", or "plateau", which
            multiplies by `plateau_factor` after `plateau_patience_epochs` epochs without a better
            validation value. "one-cycle" rises by half a cosine from a 25th, and falls by another.
        warmup_share: Share of all steps.
        final_share: Learning rate at the very end of a cosine, as a share of the largest.
        plateau_metric: What must get better: the validation "auc", or "accuracy" at 0.5.
        plateau_factor: See `shape`.
        plateau_patience_epochs: See `shape`.
        layer_decay: Each layer's rate is this times that of the layer after it; 1 is off.
        patience_epochs: Epochs without a better validation AUC before the run stops.
        keep: The weights of the "best" epoch on validation, or of the "last": then no score chose
            them, and the run stops at no epoch but the last.
        gradient_clip: Largest norm of the whole gradient; None does not clip.
        phases: One after the other; their epochs sum to `epochs`. None is one phase of all.
    """

    epochs: Annotated[int, Field(ge=1)]
    learning_rate: Positive
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    shape: Literal["cosine", "constant", "plateau", "one-cycle"] = "cosine"
    warmup_share: Share = 0.05
    final_share: Share = 0.01
    plateau_metric: Literal["auc", "accuracy"] = "auc"
    plateau_factor: Annotated[float, Field(gt=0, lt=1)] = 0.1
    plateau_patience_epochs: Annotated[int, Field(ge=1)] = 2
    layer_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    patience_epochs: Annotated[int, Field(ge=1)] = 5
    keep: Literal["best", "last"] = "best"
    gradient_clip: Positive | None = None
    phases: tuple[Phase, ...] = ()

    @model_validator(mode="after")
    def _phases_fill_the_epochs(self) -> Self:
        total = sum(phase.epochs for phase in self.phases)
        if self.phases and total != self.epochs:
            raise ValueError(f"the phases have {total} epochs and schedule.epochs is {self.epochs}")
        return self

    @property
    def freezes(self) -> bool:
        """Whether some phase keeps layers as they started."""
        return any(phase.frozen != 0 for phase in self.phases)


@dataclass(frozen=True, config=CHECKED)
class Distillation:
    """How much of the loss follows a teacher's scores (Hinton et al. 2015).

    Attributes:
        weight: Share of the loss; the labels have the rest.
        temperature: Both logits are divided by it.
    """

    weight: Annotated[float, Field(ge=0, le=1)] = 0.0
    temperature: Positive = 2.0


@dataclass(frozen=True, config=CHECKED)
class Precisions:
    """What forward and backward passes compute in; weights and validation are always float32.

    Attributes:
        cpu: "bfloat16" is used only where the CPU has instructions for it, else float32.
        cuda: "bfloat16" is autocast; a GPU without it gets "float16", whose loss is scaled.
        cpu_front: Of leading stages that do not learn in a phase, computed by OpenVINO; "pytorch"
            computes them like all others.
    """

    cpu: Precision = "float32"
    cuda: Precision = "bfloat16"
    cpu_front: FrontPrecision = "pytorch"


@dataclass(frozen=True, config=CHECKED)
class Recipe:
    """The whole training configuration, saved beside everything that it made.

    Attributes:
        name: Its file's name.
        description: One sentence.
        network: What timm builds.
        preprocessing: From a patch to the network's input, the same at training and inference.
        augmentation: Of training patches.
        schedule: Of the optimiser.
        precision: Of the passes.
        init: Where weights start unless the command says otherwise.
        label_smoothing: Labels become this half away from 0 and 1.
        focal_gamma: Patches that are right already count less, by (1 - p)^gamma (Lin et al. 2017).
        balance_classes: Weight positives by negatives / positives in the loss.
        weighted_sampling: Draw patches with replacement, both classes as often.
        mixup_alpha: Blend pairs of patches and labels by a share of Beta(alpha, alpha) (Zhang et
            al. 2018); 0 is off.
        transplant_share: Of the patches of a step whose centre is put into the surroundings of
            another; they keep their label. See `training.variation.transplant`.
        distillation: From a teacher's scores.
        batch_size: Patches a step.
        ema_decay: Of the running mean of the weights, which is what is validated and kept; 0 keeps
            the weights as they are.
        swa_share: The last part of all steps, in which the mean is that of the weights after each
            of these steps, all alike (Izmailov et al. 2018); 0 is off.
        start_share: Of the weights that the run started from in the mean that is validated and
            kept, after fine-tuning a little on other patches (Wortsman et al. 2022); 0 is off.
    """

    name: str
    description: str
    network: Architecture
    preprocessing: Preprocessing
    schedule: Schedule
    augmentation: Augmentation = field(default_factory=Augmentation)
    precision: Precisions = field(default_factory=Precisions)
    init: Literal["imagenet", "none"] = "imagenet"
    label_smoothing: Share = 0.0
    focal_gamma: Annotated[float, Field(ge=0)] = 0.0
    balance_classes: bool = False
    weighted_sampling: bool = False
    mixup_alpha: Annotated[float, Field(ge=0)] = 0.0
    transplant_share: Share = 0.0
    distillation: Distillation = field(default_factory=Distillation)
    batch_size: Annotated[int, Field(ge=2)] = 64
    ema_decay: Share = 0.995
    swa_share: Share = 0.0
    start_share: Share = 0.0

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        if self.network.centre_stream and self.schedule.layer_decay < 1:
            raise ValueError("layer_decay orders the layers of one network, not of two streams")
        return self

    @property
    def notes(self) -> tuple[str, ...]:
        """What whoever trains by it should know."""
        if not (self.balance_classes and self.weighted_sampling):
            return ()
        return (
            "balance_classes and weighted_sampling are both on: tumour patches are drawn as often "
            "as the others and also count more, so scores lean towards tumour.",
        )

    @property
    def averages(self) -> bool:
        """Whether a mean of the weights is kept, and not the weights as they are."""
        return self.ema_decay > 0 or self.swa_share > 0 or self.start_share > 0


_RECIPE: Final = TypeAdapter(Recipe)


def recipe_names() -> tuple[str, ...]:
    """Return the names of the shipped recipes."""
    files = resources.files("training.recipes").iterdir()
    return tuple(sorted(f.name.removesuffix(".toml") for f in files if f.name.endswith(".toml")))


def load_recipe(name: str) -> Recipe:
    """Return a shipped recipe by its name, or one's own by the path of its .toml file.

    Raises:
        RunError: There is none, or it does not follow the schema.
    """
    if name.endswith(".toml"):
        file = Path(name)
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise RunError(
                f"The recipe {file.name} cannot be read ({why(error)}). Check the path."
            ) from None
        return parse_recipe(file.stem, text)
    if name not in recipe_names():
        raise RunError(
            f"Found no recipe {name!r}; expected one of {', '.join(recipe_names())}, "
            "or the path of a .toml file."
        )
    shipped = resources.files("training.recipes").joinpath(f"{name}.toml")
    return parse_recipe(name, shipped.read_text("utf-8"))


def parse_recipe(name: str, text: str) -> Recipe:
    """Return the recipe in a TOML text.

    Raises:
        RunError: It is no TOML, has an unknown key, lacks one, or a value is out of range.
    """
    try:
        return recipe_of({**tomllib.loads(text), "name": name})
    except tomllib.TOMLDecodeError as error:
        raise RunError(f"The recipe {name!r} is not TOML ({error}). Correct the file.") from None


def recipe_of(values: dict[str, Any]) -> Recipe:
    """Return the recipe in plain values, as `recipe_values` gives them.

    Raises:
        RunError: They do not follow the schema.
    """
    try:
        return _RECIPE.validate_python(values)
    except ValidationError as error:
        raise RunError(
            f"The recipe {values.get('name')!r} does not follow the schema: {first_fault(error)}. "
            "Correct the recipe."
        ) from None


def recipe_values(recipe: Recipe) -> dict[str, Any]:
    """Return a recipe as plain values for JSON."""
    values: dict[str, Any] = _RECIPE.dump_python(recipe, mode="json")
    return values


Choice = str | int | float | bool | None


def value_of(text: str) -> Choice:
    """Return a number, true, false or null as JSON spells them, else the text itself."""
    try:
        value = json.loads(text)
    except ValueError:
        return text.strip()
    return value if isinstance(value, str | int | float | bool | None) else text.strip()


def vary_recipe(recipe: Recipe, parameters: Mapping[str, Any]) -> Recipe:
    """Return a recipe with some fields replaced, named by their path, such as `schedule.epochs`.

    Phases follow the epochs and the learning rate of their schedule in proportion.

    Raises:
        RunError: There is no such field, or its value is out of range.
    """
    values = recipe_values(recipe)
    for path, value in parameters.items():
        *parents, last = path.split(".")
        part: Any = values
        for parent in parents:
            part = part.get(parent) if isinstance(part, dict) else None
        if not isinstance(part, dict) or (last not in part and parents != ["network", "arguments"]):
            raise RunError(
                f"Found no field {path!r} in the recipe {recipe.name!r}; expected one such as "
                "schedule.learning_rate, batch_size or augmentation.stain_gain."
            )
        part[last] = value
    schedule = values["schedule"]
    if schedule["phases"] and "schedule.phases" not in parameters:
        if "schedule.epochs" in parameters:
            _share_epochs(schedule["phases"], schedule["epochs"])
        if "schedule.learning_rate" in parameters:
            factor = schedule["learning_rate"] / recipe.schedule.learning_rate
            for phase in schedule["phases"]:
                phase["learning_rate"] = phase["learning_rate"] and phase["learning_rate"] * factor
    changed = ", ".join(f"{path} {shown_value(value)}" for path, value in parameters.items())
    varied = recipe_of(values)
    return replace(varied, description=f"`{recipe.name}` with {changed}.") if changed else varied


def _share_epochs(phases: Sequence[dict[str, Any]], epochs: int) -> None:
    """Give phases their part of some epochs, one at least, in proportion to what they had."""
    if not isinstance(epochs, int) or epochs < len(phases):
        raise RunError(
            f"Found schedule.epochs {epochs}; expected {len(phases)} or more, one for each phase."
        )
    before = sum(phase["epochs"] for phase in phases)
    ends = [0]
    for number, phase in enumerate(phases, start=1):
        wished = round(sum(one["epochs"] for one in phases[:number]) * epochs / before)
        left = len(phases) - number
        ends.append(min(max(wished, ends[-1] + 1), epochs - left))
        phase["share"] = ends[-1] - ends[-2]
    for phase in phases:
        phase["epochs"] = phase.pop("share")


def shown_value(value: object) -> str:
    """Return the value of a field as a person writes it."""
    return f"{value:g}" if isinstance(value, float) else str(value)
