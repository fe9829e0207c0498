"""`search`: recipes tried one after the other, by grid or by TPE, with Optuna."""

import itertools
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, Self

import numpy as np
import optuna
import tomli_w
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState, create_trial

from core.command_line import say
from core.errors import RunError
from core.files import replacing, write_json
from training.crossval import run_crossval
from training.fitting import run_fit
from training.learning.team import require_one_process
from training.options import CrossvalOptions, FitOptions, SearchOptions
from training.recipes.recipe import (
    Choice,
    Recipe,
    recipe_values,
    shown_value,
    value_of,
    vary_recipe,
)
from training.runs.folder import RunFolder

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


STUDY_FILE: Final = "search.sqlite"
RESULT_FILE: Final = "search.json"
BEST_FILE: Final = "best.toml"
DEFAULT_TRIALS: Final = 20
BY_LUCK: Final = (
    "The best of several trials on the same validation patches is too good by luck: judge it on "
    "slides that no trial used."
)
_STUDY: Final = "search"
_SETTINGS: Final = "settings"


@dataclass(frozen=True)
class TrialPlan:
    """Which recipes are tried, and in which order.

    Attributes:
        fit: How each trial is trained; `out` is the folder that holds the trials, `recipe` what
            they vary.
        space: What varies.
        trials: How many; None means the whole grid.
        sampler: "tpe" learns from the trials before, "grid" goes through all choices.
        folds: Of the cross-validation that judges each trial; None is one split.
    """

    fit: FitOptions
    space: Space
    trials: int | None = None
    sampler: Literal["tpe", "grid"] = "tpe"
    folds: int | None = None

    def __post_init__(self) -> None:
        if self.sampler == "tpe" and (self.trials is None or self.trials < 1):
            raise RunError("Found no number of trials; use --trials N, 1 or more, or a grid.")
        if self.sampler == "grid":
            self.space.grid()
        else:
            vary_recipe(self.fit.recipe, self.draw([]))

    @classmethod
    def of(cls, options: SearchOptions) -> Self:
        """Return the plan that the options ask for.

        Raises:
            RunError: The space cannot be read, or does not go with the sampler.
        """
        trials = options.trials or (DEFAULT_TRIALS if options.sampler == "tpe" else None)
        space = parse_space(options.vary)
        return cls(options.fit, space, trials, options.sampler, options.folds)

    def planned(self) -> int:
        """How many trials the whole search has."""
        if self.sampler == "tpe":
            return int(self.trials or 0)
        whole = len(self.space.grid())
        return whole if self.trials is None else min(self.trials, whole)

    def draw(self, before: list[FrozenTrial]) -> dict[str, Any]:
        """Return the next trial's parameters: a function of the seed and the trials before it.

        So a search that was killed and goes on tries what the unbroken one would have tried.
        """
        number = len(before)
        if self.sampler == "grid":
            return dict(self.space.grid()[number])
        seed = int(np.random.SeedSequence([self.fit.seed, number]).generate_state(1)[0])
        optuna.logging.set_verbosity(optuna.logging.WARNING)  # no line for every study and trial
        study = optuna.create_study(
            direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed)
        )
        study.add_trials(before)
        return dict(study.ask(dict(self.space.distributions)).params)


