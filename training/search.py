"""`search`: recipes tried one after the other, by grid or by TPE, with Optuna."""

import itertools
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

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


class TrialPlan:
    """Which recipes are tried, and in which order.

    Attributes:
        options: What was asked.
        spelling: How the recipe fields vary, as it was asked.
        space: The same for Optuna.
        grid: Every combination of choices, the last field fastest; empty for "tpe".
        planned: How many trials the whole search has.
    """

    def __init__(self, options: SearchOptions) -> None:
        """Read the space.

        Raises:
            RunError: A text of --vary is spelt otherwise, a field comes twice or is none of the
                recipe's, nothing varies, or a grid has a range instead of choices.
        """
        optuna.logging.set_verbosity(optuna.logging.WARNING)  # no line for every study and trial
        self.options = options
        self.spelling: dict[str, str] = {}
        self.space: dict[str, BaseDistribution] = {}
        for text in options.vary:
            name, equals, values = text.partition("=")
            if not (name and equals and values):
                raise RunError(f"Found --vary {text}; {_SPELLING}.")
            if name in self.space:
                raise RunError(f"Found --vary {name} twice; expected each field once.")
            self.spelling[name], self.space[name] = values, _distribution(text, values)
        if not self.space:
            raise RunError(f"Nothing varies: use --vary at least once; {_SPELLING}.")
        self.grid = self._combinations() if options.sampler == "grid" else []
        self.planned = options.trials or len(self.grid) or DEFAULT_TRIALS
        if self.grid:
            self.planned = min(self.planned, len(self.grid))
        elif self.planned < 1:
            raise RunError("Found no number of trials; use --trials N, 1 or more, or a grid.")
        vary_recipe(options.fit.recipe, self.draw([]))

    def _combinations(self) -> list[dict[str, Any]]:
        columns = []
        for name, one in self.space.items():
            if not isinstance(one, CategoricalDistribution):
                raise RunError(
                    f"Found the range {name}={self.spelling[name]}; a grid needs choices, such as "
                    f"{name}=A,B,C. List them, or use --sampler tpe."
                )
            columns.append(one.choices)
        return [dict(zip(self.space, row, strict=True)) for row in itertools.product(*columns)]

    def draw(self, before: list[FrozenTrial]) -> dict[str, Any]:
        """Return the next trial's parameters: a function of the seed and the trials before it.

        So a search that was killed and goes on tries what the unbroken one would have tried.
        """
        number = len(before)
        if self.grid:
            return self.grid[number]
        seed = int(np.random.SeedSequence([self.options.fit.seed, number]).generate_state(1)[0])
        study = optuna.create_study(
            direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed)
        )
        study.add_trials(before)
        return dict(study.ask(self.space).params)


def run_search(options: SearchOptions, *, should_stop: Callable[[], bool]) -> optuna.Study:
    """Try the recipes that are still to be tried, write the results, and return the study.

    Only finished trials are in the study, each written in one transaction; the one under way has
    its run folder only. Killed at any moment, the same call goes on with that very trial.

    Raises:
        Stopped: `should_stop` said so.
        NodelensError: The space cannot be read, the folder holds another search, or nothing can be
            trained at all.
    """
    plan = TrialPlan(options)
    require_one_process("search")
    root = options.fit.out
    if root.is_dir() and any(root.iterdir()) and not (root / STUDY_FILE).is_file():
        raise RunError(f"{root} is not empty and contains no search. Name a new folder.")
    root.mkdir(parents=True, exist_ok=True)
    study = _open_study(root / STUDY_FILE, plan)
    started, first = time.monotonic(), len(study.trials)
    for number in range(first, plan.planned):
        parameters = plan.draw(study.trials)
        changes = ", ".join(f"{name} {shown_value(value)}" for name, value in parameters.items())
        say(f"Trial {number + 1} of {plan.planned}: {changes}")
        study.add_trial(_try(plan, number, parameters, should_stop))
        _write_results(plan, study)
        left = plan.planned - number - 1
        minutes = (time.monotonic() - started) / (number + 1 - first) * left / 60
        values = [trial.value for trial in study.trials if trial.value is not None]
        best = f"AUC {max(values):.4f}" if values else "nothing"
        say(f"Best so far {best}; about {minutes:,.0f} min left.")
    _write_results(plan, study)
    return study


def _open_study(path: Path, plan: TrialPlan) -> optuna.Study:
    study = optuna.create_study(
        storage=f"sqlite:///{path.absolute()}",
        study_name=_STUDY,
        direction="maximize",
        load_if_exists=True,
    )
    fit, folds = plan.options.fit, plan.options.folds
    settings = {
        "sampler": plan.options.sampler,
        "space": plan.spelling,
        "seed": fit.seed,
        "recipe": fit.recipe.name,
        "data": fit.data.name,
        "init": fit.init,
        "random_split": fit.random_split,
        "train_patches": fit.train_patches,
        **({"folds": folds} if folds else {}),
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
    plan: TrialPlan, number: int, parameters: dict[str, Any], should_stop: Callable[[], bool]
) -> FrozenTrial:
    fit = plan.options.fit
    facts, value = {"run": f"trial-{number + 1:03d}"}, None
    try:
        one = replace(
            fit,
            out=fit.out / facts["run"],
            recipe=vary_recipe(fit.recipe, parameters),
            cache=fit.cache or RunFolder(fit.out).pack,
        )
        value = _value(one, plan.options.folds, should_stop)
    except RunError as error:
        if number == 0:
            raise  # most likely none can be trained: wrong data, start or device
        say(f"This trial failed: {error}")
        facts["error"] = str(error)
    return create_trial(
        state=TrialState.FAIL if value is None else TrialState.COMPLETE,
        value=value,
        params=parameters,
        distributions=plan.space,
        user_attrs=facts,
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


def _write_results(plan: TrialPlan, study: optuna.Study) -> None:
    fit = plan.options.fit
    # Those that failed come last.
    ranked = sorted(
        study.trials, key=lambda one: (one.value is None, -(one.value or 0), one.number)
    )
    write_json(
        fit.out / RESULT_FILE,
        {
            "schema_version": 1,
            "recipe": fit.recipe.name,
            "sampler": plan.options.sampler,
            "seed": fit.seed,
            "planned": plan.planned,
            "trials": [
                {
                    "run": trial.user_attrs["run"],
                    "validation_auc": trial.value,
                    "parameters": trial.params,
                    "error": trial.user_attrs.get("error", ""),
                }
                for trial in ranked
            ],
            "notes": [BY_LUCK],
        },
    )
    if ranked and ranked[0].value is not None:
        best = vary_recipe(fit.recipe, ranked[0].params)
        with replacing(fit.out / BEST_FILE) as file:
            file.write_text(recipe_toml(best), "utf-8")
