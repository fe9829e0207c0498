"""A recipe with some of its fields changed, named by their paths."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from core.command_line import Whole
from core.errors import RunError
from training.recipes.recipe import Recipe, recipe_of, recipe_values

Choice = str | int | float | bool | None


@dataclass(frozen=True, kw_only=True)
class RecipeChanges:
    """What a command changes of its recipe.

    Attributes:
        set: Change a field of the recipe, as FIELD=VALUE, such as augmentation.zoom=0.1; may be
            given again.
        epochs: Epochs (default: the recipe's); phases share them in proportion.
        lr: Learning rate (default: the recipe's); those of phases change in proportion.
        batch_size: Patches a step (default: the recipe's).
        model: Train this network of timm's with the recipe, instead of its own.
    """

    set: tuple[str, ...] = ()
    epochs: Whole | None = None
    lr: float | None = None
    batch_size: Whole | None = None
    model: str | None = None

    def applied(self, recipe: Recipe) -> Recipe:
        """Return the recipe with the changes.

        Raises:
            RunError: There is no such field, or its value is out of range.
        """
        changes: dict[str, Any] = dict(map(_setting, self.set))
        if self.model is not None:
            changes |= {"network.name": self.model, "network.arguments": {}}
            changes |= {"network.centre_stream": None}
        shortcuts = {
            "schedule.epochs": self.epochs,
            "schedule.learning_rate": self.lr,
            "batch_size": self.batch_size,
        }
        changes |= {path: value for path, value in shortcuts.items() if value is not None}
        return vary_recipe(recipe, changes) if changes else recipe


def _setting(text: str) -> tuple[str, Choice]:
    path, equals, value = text.partition("=")
    if not (path and equals):
        raise RunError(
            f"Found --set {text}; expected FIELD=VALUE, such as schedule.learning_rate=1e-4."
        )
    return path, value_of(value)


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
