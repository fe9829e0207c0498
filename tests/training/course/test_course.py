"""A course on the CPU with the smallest network: who trains on what, and what is written."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.bundle import build_network, read_card
from core.errors import RunError
from tests.training.toys import toy_patches, toy_recipe, toy_table, write_toy_kaggle
from training.average import mean_weights
from training.commands import main
from training.course.course import (
    CHOSEN,
    Course,
    CourseCandidate,
    affordable_steps,
    choose,
    require_course,
)
from training.course.lockstep import Cohort
from training.data.pack import Pack
from training.options import COURSE_RECIPE, CourseOptions, Plan
from training.recipes.recipe import Distillation, Recipe, Schedule, load_recipe
from training.runs.folder import read_finished
from training.runs.initial import CHANCE, InitialWeights

RECIPE = toy_recipe(
    network=toy_recipe().network.model_copy(update={"pooling": "centre-and-context"}),
    schedule=Schedule(epochs=1, learning_rate=1e-3, keep="last"),
    distillation=Distillation(0.7, temperature=1.0),
    transplant_share=0.3,
    ema_decay=0.0,
    swa_share=0.34,
)
PLAN = Plan(
    trunk_steps=2,
    branch_steps=2,
    branches=2,
    student_steps=2,
    students=(0.0, 0.4),
    small=(64,),
    small_steps=2,
)


@pytest.fixture(scope="module")
def pack() -> Pack:
    """Sixty patches of twelve slides of both labels, the last two slides' names unknown."""
    labels = [number % 2 for number in range(60)]
    slides = [f"s{number // 5:02d}" if number < 50 else "" for number in range(60)]
    table = toy_table(labels, slides)
    return Pack("toy", table, toy_patches(labels), np.arange(60), 0, "0" * 64)


@pytest.fixture(scope="module")
def cohort(pack: Pack) -> Cohort:
    return Cohort.of(pack, torch.device("cpu"), seed=0)


def test_no_network_of_a_fold_trains_on_a_slide_that_it_scores(cohort: Cohort) -> None:
    slides = cohort.table.slides
    for fold, rows in enumerate(cohort.rows[:-1], start=1):
        scored = set(slides[cohort.folds == fold])
        assert scored
        assert scored.isdisjoint(set(slides[rows.numpy()]))


def test_every_known_slide_is_scored_once_and_unknown_ones_only_train(cohort: Cohort) -> None:
    known = cohort.table.slides != ""
    assert (cohort.folds[known] > 0).all()
    assert (cohort.folds[~known] == 0).all()
    unknown = set(np.flatnonzero(~known))
    for rows in cohort.rows:
        assert unknown <= set(rows.numpy())


def test_the_refit_trains_on_all_patches(cohort: Cohort) -> None:
    rows = cohort.rows
    assert len(rows) == 6
    assert sorted(rows[-1].numpy()) == list(range(60))


def test_a_course_scores_every_stage_and_keeps_the_candidate_it_chose(
    cohort: Cohort, pack: Pack
) -> None:
    torch.manual_seed(0)
    start = build_network(RECIPE.network).state_dict()
    kept: dict[str, CourseCandidate] = {}

    class Keeping(Course):
        def keep(self, name: str, candidate: CourseCandidate) -> None:
            kept[name] = candidate

    options = CourseOptions(data=Path("data"), out=Path("out"), recipe=RECIPE, plan=PLAN)
    course = Keeping(cohort, options, start, pack, InitialWeights(CHANCE, ""))
    course.run()

    assert set(course.candidates) == {"soup", "student-1", "student-2", "students", "all"}
    assert course.chosen == choose(course.candidates)
    nominated = {name: one.networks for name, one in course.candidates.items()}
    expected = mean_weights([nominated["student-1"][-1], nominated["student-2"][-1]])
    for name, value in nominated["students"][-1].items():
        torch.testing.assert_close(value, expected[name])
    assert set(kept) == {CHOSEN, "small-64"}
    assert kept[CHOSEN] is course.candidates[course.chosen]
    known = cohort.folds > 0
    for logits in course.scores.values():
        assert np.isfinite(logits[known]).all()
        assert np.isnan(logits[~known]).all()
    assert course.scores["students-d4"].shape == (60, 8)


