"""Pre-training without labels: killed and gone on, handed to `fit`, not collapsed."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from core.bundle import Architecture, build_network
from core.errors import BundleError, RunError
from tests.training.toys import kill_when, toy_patches, toy_recipe, write_toy_kaggle
from training.commands import main
from training.learning.stepping import Stopped
from training.options import PretrainOptions
from training.pretraining.run import run_pretraining
from training.recipes.recipe import load_recipe
from training.runs.folder import RunFolder, read_config, read_tensors
from training.runs.initial import initial_network

EPOCHS = 4
SETTINGS = {"epochs": EPOCHS, "batch_size": 8, "projector_width": 32}


def options(data: Path, out: Path, **changes: object) -> PretrainOptions:
    plain = PretrainOptions(
        data=data,
        out=out,
        recipe=toy_recipe(),
        settings=SETTINGS,
        threads=1,
        device="cpu",
        checkpoint_steps=3,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def pretrained(plan: PretrainOptions) -> RunFolder:
    return run_pretraining(plan, should_stop=lambda: False)


def asked(data: Path, out: Path) -> list[str]:
    command = ["pretrain", "--data", str(data), "--out", str(out), "--recipe", "simple_cnn"]
    return [*command, "--init", "none", "--device", "cpu", "--threads", "1"]


@pytest.fixture(scope="module")
def unbroken(kaggle: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return pretrained(options(kaggle, tmp_path_factory.mktemp("unbroken") / "run"))


def test_a_killed_pretraining_ends_with_the_same_bytes(kaggle: Path, tmp_path: Path) -> None:
    ends = []
    for name in ("unbroken", "killed"):
        folder = RunFolder(tmp_path / name)
        command = [*asked(kaggle, folder.root), "--epochs", "40", "--batch-size", "8"]
        command += ["--checkpoint-steps", "3", "--no-tensorboard"]
        if name == "killed":

            def within_an_epoch(checkpoint: Path = folder.checkpoint) -> bool:
                if not checkpoint.is_file():
                    return False
                _, facts = read_tensors(checkpoint)
                return bool(facts["epoch"] >= 1 and facts["step"] > 0)

            kill_when([sys.executable, "-m", "training", *command], within_an_epoch, 0)
            assert not folder.backbone.exists()
        assert main(command) == 0
        ends.append((folder.backbone.read_bytes(), read_tensors(folder.checkpoint)[0]))
    assert ends[0][0] == ends[1][0]
    assert all(torch.equal(value, ends[1][1][name]) for name, value in ends[0][1].items())


def test_a_pretraining_asked_to_stop_goes_on_and_ends_the_same(
    unbroken: RunFolder, kaggle: Path, tmp_path: Path
) -> None:
    answers = iter([False] * 7 + [True])
    with pytest.raises(Stopped):
        run_pretraining(options(kaggle, tmp_path / "run"), should_stop=lambda: next(answers))
    _, facts = read_tensors(RunFolder(tmp_path / "run").checkpoint)
    assert (facts["epoch"], facts["step"]) == (1, 3)  # 8 steps at 5 an epoch
    again = pretrained(options(kaggle, tmp_path / "run"))
    assert again.backbone.read_bytes() == unbroken.backbone.read_bytes()
    assert len(again.metrics.read_text("utf-8").splitlines()) == EPOCHS + 1


def test_the_epochs_stand_in_the_table_and_in_tensorboard(unbroken: RunFolder) -> None:
    table = pd.read_csv(unbroken.metrics)
    assert table["epoch"].tolist() == list(range(EPOCHS))
    weighted = 25 * table["invariance"] + 25 * table["variance"] + table["covariance"]
    assert table["loss"].tolist() == pytest.approx(weighted.tolist(), rel=1e-5)
    assert table["learning_rate"].iloc[-1] == pytest.approx(0, abs=1e-9)
    events = EventAccumulator(str(unbroken.events))
    events.Reload()
    logged = [one.value for one in events.Scalars("pre-training/loss")]
    assert logged == pytest.approx(table["loss"].tolist(), rel=1e-5)


def test_the_backbones_weights_arrive_in_fit_with_where_they_are_from(
    unbroken: RunFolder, kaggle: Path, tmp_path: Path
) -> None:
    weights, _ = read_tensors(unbroken.backbone)
    network, _ = initial_network(Architecture(name="test_efficientnet"), str(unbroken.backbone))
    state = network.state_dict()
    assert {name.split(".")[0] for name in state.keys() - weights.keys()} == {"classifier"}
    assert all(torch.equal(state[name], value) for name, value in weights.items())
    torch.manual_seed(0)
    untouched = build_network(Architecture(name="test_efficientnet")).state_dict()
    assert any(not torch.equal(untouched[name], value) for name, value in weights.items())

    arguments = ["fit", "--data", str(kaggle), "--out", str(tmp_path / "run"), "--recipe", "tiny"]
    assert main([*arguments, "--device", "cpu", "--init", str(unbroken.backbone)]) == 0
    recorded = read_config(RunFolder(tmp_path / "run"))
    assert recorded is not None
    assert "pre-trained without labels (VICReg, 4 epochs) on 40 patches of toy, from random" in (
        recorded.config.initial.description
    )
    assert not any("pre-trained on" in note for note in recorded.config.split_warnings)


def test_fit_says_when_its_validation_slides_were_pretrained_on(
    kaggle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    everything = pretrained(
        options(kaggle, tmp_path / "pre", with_held_out=True, settings=SETTINGS | {"epochs": 1})
    )
    arguments = ["fit", "--data", str(kaggle), "--out", str(tmp_path / "run"), "--recipe", "tiny"]
    assert main([*arguments, "--device", "cpu", "--init", str(everything.backbone)]) == 0
    assert "2 of 2 validation slides are among those" in capsys.readouterr().err


def test_patches_that_validate_change_nothing_and_neither_do_labels(
    unbroken: RunFolder, tmp_path: Path
) -> None:
    data = write_toy_kaggle(tmp_path / "toy")
    rows = (data / "train_labels.csv").read_text("utf-8").split()
    flipped = [f"{row[:-1]}{1 - int(row[-1])}" for row in rows[1:]]
    (data / "train_labels.csv").write_text("\n".join([rows[0], *flipped]), "utf-8")
    for number in range(40, 60):  # the slides that validate
        Image.new("RGB", (96, 96)).save(data / "train" / f"p{number:03d}.tif")
    other = pretrained(options(data, tmp_path / "run"))
    expected, _ = read_tensors(unbroken.backbone)
    found, _ = read_tensors(other.backbone)
    assert all(torch.equal(value, found[name]) for name, value in expected.items())


def test_a_plain_folder_without_any_label_is_enough(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, image in enumerate(toy_patches([0, 1] * 8)):
        (tmp_path / "patches" / "deep").mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(tmp_path / "patches" / "deep" / f"{number}.png")
    command = [*asked(tmp_path / "patches", tmp_path / "run"), "--epochs", "1"]
    assert main([*command, "--batch-size", "8", "--no-tensorboard"]) == 0
    told = capsys.readouterr().err
    assert "pre-train: 16 patches" in told
    assert "declare no validation or test patches" in told
    assert "--init" in told


def test_a_network_does_not_collapse_but_does_where_nothing_asks_it_to_vary(
    kaggle: Path, tmp_path: Path
) -> None:
    """On a network without normalisation, which would keep its features apart by itself."""
    recipe = load_recipe("simple_cnn")
    kept = {"epochs": 40, "batch_size": 20, "projector_width": 16, "learning_rate": 3e-3}
    lost = kept | {"variance": 1e-9, "covariance": 1e-9}
    tables = [
        pd.read_csv(
            pretrained(
                options(kaggle, tmp_path / str(number), recipe=recipe, settings=settings)
            ).metrics
        )
        for number, settings in enumerate((kept, lost))
    ]
    varied, same = (table["variance"].to_numpy() for table in tables)
    assert varied[-1] < varied[0] - 0.2
    assert same[-1] > same[0] + 0.1
    assert tables[0]["spread"].iloc[-1] > tables[1]["spread"].iloc[-1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--epochs", "0"], "--epochs 0"),
        (["--batch-size", "4"], "--batch-size 4"),
        (["--batch-size", "64"], "Found 40 patches"),
        (["--learning-rate", "-1"], "--learning-rate -1"),
        (["--checkpoint-steps", "0"], "checkpoint interval"),
        (["--init", "missing.safetensors"], "Check --init"),
        (["--seed", "-1"], "0 or greater"),
    ],
)
def test_wrong_options_are_told_in_a_sentence(
    arguments: list[str],
    said: str,
    kaggle: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = asked(kaggle, tmp_path / "run")
    if arguments[0] in command:  # each option once
        at = command.index(arguments[0])
        del command[at : at + 2]
    assert main([*command, *arguments]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert "Traceback" not in told


def test_a_network_without_a_linear_end_is_told(kaggle: Path, tmp_path: Path) -> None:
    recipe = toy_recipe(network=Architecture(name="resnetv2_18"))
    with pytest.raises(BundleError, match="ends in a Conv2d"):
        pretrained(options(kaggle, tmp_path / "run", recipe=recipe))
    assert not (tmp_path / "run").exists()


def test_another_pretraining_in_the_same_folder_is_refused(
    unbroken: RunFolder, kaggle: Path
) -> None:
    with pytest.raises(RunError, match="another pre-training: seed differ"):
        pretrained(options(kaggle, unbroken.root, seed=1))
    before = unbroken.backbone.stat().st_mtime_ns
    pretrained(options(kaggle, unbroken.root))  # finished: left as it is
    assert unbroken.backbone.stat().st_mtime_ns == before


def test_fit_and_pretrain_do_not_share_a_folder(
    unbroken: RunFolder, kaggle: Path, finished_runs: Path
) -> None:
    assert main(["fit", "--data", str(kaggle), "--out", str(unbroken.root)]) == 2
    with pytest.raises(RunError, match="holds no pre-training"):
        pretrained(options(kaggle, finished_runs / "a"))
    assert json.loads(unbroken.pretraining.read_text("utf-8"))["config"]["patches"] == 40
