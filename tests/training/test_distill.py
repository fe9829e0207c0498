import json
from pathlib import Path

import pandas as pd
import pytest

from training.commands import main


def command(data: Path, teacher: Path, out: Path) -> list[str]:
    asked = ["distill", "--data", str(data), "--teacher", str(teacher), "--out", str(out)]
    return [*asked, "--recipe", "tiny", "--device", "cpu", "--no-tensorboard"]


def test_a_student_learns_from_a_models_scores_of_every_patch(
    finished_runs: Path, kaggle: Path, tmp_path: Path
) -> None:
    out = tmp_path / "student"
    assert main([*command(kaggle, finished_runs / "a", out), "--weight", "0.7"]) == 0
    scores = pd.read_csv(tmp_path / "student.teacher" / "teacher_scores.csv")
    assert list(scores.columns) == ["id", "prob_tumour"]
    assert len(scores) == 60
    config = json.loads((out / "config.json").read_text("utf-8"))["config"]
    assert config["recipe"]["distillation"]["weight"] == 0.7
    assert config["teacher_sha256"]
    assert (out / "outcome.json").is_file()


def test_out_of_fold_scores_teach_without_a_model(kaggle: Path, tmp_path: Path) -> None:
    labels = pd.read_csv(kaggle / "train_labels.csv")
    teacher = tmp_path / "out_of_fold.csv"
    table = labels.assign(slide="s", fold=1, prob_tumour=labels["label"] * 0.8 + 0.1)
    table.to_csv(teacher, index=False)
    assert main(command(kaggle, teacher, tmp_path / "student")) == 0
    config = json.loads((tmp_path / "student" / "config.json").read_text("utf-8"))["config"]
    assert config["recipe"]["distillation"]["weight"] == 0.5


def test_a_teacher_of_other_patches_is_told(
    kaggle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    teacher = tmp_path / "other.csv"
    pd.DataFrame({"id": ["x", "y"], "label": [0, 1], "prob_tumour": [0.1, 0.9]}).to_csv(
        teacher, index=False
    )
    assert main(command(kaggle, teacher, tmp_path / "student")) == 2
    assert "no score for any patch" in capsys.readouterr().err
