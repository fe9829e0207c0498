import json
import sys
from pathlib import Path
from typing import Literal

import numpy as np
import optuna
import pytest
from optuna.trial import create_trial

from core.errors import RunError
from tests.training.toys import kill_when
from training.commands import main
from training.options import FitOptions, SearchOptions
from training.recipes.recipe import load_recipe, recipe_names, recipe_of, recipe_values, vary_recipe
from training.search import TrialPlan, recipe_toml


def command(data: Path, out: Path, *further: str, trials: int = 3) -> list[str]:
    asked = ["search", "--data", str(data), "--out", str(out), "--recipe", "tiny"]
    asked += ["--vary", "schedule.learning_rate=1e-4..1e-2:log", "--vary", "batch_size=8,16"]
    asked += ["--trials", str(trials), "--device", "cpu", "--threads", "1"]
    return [*asked, "--checkpoint-steps", "1", *further]


def trials(out: Path) -> list[tuple[dict[str, object], float | None]]:
    study = optuna.load_study(study_name="search", storage=f"sqlite:///{out / 'search.sqlite'}")
    return [(trial.params, trial.value) for trial in study.trials]


@pytest.fixture(scope="module")
def unbroken(kaggle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("unbroken") / "search"
    assert main(command(kaggle, out)) == 0
    return out


def test_the_best_recipe_is_the_trial_with_the_highest_auc(unbroken: Path) -> None:
    ranked = json.loads((unbroken / "search.json").read_text("utf-8"))["trials"]
    values = [trial["validation_auc"] for trial in ranked]
    assert values == sorted(values, reverse=True)
    assert len(ranked) == 3
    best = load_recipe(str(unbroken / "best.toml"))
    config = json.loads((unbroken / ranked[0]["run"] / "config.json").read_text("utf-8"))
    best_recipe = {**recipe_values(best), "name": "tiny"}
    assert best_recipe == config["config"]["recipe"]
    assert best.schedule.learning_rate == ranked[0]["parameters"]["schedule.learning_rate"]


def test_a_search_killed_in_a_trial_tries_the_same_recipes_with_the_same_results(
    unbroken: Path, kaggle: Path, tmp_path: Path
) -> None:
    out = tmp_path / "search"
    second = out / "trial-002" / "config.json"
    later = float(np.random.default_rng().uniform(0, 0.05))
    asked = command(kaggle, out)
    kill_when([sys.executable, "-m", "training", *asked], second.is_file, later)
    assert len(trials(out)) < 3
    assert main(asked) == 0
    assert trials(out) == trials(unbroken)
    for name in ("search.json", "best.toml"):
        assert (out / name).read_bytes() == (unbroken / name).read_bytes()


def test_another_search_in_the_same_folder_is_refused(
    unbroken: Path, kaggle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command(kaggle, unbroken, "--seed", "5")) == 2
    assert "seed differ" in capsys.readouterr().err


RATES = "schedule.learning_rate=1e-4..1e-2:log"


def plan(
    *vary: str,
    seed: int = 0,
    trials: int | None = 30,
    sampler: Literal["tpe", "grid"] = "tpe",
) -> TrialPlan:
    fit = FitOptions(data=Path("data"), out=Path("out"), recipe=load_recipe("tiny"), seed=seed)
    return TrialPlan(SearchOptions(fit=fit, vary=vary, trials=trials, sampler=sampler))


def test_what_is_tried_next_follows_from_the_seed_and_the_trials_before() -> None:
    search = plan(RATES, "ema_decay=0.5,0.9")
    assert search.draw([]) == search.draw([])
    before = [create_trial(params=search.draw([]), distributions=search.space, value=0.9)]
    assert search.draw(before) == search.draw(before)
    assert search.draw(before) != search.draw([])


def test_tpe_draws_near_the_best_of_the_trials_before() -> None:
    searches = [plan(RATES, "ema_decay=0.5,0.9", seed=seed) for seed in range(20)]
    before: list[optuna.trial.FrozenTrial] = []
    for rate in np.logspace(-4, -2, 25):
        drawn = {"schedule.learning_rate": float(rate), "ema_decay": 0.5}
        value = -abs(np.log10(rate) + 3)
        before.append(create_trial(params=drawn, distributions=searches[0].space, value=value))
    learnt, blind = (
        np.mean([abs(np.log10(one.draw(known)["schedule.learning_rate"]) + 3) for one in searches])
        for known in (before, [])
    )
    assert learnt < blind / 2


def test_a_grid_goes_through_every_combination_once() -> None:
    search = plan("batch_size=8,16", "augmentation.d4=true,false", sampler="grid", trials=None)
    assert search.planned == 4
    assert search.grid[1] == {"batch_size": 8, "augmentation.d4": False}
    with pytest.raises(RunError, match="a grid needs choices"):
        plan("ema_decay=0.1..0.9", sampler="grid", trials=None)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["batch_size"], "expected FIELD=LOW..HIGH"),
        (["batch_size=1..x"], "expected FIELD=LOW..HIGH"),
        (["batch_size=8,16", "batch_size=4,8"], "twice"),
        ([], "Nothing varies"),
    ],
)
def test_a_space_that_cannot_be_read_is_told(asked: list[str], said: str) -> None:
    with pytest.raises(RunError, match=said):
        plan(*asked)


def test_a_field_that_no_recipe_has_is_refused_before_anything_is_trained() -> None:
    with pytest.raises(RunError, match=r"no field 'schedule\.speed'"):
        plan("schedule.speed=1,2")
    with pytest.raises(RunError, match=r"no field 'schedule\.speed'"):
        plan("schedule.speed=1,2", sampler="grid", trials=None)
    with pytest.raises(RunError, match="ema_decay"):
        plan("ema_decay=2..3")


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_written_as_toml_reads_back_the_same(name: str, tmp_path: Path) -> None:
    recipe = vary_recipe(load_recipe(name), {"schedule.gradient_clip": 0.5})
    file = tmp_path / "mine.toml"
    file.write_text(recipe_toml(recipe), "utf-8")
    assert load_recipe(str(file)) == recipe_of({**recipe_values(recipe), "name": "mine"})