@pytest.mark.parametrize(
    ("centre_of_best", "chosen"), [(0.40, "best"), (0.39, "second"), (None, "best")]
)
def test_the_best_out_of_fold_ships_unless_it_follows_the_surroundings(
    centre_of_best: float | None, chosen: str
) -> None:
    others = 0.5 if centre_of_best is not None else 0.1
    no_scores = np.empty(0, np.float32)
    candidates = {
        name: CourseCandidate(name, RECIPE, [], no_scores, auroc, centre)
        for name, auroc, centre in (
            ("worst", 0.95, others),
            ("best", 0.97, centre_of_best or 0.1),
            ("second", 0.96, others),
        )
    }
    assert choose(candidates) == chosen


def test_the_first_orientation_of_the_eight_is_the_plain_score(cohort: Cohort) -> None:
    weights = [build_network(RECIPE.network).state_dict()] * 5
    plain = cohort.out_of_fold(RECIPE, weights)
    every = cohort.out_of_fold(RECIPE, weights, views=range(8))
    np.testing.assert_allclose(plain[:, 0], every[:, 0], atol=1e-5)


@pytest.mark.parametrize(("seconds", "steps"), [(None, 1500), (2000.0, 1500), (300.0, 500)])
def test_students_get_the_steps_that_are_left_time_for(seconds: float | None, steps: int) -> None:
    plan = Plan(branch_steps=100, student_steps=1500, students=(0.0, 0.4), seconds=seconds)
    # 0.1 s a step of a branch, 0.2 s of a student: 200 s are left for two of them.
    assert affordable_steps(plan, spent_seconds=100.0, branch_seconds=10.0) == steps


@pytest.mark.parametrize(
    "more",
    [
        {"focal_gamma": 2.0},
        {"balance_classes": True},
        {"mixup_alpha": 0.2},
        {"schedule": replace(RECIPE.schedule, gradient_clip=1.0)},
        {"augmentation": replace(RECIPE.augmentation, zoom=0.1)},
    ],
)
def test_a_recipe_that_a_course_would_train_otherwise_is_refused(more: dict[str, object]) -> None:
    require_course(RECIPE)
    require_course(load_recipe(COURSE_RECIPE))
    asked = Recipe(**{**{f: getattr(RECIPE, f) for f in RECIPE.__dataclass_fields__}, **more})
    with pytest.raises(RunError, match=next(iter(more))):
        require_course(asked)


def test_what_a_course_keeps_is_exported_with_its_folds_as_evidence(
    kaggle: Path, tmp_path: Path
) -> None:
    out = tmp_path / "course"
    steps = ["--trunk-steps", "1", "--branch-steps", "1", "--branches", "1", "--student-steps", "1"]
    asked = ["--data", str(kaggle), "--out", str(out), "--init", "none", "--device", "cpu"]
    smaller = ["--set", "batch_size=4", "--set", "preprocessing.input_size_px=96"]
    smaller += ["--model", "test_efficientnet"]
    assert main(["course", *asked, *steps, *smaller]) == 0

    folds = [read_finished(out / "chosen" / "folds" / f"fold-{k}") for k in range(1, 6)]
    refit = read_finished(out / "chosen" / "refit")
    assert refit.config.train.patches == 60
    validated = [set(fold.config.val.slides) for fold in folds]
    for fold, slides in zip(folds, validated, strict=True):
        assert slides.isdisjoint(fold.config.train.slides)
    assert sorted(set().union(*validated)) == [f"s{number}" for number in range(6)]
    facts = json.loads((out / "course.json").read_text())
    assert facts["chosen"] in {"soup", "student-1", "all"}
    assert refit.outcome["course"]["stage"] == facts["chosen"]

    bundle = tmp_path / "bundle"
    evidence = ["--calibrate-from", str(out / "chosen" / "folds")]
    assert main(["export", str(out / "chosen" / "refit"), "--to", str(bundle), *evidence]) == 0
    assert read_card(bundle).validation.data.patches == 60
    scores = np.load(out / "scores.npz")
    assert set(scores["folds"]) == {1, 2, 3, 4, 5}


def test_data_that_cannot_be_split_leave_nothing_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_toy_kaggle(tmp_path / "data", known=False, split=False)
    asked = ["course", "--data", str(data), "--out", str(tmp_path / "out"), "--init", "none"]
    assert main([*asked, "--device", "cpu"]) == 2
    assert "Found 0 known slides" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
