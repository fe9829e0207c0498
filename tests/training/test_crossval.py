import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.errors import RunError
from core.thresholds.score_table import read_scores_csv
from tests.training.toys import kill_when, toy_table, write_toy_kaggle
from training.commands import main
from training.data.split import limit_training, split_fold, split_patches
from training.options import Fold

FILES = ("out_of_fold.csv", "out_of_fold.parquet", "crossval.json")


def command(data: Path, out: Path) -> list[str]:
    asked = ["crossval", "--data", str(data), "--out", str(out), "--recipe", "tiny"]
    return [*asked, "--folds", "3", "--device", "cpu", "--threads", "1", "--checkpoint-steps", "1"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six slides of 8 patches; the slide of the last patch is not known."""
    folder = write_toy_kaggle(tmp_path_factory.mktemp("crossval") / "toy", per_slide=8, split=False)
    slides = folder / "patch_id_wsi.csv"
    slides.write_text("\n".join(slides.read_text("utf-8").splitlines()[:-1]) + "\n", "utf-8")
    return folder


@pytest.fixture(scope="module")
def unbroken(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("unbroken") / "cv"
    assert main(command(data, out)) == 0
    return out


def test_every_patch_of_known_slide_is_scored_once_by_a_model_without_its_slide(
    unbroken: Path,
) -> None:
    table = pd.read_csv(unbroken / "out_of_fold.csv")
    assert list(table.columns) == ["id", "label", "slide", "fold", "prob_tumour"]
    assert table["id"].is_unique
    assert len(table) == 47
    assert len(table[["slide", "fold"]].drop_duplicates()) == 6
    for fold, rows in table.groupby("fold"):
        config = json.loads((unbroken / f"fold-{fold}" / "config.json").read_text("utf-8"))
        assert not set(rows["slide"]) & set(config["config"]["train"]["slides"])
        assert config["config"]["train"]["without_slide"] == 1
    notes = json.loads((unbroken / "crossval.json").read_text("utf-8"))["notes"]
    assert any("1 patches of unknown slide train in every fold" in note for note in notes)


def test_the_threshold_page_reads_the_out_of_fold_scores(unbroken: Path) -> None:
    file = unbroken / "out_of_fold.csv"
    scores = read_scores_csv(file.name, file.read_bytes())
    assert (len(scores.ids), len(scores.slides)) == (47, 6)
    parquet = pd.read_parquet(unbroken / "out_of_fold.parquet")
    np.testing.assert_array_equal(parquet["prob_tumour"], scores.evidence.scores)


def test_a_cross_validation_killed_in_a_fold_ends_with_the_same_bytes(
    unbroken: Path, data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "cv"
    second = out / "fold-2" / "checkpoint.safetensors"
    later = float(np.random.default_rng().uniform(0, 0.05))
    kill_when([sys.executable, "-m", "training", *command(data, out)], second.is_file, later)
    assert not (out / "crossval.json").exists()
    assert main(command(data, out)) == 0
    for name in FILES:
        assert (out / name).read_bytes() == (unbroken / name).read_bytes(), name


def test_a_finished_cross_validation_is_evaluated_and_stands_on_the_leaderboard(
    unbroken: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(unbroken), "--out", str(tmp_path)]) == 0
    assert "47 patches" in capsys.readouterr().out
    assert main(["leaderboard", str(unbroken.parent)]) == 0
    table = capsys.readouterr().out
    assert "| cv | tiny |" in table
    assert "fold-1" not in table


def test_folds_go_on_from_their_own_models_alone(
    data: Path, unbroken: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = [*command(data, tmp_path / "more"), "--from", str(unbroken), "--follow", "0.5"]
    assert main(more) == 0
    for fold in (1, 2, 3):
        now, before = (
            json.loads((root / f"fold-{fold}" / "config.json").read_text("utf-8"))["config"]
            for root in (tmp_path / "more", unbroken)
        )
        weights = (unbroken / f"fold-{fold}" / "best.safetensors").read_bytes()
        assert now["initial"]["sha256"] == hashlib.sha256(weights).hexdigest()
        assert now["val"] == before["val"]
        assert now["recipe"]["distillation"]["weight"] == 0.5
    # Other folds: what validates now has trained before.
    other = [*command(data, tmp_path / "other"), "--from", str(unbroken), "--seed", "1"]
    assert main(other) == 2
    assert "may have trained on them" in capsys.readouterr().err


def test_folds_share_no_slide_and_together_hold_every_known_one() -> None:
    rng = np.random.default_rng(0)
    slides = [f"s{n % 12}" for n in range(240)]
    table = toy_table(rng.integers(0, 2, 240).tolist(), slides)
    splits = [split_fold(table, Fold(number, 4), seed=1) for number in range(4)]
    assert sorted(np.concatenate([split.val for split in splits]).tolist()) == list(range(240))
    for split in splits:
        assert not set(table.slides[split.train]) & set(table.slides[split.val])
        assert abs(table.labels[split.val].mean() - table.labels.mean()) < 0.15


def test_declared_test_patches_take_no_part_in_the_folds() -> None:
    splits = ["test" if n < 60 else "train" for n in range(240)]
    table = toy_table([n % 2 for n in range(240)], [f"s{n // 20}" for n in range(240)], splits)
    split = split_fold(table, Fold(0, 3), seed=0)
    assert min(split.train.min(), split.val.min()) >= 60


def test_random_folds_are_made_only_on_request_and_say_what_they_cost() -> None:
    table = toy_table([n % 2 for n in range(40)], [""] * 40)
    with pytest.raises(RunError, match="--random-split"):
        split_fold(table, Fold(0, 4), seed=0)
    split = split_fold(table, Fold(0, 4), seed=0, at_random=True)
    assert "0.99" in split.warnings[0]


def test_more_folds_than_slides_are_refused() -> None:
    table = toy_table([n % 2 for n in range(40)], [f"s{n // 10}" for n in range(40)])
    with pytest.raises(RunError, match="ask for fewer folds"):
        split_fold(table, Fold(0, 5), seed=0)


def test_a_smaller_training_set_lies_in_a_larger_one_and_validation_stays() -> None:
    table = toy_table([n % 2 for n in range(200)], [f"s{n // 10}" for n in range(200)])
    split = split_patches(table, seed=0)
    small, large = (limit_training(table, split, size, seed=3) for size in (20, 90))
    assert set(small.train) < set(large.train) < set(split.train)
    np.testing.assert_array_equal(small.val, split.val)
    assert "20 of 180 training patches, seed 3" in small.origin
    with pytest.raises(RunError, match="--train-patches"):
        limit_training(table, split, 181, seed=3)
