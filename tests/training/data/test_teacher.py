from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.errors import RunError
from tests.training.toys import toy_recipe, toy_table
from training.data.labelled import read_teacher
from training.options import FitOptions
from training.recipes.recipe import Distillation

TABLE = toy_table([0, 1, 1], ["a", "a", "b"])
TRAIN = np.array([0, 1])


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_scores_become_logits_by_id(suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"teacher.{suffix}"
    scores = pd.DataFrame({"id": ["p1", "p0", "else"], "prob_tumour": [0.75, 0.0, 0.5]})
    scores.to_csv(file, index=False) if suffix == "csv" else scores.to_parquet(file, index=False)
    logits, _ = read_teacher(file, TABLE, TRAIN)
    assert logits[1] == pytest.approx(np.log(3))
    assert np.isfinite(logits[0])
    assert logits[0] < -10
    assert np.isnan(logits[2])


def test_patches_without_a_score_are_nan_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "teacher.csv"
    file.write_text("id,prob_tumour\np0,0.5\np1,\n", "utf-8")
    logits, _ = read_teacher(file, TABLE, TRAIN)
    assert "a score for 1 of 2 training patches" in capsys.readouterr().err
    assert np.isnan(logits[1])


def test_a_teacher_of_no_training_patch_is_told(tmp_path: Path) -> None:
    file = tmp_path / "teacher.csv"
    file.write_text("id,prob_tumour\np2,0.5\n", "utf-8")
    with pytest.raises(RunError, match="none of the 2 training patches"):
        read_teacher(file, TABLE, TRAIN)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="Check the path"):
        read_teacher(tmp_path / "none.csv", TABLE, TRAIN)


@pytest.mark.parametrize(("weight", "scores"), [(0.5, None), (0.0, Path("scores.csv"))])
def test_a_weight_and_scores_belong_together(weight: float, scores: Path | None) -> None:
    recipe = toy_recipe(distillation=Distillation(weight=weight))
    with pytest.raises(RunError, match="both or neither"):
        FitOptions(data=Path("data"), out=Path("run"), recipe=recipe, teacher_scores=scores)
