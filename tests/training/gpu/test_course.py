"""A course on the CPU with the smallest network: who trains on what, and what is written."""

import csv
import io
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from core.bundle import Architecture, build_network
from training.average import mean_weights
from training.gpu.__main__ import main
from training.gpu.archive import PackedPatches
from training.gpu.course import (
    CHOSEN,
    COLOUR,
    Candidate,
    Cohort,
    Course,
    Plan,
    affordable_steps,
    choose,
    scaled,
)
from training.gpu.lockstep import Weights
from training.gpu.variation import Strength

SMALL = Architecture(name="test_efficientnet", outputs=1, pooling="centre-and-context")
PLAN = Plan(
    Strength(scaled(COLOUR, 0.5), transplants=0.3, stain_swaps=0.3),
    trunk_steps=2,
    branch_steps=2,
    branches=2,
    student_steps=2,
    size_px=96,
    small=(64,),
    small_steps=2,
    batch_size=4,
    architecture=SMALL,
)


@pytest.fixture(scope="module")
def packed() -> PackedPatches:
    """Sixty patches of twelve slides of both labels, the last two slides' names unknown."""
    random = np.random.default_rng(0)
    slides = np.array([f"s{number // 5:02d}" if number < 50 else "" for number in range(60)])
    return PackedPatches(
        np.array([f"{number:03d}" for number in range(60)]),
        random.integers(0, 256, (60, 96, 96, 3), dtype=np.uint8),
        np.arange(60) % 2,
        slides,
    )


@pytest.fixture(scope="module")
def cohort(packed: PackedPatches) -> Cohort:
    return Cohort.of(packed, torch.device("cpu"), seed=0)


def test_no_network_of_a_fold_trains_on_a_slide_that_it_scores(cohort: Cohort) -> None:
    learners = cohort.learners(SMALL, seed=0)
    slides = cohort.packed.slides
    for fold, rows in enumerate(learners.rows[:-1]):
        scored = set(slides[cohort.folds == fold])
        assert scored
        assert scored.isdisjoint(set(slides[rows.numpy()]))


def test_every_known_slide_is_scored_once_and_unknown_ones_only_train(cohort: Cohort) -> None:
    known = cohort.packed.slides != ""
    assert (cohort.folds[known] >= 0).all()
    assert (cohort.folds[~known] == -1).all()
    unknown = set(np.flatnonzero(~known))
    for rows in cohort.learners(SMALL, seed=0).rows:
        assert unknown <= set(rows.numpy())


def test_the_refit_trains_on_all_patches(cohort: Cohort) -> None:
    rows = cohort.learners(SMALL, seed=0).rows
    assert len(rows) == 6
    assert sorted(rows[-1].numpy()) == list(range(60))


def test_a_course_scores_every_stage_and_keeps_the_candidate_it_chose(cohort: Cohort) -> None:
    torch.manual_seed(0)
    start = build_network(SMALL).state_dict()
    kept: dict[str, list[Weights]] = {}

    def keep(name: str, networks: Sequence[Weights], size_px: int) -> None:
        kept[name] = list(networks)

    course = Course(cohort, PLAN, start, lambda _: None, keep=keep)
    course.run()

    assert set(course.candidates) == {"soup", "student-1", "student-2", "students", "all"}
    assert course.chosen == choose(course.candidates)
    nominated = {name: one.networks for name, one in course.candidates.items()}
    expected = mean_weights([nominated["student-1"][-1], nominated["student-2"][-1]])
    for name, value in nominated["students"][-1].items():
        torch.testing.assert_close(value, expected[name])
    for kept_one, chosen in zip(kept[CHOSEN], nominated[course.chosen], strict=True):
        torch.testing.assert_close(dict(kept_one), dict(chosen))
    assert set(kept) == {CHOSEN, "small-64"}
    known = cohort.folds >= 0
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
    candidates = {
        "worst": Candidate([], 0.95, others),
        "best": Candidate([], 0.97, centre_of_best or 0.1),
        "second": Candidate([], 0.96, others),
    }
    assert choose(candidates) == chosen


def test_the_first_orientation_of_the_eight_is_the_plain_score(cohort: Cohort) -> None:
    weights = [build_network(SMALL).state_dict()] * 5
    plain = cohort.out_of_fold(SMALL, weights, 96)
    every = cohort.out_of_fold(SMALL, weights, 96, views=range(8))
    np.testing.assert_allclose(plain[:, 0], every[:, 0], atol=1e-5)


@pytest.mark.parametrize(("seconds", "steps"), [(None, 1500), (2000.0, 1500), (300.0, 500)])
def test_students_get_the_steps_that_are_left_time_for(seconds: float | None, steps: int) -> None:
    plan = Plan(PLAN.strength, branch_steps=100, student_steps=1500, small=(), seconds=seconds)
    # 0.1 s a step of a branch, 0.2 s of a student: 200 s are left for two of them.
    assert affordable_steps(plan, spent_seconds=100.0, branch_seconds=10.0) == steps


def test_a_rehearsal_from_archives_writes_weights_and_scores(
    packed: PackedPatches, tmp_path: Path
) -> None:
    archives = tmp_path / "archives"
    archives.mkdir()
    with zipfile.ZipFile(archives / "a.zip", "w") as archive:
        for name, image in zip(packed.ids, packed.images_rgb_u8, strict=True):
            file = io.BytesIO()
            Image.fromarray(image).save(file, "PNG")
            archive.writestr(f"{name}.png", file.getvalue())
    with (tmp_path / "table.csv").open("w", newline="") as table:
        rows = zip(packed.ids, packed.labels, packed.slides, strict=True)
        csv.writer(table).writerows([("id", "label", "slide_group"), *rows])
    save_file(
        build_network(Architecture(name="tf_efficientnet_lite0")).state_dict(),
        tmp_path / "init.safetensors",
    )
    out = tmp_path / "out"
    status = main(
        f"course --archives {archives} --table {tmp_path / 'table.csv'} --out {out} --rehearse 24 "
        f"--init {tmp_path / 'init.safetensors'} --branches 1 --students 0.5 --small 64".split()
    )
    assert status == 0
    scores = np.load(out / "scores.npz")
    assert len(scores["ids"]) == 24
    assert set(scores["slides"][scores["folds"] < 0]) == {""}
    facts = json.loads((out / "course.json").read_text())
    assert facts["chosen"] in {"soup", "student-1", "students", "all"}
    for kind in ("chosen", "small-64"):
        parts = [load_file(out / f"{kind}-{part}.safetensors") for part in ("refit", "fold-5")]
        assert set(parts[0]) == set(parts[1])