def run_search(options: TrialPlan, *, should_stop: Callable[[], bool]) -> optuna.Study:
    """Try the recipes that are still to be tried, write the results, and return the study.

    Only finished trials are in the study, each written in one transaction; the one under way has
    its run folder only. Killed at any moment, the same call goes on with that very trial.

    Raises:
        Stopped: `should_stop` said so.
        NodelensError: The folder holds another search, or nothing can be trained at all.
    """
    require_one_process("search")
    root = options.fit.out
    if root.is_dir() and any(root.iterdir()) and not (root / STUDY_FILE).is_file():
        raise RunError(f"{root} is not empty and contains no search. Name a new folder.")
    root.mkdir(parents=True, exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = _open_study(root / STUDY_FILE, options)
    started, first = time.monotonic(), len(study.trials)
    for number in range(first, options.planned()):
        parameters = options.draw(study.trials)
        changes = ", ".join(f"{name} {shown_value(value)}" for name, value in parameters.items())
        say(f"Trial {number + 1} of {options.planned()}: {changes}")
        study.add_trial(_try(options, number, parameters, should_stop))
        _write_results(options, study)
        left = options.planned() - number - 1
        minutes = (time.monotonic() - started) / (number + 1 - first) * left / 60
        say(f"Best so far {_best_value(study)}; about {minutes:,.0f} min left.")
    _write_results(options, study)
    return study


def _open_study(path: Path, options: TrialPlan) -> optuna.Study:
    study = optuna.create_study(
        storage=f"sqlite:///{path.absolute()}",
        study_name=_STUDY,
        direction="maximize",
        load_if_exists=True,
    )
    settings = {
        "sampler": options.sampler,
        "space": dict(options.space.spelling),
        "seed": options.fit.seed,
        "recipe": options.fit.recipe.name,
        "data": options.fit.data.name,
        "init": options.fit.init,
        "random_split": options.fit.random_split,
        "train_patches": options.fit.train_patches,
        **({"folds": options.folds} if options.folds else {}),
    }
    recorded = study.user_attrs.get(_SETTINGS)
    if recorded is None:
        study.set_user_attr(_SETTINGS, settings)
    elif recorded != settings:
        differing = [name for name, value in settings.items() if recorded.get(name) != value]
        raise RunError(
            f"{path.parent} contains a different search: {', '.join(differing)} differ. Use the "
            "same options to resume (only --trials may grow), or another --out."
        )
    return study


def _try(
    options: TrialPlan,
    number: int,
    parameters: dict[str, Any],
    should_stop: Callable[[], bool],
) -> FrozenTrial:
    root = options.fit.out
    folder = RunFolder(root / f"trial-{number + 1:03d}")
    distributions: dict[str, BaseDistribution] = dict(options.space.distributions)
    try:
        one = replace(
            options.fit,
            out=folder.root,
            recipe=vary_recipe(options.fit.recipe, parameters),
            cache=options.fit.cache or RunFolder(root).pack,
        )
        value = _value(one, options.folds, should_stop)
    except RunError as error:
        if number == 0:
            raise  # most likely none can be trained: wrong data, start or device
        say(f"This trial failed: {error}")
        return create_trial(
            state=TrialState.FAIL,
            params=parameters,
            distributions=distributions,
            user_attrs={"run": folder.root.name, "error": str(error)},
        )
    return create_trial(
        value=value,
        params=parameters,
        distributions=distributions,
        user_attrs={"run": folder.root.name},
    )


def _value(fit: FitOptions, folds: int | None, should_stop: Callable[[], bool]) -> float:
    """Train a trial and return the AUC that it is ranked by."""
    if folds is None:
        outcome = run_fit(fit, should_stop=should_stop).outcome
        return float(json.loads(outcome.read_text("utf-8"))["validation_auc"])
    crossval = run_crossval(CrossvalOptions(fit=fit, folds=folds), should_stop=should_stop)
    if crossval is None:  # pragma: no cover - all folds were asked for
        raise RunError(f"Folds are missing from {fit.out}. Repeat the same command.")
    return crossval.judged.metrics["auroc"].value


def _write_results(options: TrialPlan, study: optuna.Study) -> None:
    done = [trial for trial in study.trials if trial.state is TrialState.COMPLETE]
    ranked = sorted(done, key=lambda trial: (-float(trial.value or 0), trial.number))
    failed = [trial for trial in study.trials if trial.state is not TrialState.COMPLETE]
    root = options.fit.out
    write_json(
        root / RESULT_FILE,
        {
            "schema_version": 1,
            "recipe": options.fit.recipe.name,
            "sampler": options.sampler,
            "seed": options.fit.seed,
            "planned": options.planned(),
            "trials": [
                {
                    "run": trial.user_attrs["run"],
                    "validation_auc": trial.value,
                    "parameters": trial.params,
                    "error": trial.user_attrs.get("error", ""),
                }
                for trial in [*ranked, *failed]
            ],
            "notes": [BY_LUCK],
        },
    )
    if ranked:
        best = vary_recipe(options.fit.recipe, ranked[0].params)
        with replacing(root / BEST_FILE) as file:
            file.write_text(recipe_toml(best), "utf-8")


def _best_value(study: optuna.Study) -> str:
    values = [trial.value for trial in study.trials if trial.value is not None]
    return f"AUC {max(values):.4f}" if values else "nothing"
