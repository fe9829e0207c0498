import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from core.bundle import InputTransform, build_network, load_weights, tumour_logit
from training.commands import main
from training.runs.folder import read_finished


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


def test_another_teacher_is_not_taken_for_the_one_before(
    kaggle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels, out = pd.read_csv(kaggle / "train_labels.csv"), tmp_path / "student"
    for name, score in (("a", 0.25), ("b", 0.75)):
        labels.assign(prob_tumour=score).to_csv(tmp_path / f"{name}.csv", index=False)
    assert main(command(kaggle, tmp_path / "a.csv", out)) == 0
    assert main(command(kaggle, tmp_path / "b.csv", out)) == 2
    assert "teacher_sha256" in capsys.readouterr().err
    shutil.rmtree(out)
    assert main(command(kaggle, tmp_path / "b.csv", out)) == 0
    scores = pd.read_csv(tmp_path / "student.teacher" / "teacher_scores.csv")
    assert set(scores["prob_tumour"]) == {0.75}


def test_a_teacher_that_contradicts_itself_or_looks_reversed_is_told(
    kaggle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels, teacher = pd.read_csv(kaggle / "train_labels.csv"), tmp_path / "teacher.csv"
    scored = labels.assign(prob_tumour=0.9 - 0.8 * labels["label"])
    pd.concat([scored, scored.head(2).assign(prob_tumour=0.5)]).to_csv(teacher, index=False)
    assert main(command(kaggle, teacher, tmp_path / "student")) == 2
    message = capsys.readouterr().err
    assert "far below chance" in message
    assert "more than one score for 2 ids" in message


def test_a_teacher_and_data_may_both_name_files_with_their_suffix(
    kaggle: Path, tmp_path: Path
) -> None:
    labels = pd.read_csv(kaggle / "train_labels.csv")
    names = labels["id"] + ".tif"
    paths = [str(kaggle / "train" / name) for name in names]
    slides = [f"s{number // 4}" for number in range(len(labels))]
    data = labels.assign(id=names, path=paths, slide=slides)
    data.to_csv(tmp_path / "data.csv", index=False)
    labels.assign(id=names, prob_tumour=0.4).to_csv(tmp_path / "teacher.csv", index=False)
    asked = command(tmp_path / "data.csv", tmp_path / "teacher.csv", tmp_path / "student")
    assert main(asked) == 0


def test_a_run_that_validated_nothing_teaches_with_its_eight_orientations(
    kaggle: Path, tmp_path: Path
) -> None:
    teacher = tmp_path / "teacher"
    everything = ["--data", str(kaggle), "--recipe", "tiny", "--all-slides", "--device", "cpu"]
    assert main(["fit", *everything, "--out", str(teacher)]) == 0
    asked = command(kaggle, teacher, tmp_path / "student")
    assert main([*asked, "--all-slides", "--teacher-tta", "d4"]) == 0

    run = read_finished(teacher)
    recipe = run.config.recipe
    network = build_network(recipe.network).eval()
    load_weights(network, run.weights)
    picture = np.asarray(Image.open(kaggle / "train" / "p007.tif"))
    turned = [np.rot90(one, turns) for one in (picture, picture[:, ::-1]) for turns in range(4)]
    with torch.inference_mode():
        inputs = InputTransform(recipe.preprocessing)(torch.from_numpy(np.stack(turned)))
        expected = torch.sigmoid(tumour_logit(network(inputs)).mean())
    scores = pd.read_csv(tmp_path / "student.teacher" / "teacher_scores.csv").set_index("id")
    assert len(scores) == 60
    assert scores.loc["p007", "prob_tumour"] == pytest.approx(float(expected), abs=1e-5)
