"""What somebody new to the package tries first."""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from core.bundle import read_card
from tests.training.toys import toy_patches, write_toy_kaggle
from training.commands import PROGRAM, main
from training.fetch import next_step

Told = pytest.CaptureFixture[str]


def asked(command: str, data: Path, out: Path, *more: object) -> list[str]:
    plain = [command, "--data", str(data), "--out", str(out), "--recipe", "tiny"]
    return [*plain, "--device", "cpu", "--no-tensorboard", *map(str, more)]


def config_of(run: Path) -> dict[str, object]:
    values: dict[str, object] = json.loads((run / "config.json").read_text("utf-8"))["config"]
    return values


def test_a_recipe_is_changed_without_a_file(kaggle: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    changes = ["--epochs", 1, "--lr", "2e-3", "--batch-size", 8, "--set", "label_smoothing=0.1"]
    assert main(asked("fit", kaggle, out, *changes, "--model", "test_resnet")) == 0
    recipe = config_of(out)["recipe"]
    assert isinstance(recipe, dict)
    assert recipe["schedule"]["epochs"] == 1
    assert recipe["schedule"]["learning_rate"] == 2e-3
    assert (recipe["batch_size"], recipe["label_smoothing"]) == (8, 0.1)
    assert recipe["network"]["name"] == "test_resnet"


def test_an_unknown_network_is_told_with_those_near_it(
    kaggle: Path, tmp_path: Path, capsys: Told
) -> None:
    assert main(asked("fit", kaggle, tmp_path / "run", "--model", "resnet19")) == 2
    assert "resnet18" in capsys.readouterr().err


def test_a_failed_start_leaves_nothing_and_the_mended_command_starts(
    tmp_path: Path, capsys: Told
) -> None:
    data = write_toy_kaggle(tmp_path / "data", split=False, known=False)
    out = tmp_path / "run"
    assert main(asked("fit", data, out)) == 2
    assert "--random-split" in capsys.readouterr().err
    assert not out.exists()
    assert main(asked("fit", data, out, "--random-split", "--epochs", 2)) == 0
    assert config_of(out)["at_random"] is True


def test_patches_left_by_a_killed_start_are_no_other_run(kaggle: Path, tmp_path: Path) -> None:
    (tmp_path / "run" / "pack" / ".0123.part").mkdir(parents=True)
    assert main(asked("fit", kaggle, tmp_path / "run")) == 0


def test_wrong_data_are_told_before_any_weights_are_fetched(
    tmp_path: Path, capsys: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("asked the network")

    monkeypatch.setattr("training.runs.initial.timm.create_model", refuse)
    command = asked("fit", tmp_path / "none", tmp_path / "run", "--init", "imagenet")
    assert main(command) == 2
    assert "There is no file or folder" in capsys.readouterr().err


def test_folders_named_by_class_are_labels(tmp_path: Path) -> None:
    labels = [0, 1] * 20
    for number, image in enumerate(toy_patches(labels)):
        folder = tmp_path / "data" / ("tumour" if labels[number] else "normal")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{number // 2}.png")  # each name in both folders
    out = tmp_path / "run"
    assert main(asked("fit", tmp_path / "data", out, "--random-split", "--val-share", 0.2)) == 0
    scores = pd.read_csv(out / "validation_scores.csv")
    assert (scores["id"].str.startswith("tumour/") == (scores["label"] == 1)).all()


def test_a_curve_leaves_out_the_sizes_that_are_not_there(
    kaggle: Path, tmp_path: Path, capsys: Told
) -> None:
    assert main(asked("curve", kaggle, tmp_path / "curve", "--epochs", 2)) == 0
    assert "the sizes 100, 300, 1,000, 3,000 are left out" in capsys.readouterr().err
    table = pd.read_csv(tmp_path / "curve" / "learning_curve.csv")
    assert table["train_patches"].tolist() == [40]


@pytest.fixture(scope="module")
def unknown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six slides of 10 patches; the slides of the last two are not known."""
    folder = write_toy_kaggle(tmp_path_factory.mktemp("unknown") / "data", split=False)
    slides = folder / "patch_id_wsi.csv"
    slides.write_text("\n".join(slides.read_text("utf-8").splitlines()[:41]) + "\n", "utf-8")
    return folder


@pytest.fixture(scope="module")
def crossval(unknown: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two folds, trained one by one as on two machines, and then gathered."""
    out = tmp_path_factory.mktemp("crossval") / "cv"
    more = ["--folds", 2, "--teach-unknown", "--epochs", 2]
    for fold in (2, 1):
        assert not (out / "crossval.json").exists()
        assert main(asked("crossval", unknown, out, *more, "--fold", fold)) == 0
    return out


def test_folds_are_gathered_once_all_are_there(crossval: Path) -> None:
    table = pd.read_csv(crossval / "out_of_fold.csv")
    assert len(table) == 40
    assert sorted(table["fold"].unique()) == [1, 2]


def test_patches_of_unknown_slide_teach_and_are_judged_by_nobody(crossval: Path) -> None:
    teaching = pd.read_csv(crossval / "teaching.csv")
    judged = pd.read_csv(crossval / "out_of_fold.csv")
    assert len(teaching) == 20
    assert not set(teaching["id"]) & set(judged["id"])


@pytest.mark.parametrize("with_teaching", [True, False])
def test_a_cross_validation_teaches_where_slides_are_unknown(
    with_teaching: bool, crossval: Path, unknown: Path, tmp_path: Path, capsys: Told
) -> None:
    teacher = tmp_path / "cv"
    teacher.mkdir()
    names = ["crossval.json", "out_of_fold.csv", *(["teaching.csv"] if with_teaching else [])]
    for name in names:
        (teacher / name).write_bytes((crossval / name).read_bytes())
    command = asked("distill", unknown, tmp_path / "student", "--teacher", teacher)
    assert main([*command, "--val-share", "0.5"]) == 0
    partial = "follow their label alone" in capsys.readouterr().err
    assert partial != with_teaching


def test_all_slides_train_and_the_card_rests_on_the_cross_validation(
    crossval: Path, unknown: Path, tmp_path: Path, capsys: Told
) -> None:
    run, model = tmp_path / "all", tmp_path / "model"
    assert main(asked("fit", unknown, run, "--all-slides", "--epochs", 2)) == 0
    assert config_of(run)["val"] == {**config_of(run)["val"], "patches": 0}  # type: ignore[dict-item]
    assert main(["export", str(run), "--to", str(model)]) == 2
    assert "--calibrate-from" in capsys.readouterr().err
    more = ["--calibrate-from", str(crossval), "--rule", "youden"]
    assert main(["export", str(run), "--to", str(model), *more]) == 0
    card = read_card(model)
    assert (card.training.patches, card.validation.data.patches) == (60, 40)
    assert "largest" in card.operating_point.rule
    shipped = pd.read_csv(model / "validation.csv").sort_values("id", ignore_index=True)
    raw = pd.read_csv(crossval / "out_of_fold.csv")
    assert shipped["id"].tolist() == raw["id"].tolist()
    assert shipped["score"].rank().tolist() == raw["prob_tumour"].rank().tolist()
    assert shipped["fold"].tolist() == raw["fold"].tolist()
    # What serving changes, and what is unlike the training data, is told by slides left out too.
    data = ["--data", str(unknown)]
    assert main(["measure", str(model), *data, "--crossval", str(tmp_path)]) == 2
    assert "not a finished cross-validation" in capsys.readouterr().err
    assert main(["measure", str(model), *data, "--crossval", str(crossval)]) == 0
    assert main(["domain", str(model), *data, "--layers", "blocks.0"]) == 0
    card = read_card(model)
    assert card.orientations is not None
    assert card.domain is not None
    assert card.centre_auroc is not None
    assert (card.orientations.patches, card.domain.patches) == (40, 60)
    assert "40 patches of known slides" in card.domain.judged_on


def test_a_rule_that_is_none_is_told(finished_runs: Path, tmp_path: Path, capsys: Told) -> None:
    command = ["export", str(finished_runs / "a"), "--to", str(tmp_path / "m"), "--rule", "best"]
    assert main(command) == 2
    assert "youden, or f1" in capsys.readouterr().err


def test_an_ensemble_on_slides_that_trained_a_member_says_so_and_ranks_apart(
    kaggle: Path, finished_runs: Path, tmp_path: Path, capsys: Told
) -> None:
    runs = tmp_path / "runs"
    members = [str(finished_runs / name) for name in ("a", "b")]
    data = ["--data", str(kaggle), "--split", "all"]
    assert main(["ensemble", *members, "--out", str(runs / "seen"), *data]) == 0
    assert "used to train this model" in capsys.readouterr().out
    assert main(["ensemble", *members, "--out", str(runs / "honest")]) == 0
    assert main(["evaluate", str(runs / "seen"), "--out", str(tmp_path / "e")]) == 0
    assert "used to train this model" in capsys.readouterr().out
    assert main(["leaderboard", str(runs)]) == 0
    table = capsys.readouterr().out
    assert table.index("| honest |") < table.index("on which members were trained")
    assert table.index("on which members were trained") < table.index("| seen |")


def test_trials_are_ranked_by_folds_where_asked(unknown: Path, tmp_path: Path) -> None:
    out = tmp_path / "search"
    more = ["--vary", "batch_size=8,16", "--sampler", "grid", "--folds", 2, "--epochs", 2]
    assert main(asked("search", unknown, out, *more)) == 0
    result = json.loads((out / "search.json").read_text("utf-8"))
    for trial in result["trials"]:
        facts = json.loads((out / trial["run"] / "crossval.json").read_text("utf-8"))
        assert trial["validation_auc"] == facts["metrics"]["auroc"]["value"]


def test_the_next_step_after_kaggles_data_says_what_a_random_split_costs(tmp_path: Path) -> None:
    sentence = next_step(tmp_path)
    assert "--random-split" in sentence
    assert "too good" in sentence
    (tmp_path / "camelyonpatch_level_2_split_train_x.h5").touch()
    assert "--random-split" not in next_step(tmp_path)


def test_sampling_and_class_weights_together_are_noted(
    kaggle: Path, tmp_path: Path, capsys: Told
) -> None:
    both = ["--set", "balance_classes=true", "--set", "weighted_sampling=true"]
    assert main(asked("fit", kaggle, tmp_path / "run", *both)) == 0
    assert "lean towards tumour" in capsys.readouterr().err


def test_a_submission_may_be_the_mean_of_the_folds(crossval: Path, tmp_path: Path) -> None:
    patches = tmp_path / "patches"
    patches.mkdir()
    for number, image in enumerate(toy_patches([0, 1, 0, 1], seed=3)):
        Image.fromarray(image).save(patches / f"t{number}.png")
    columns = []
    for model in (crossval, crossval / "fold-1", crossval / "fold-2"):
        out = tmp_path / f"{model.name}.csv"
        command = ["predict", str(model), "--data", str(patches), "--out", str(out)]
        assert main([*command, "--device", "cpu"]) == 0
        columns.append(pd.read_csv(out)["label"])
    mean, first, second = columns
    pd.testing.assert_series_equal(mean, (first + second) / 2)


def test_something_is_on_the_screen_before_pytorch_is_loaded(tmp_path: Path) -> None:
    """Whoever waits for a network reads at once that something happens."""
    command = [sys.executable, "-u", "-m", "training", *asked("fit", tmp_path / "none", tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("Loading PyTorch ...")


@pytest.mark.parametrize("command", [one.__name__ for one in PROGRAM.commands])
def test_help_of_every_command_loads_neither_pandas_nor_pytorch(command: str) -> None:
    code = (
        "import sys\nfrom training.commands import main\n"
        f"assert main(['{command}', '--help']) == 0\n"
        "sys.exit(any(heavy in sys.modules for heavy in ('torch', 'pandas', 'numpy')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Parameters:" in done.stdout
