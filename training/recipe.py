"""A recipe: everything about how a network is trained that does not depend on the data."""

import tomllib
from dataclasses import field
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from core.bundle import Architecture, Preprocessing
from core.errors import RunError

Share = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
Precision = Literal["float32", "bfloat16"]

# A frozen dataclass that checks types and ranges itself and knows no other keys.
_CHECKED: Final = ConfigDict(extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True, config=_CHECKED)
class Augmentation:
    """How a training patch is varied; 0 or false switches a part off, exactly.

    Attributes:
        d4: One of the eight orientations of the square, each as likely.
        stain_gain: Haematoxylin, eosin and residual are each multiplied by 1 ± this.
        stain_shift: And shifted by ± this, in optical density.
        brightness: Factor 1 ± this.
        contrast: Factor 1 ± this about the patch's mean grey.
        saturation: Factor 1 ± this about each pixel's grey.
        channel: Red, green and blue are each multiplied by 1 ± this.
    """

    d4: bool = True
    stain_gain: Share = 0.0
    stain_shift: Share = 0.0
    brightness: Share = 0.0
    contrast: Share = 0.0
    saturation: Share = 0.0
    channel: Share = 0.0


@dataclass(frozen=True, config=_CHECKED)
class Schedule:
    """AdamW with linear warm-up and a learning rate that changes step by step; stops early.

    Attributes:
        epochs: At most this many passes over the training patches.
        learning_rate: At the end of the warm-up.
        weight_decay: Of weight matrices and kernels; never of biases and normalisation.
        shape: After the warm-up: half a "cosine" down, or "constant".
        warmup_share: Share of all steps.
        final_share: Learning rate at the very end of a cosine, as a share of the largest.
        patience_epochs: Epochs without a better validation AUC before the run stops.
        gradient_clip: Largest norm of the whole gradient; None does not clip.
    """

    epochs: Annotated[int, Field(ge=1)]
    learning_rate: Positive
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    shape: Literal["cosine", "constant"] = "cosine"
    warmup_share: Share = 0.05
    final_share: Share = 0.01
    patience_epochs: Annotated[int, Field(ge=1)] = 5
    gradient_clip: Positive | None = None


@dataclass(frozen=True, config=_CHECKED)
class Precisions:
    """What forward and backward passes compute in; weights and validation are always float32.

    Attributes:
        cpu: "bfloat16" is used only where the CPU has instructions for it, else float32.
        cuda: "bfloat16" is autocast.
    """

    cpu: Precision = "float32"
    cuda: Precision = "bfloat16"


@dataclass(frozen=True, config=_CHECKED)
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
        balance_classes: Weight positives by negatives / positives in the loss.
        batch_size: Patches a step.
        ema_decay: Of the running mean of the weights, which is what is validated and kept.
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
    balance_classes: bool = False
    batch_size: Annotated[int, Field(ge=2)] = 64
    ema_decay: Share = 0.995


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
                f"The recipe {file.name} cannot be read ({error}). Check the path."
            ) from None
        return parse_recipe(file.stem, text)
    if name not in recipe_names():
        raise RunError(
            f"Found no recipe {name!r}; expected one of {', '.join(recipe_names())}, "
            "or the path of a .toml file."
        )
    file_text = resources.files("training.recipes").joinpath(f"{name}.toml").read_text("utf-8")
    return parse_recipe(name, file_text)


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
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "as a whole"
        raise RunError(
            f"The recipe {values.get('name')!r} does not follow the schema: {where}: "
            f"{first['msg']} ({error.error_count()} in all). Correct the recipe."
        ) from None


def recipe_values(recipe: Recipe) -> dict[str, Any]:
    """Return a recipe as plain values for JSON."""
    values: dict[str, Any] = _RECIPE.dump_python(recipe, mode="json")
    return values
