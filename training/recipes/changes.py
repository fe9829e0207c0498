"""A recipe with fields changed, named by their paths: by hand, or over the ranges of a search."""

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import tomli_w
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

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
    epochs: int | None = None
    lr: float | None = None
    batch_size: int | None = None
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


_SPELLING: Final = (
    "expected FIELD=LOW..HIGH, FIELD=LOW..HIGH:log or FIELD=A,B,C, such as "
    "schedule.learning_rate=1e-4..1e-2:log"
)


@dataclass(frozen=True)
class Space:
    """The recipe fields that vary.

    Attributes:
        spelling: By field, as it was asked.
        distributions: By field.
    """

    spelling: Mapping[str, str]
    distributions: Mapping[str, BaseDistribution]

    def grid(self) -> list[dict[str, Choice]]:
        """Return every combination of choices, the last field fastest.

        Raises:
            RunError: A field has a range instead of choices.
        """
        columns = []
        for name, one in self.distributions.items():
            if not isinstance(one, CategoricalDistribution):
                raise RunError(
                    f"Found the range {name}={self.spelling[name]}; a grid needs choices, such as "
                    f"{name}=A,B,C. List them, or use --sampler tpe."
                )
            columns.append(one.choices)
        return [
            dict(zip(self.distributions, choice, strict=True))
            for choice in itertools.product(*columns)
        ]


def parse_space(spellings: Sequence[str]) -> Space:
    """Return the space in the texts of --vary.

    Raises:
        RunError: A text is spelt otherwise, a field comes twice, or nothing varies.
    """
    spelling: dict[str, str] = {}
    distributions: dict[str, BaseDistribution] = {}
    for text in spellings:
        name, equals, values = text.partition("=")
        if not (name and equals and values):
            raise RunError(f"Found --vary {text}; {_SPELLING}.")
        if name in spelling:
            raise RunError(f"Found --vary {name} twice; expected each field once.")
        spelling[name] = values
        distributions[name] = _distribution(text, values)
    if not spelling:
        raise RunError(f"Nothing varies: give --vary at least once; {_SPELLING}.")
    return Space(spelling, distributions)


def _distribution(text: str, values: str) -> BaseDistribution:
    low, dots, rest = values.partition("..")
    if not dots:
        return CategoricalDistribution([value_of(one) for one in values.split(",")])
    high, _, scale = rest.partition(":")
    start, end = value_of(low), value_of(high)
    if not _is_number(start) or not _is_number(end) or scale not in {"", "log"}:
        raise RunError(f"Found --vary {text}; {_SPELLING}.")
    log = scale == "log"
    try:
        if isinstance(start, int) and isinstance(end, int):
            return IntDistribution(start, end, log=log)
        return FloatDistribution(float(start), float(end), log=log)  # type: ignore[arg-type]
    except ValueError as error:
        raise RunError(f"Found --vary {text}: {error} Correct the range.") from None


def _is_number(value: Choice) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def recipe_toml(recipe: Recipe) -> str:
    """Return a recipe as TOML that `--recipe FILE.toml` reads; its name is the file's."""
    values = recipe_values(recipe)
    del values["name"]
    return tomli_w.dumps(_without_nothing(values))


def _without_nothing(values: Any) -> Any:  # noqa: ANN401 - TOML
    """Plain values without those that are None, for which TOML has no word."""
    if isinstance(values, dict):
        return {name: _without_nothing(one) for name, one in values.items() if one is not None}
    return [_without_nothing(one) for one in values] if isinstance(values, list) else values
