"""What a search may vary: recipe fields with their ranges or choices."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import tomli_w
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from core.errors import RunError
from training.recipes.changes import Choice, value_of
from training.recipes.recipe import Recipe, recipe_values

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
        raise RunError(f"Nothing varies: use --vary at least once; {_SPELLING}.")
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
