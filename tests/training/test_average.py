import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from core.scoring import open_classifier
from training.average import mean_weights
from training.commands import main
from training.runs.config import values_digest
from training.runs.folder import RunFolder, read_finished, read_tensors, write_tensors


@pytest.fixture(scope="module")
def averaged(kaggle: Path, finished_runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("averaged") / "mean"
    runs = [str(finished_runs / "a"), str(finished_runs / "b")]
    options = ["--out", str(out), "--data", str(kaggle), "--shares", "0.25", "0.75"]
    assert main(["average", *runs, *options, "--device", "cpu"]) == 0
    return out


def test_every_weight_is_the_mean_by_the_shares(averaged: Path, finished_runs: Path) -> None:
    a, b, mean = (
        load_file(path / "best.safetensors")
        for path in (finished_runs / "a", finished_runs / "b", averaged)
    )
    for name, value in mean.items():
        if value.is_floating_point():
            expected = 0.25 * a[name].numpy().astype(float) + 0.75 * b[name].numpy().astype(float)
            np.testing.assert_allclose(value.numpy(), expected, rtol=1e-6, atol=1e-9)
        else:
            assert torch.equal(value, a[name])


def test_the_mean_of_a_network_and_itself_is_that_network(finished_runs: Path) -> None:
    own = read_finished(finished_runs / "a").weights
    for name, value in mean_weights([own, own], (0.5, 0.5)).items():
        assert torch.equal(value, own[name])


def test_the_mean_is_exported_and_scores_as_recorded(averaged: Path, tmp_path: Path) -> None:
    assert main(["export", str(averaged), "--to", str(tmp_path / "model")]) == 0
    card = open_classifier(tmp_path / "model", device="cpu").bundle.card
    parents = card.initial_weights.parents
    assert [(parent.run, parent.share) for parent in parents] == [("a", 0.25), ("b", 0.75)]
    assert card.initial_weights.summary == "mean of the weights of 25% a and 75% b"
    outcome = json.loads(RunFolder(averaged).outcome.read_text("utf-8"))
    assert [one["share"] for one in outcome["mean_of"]] == [0.25, 0.75]


def test_the_mean_validates_on_the_patches_of_its_runs(averaged: Path, finished_runs: Path) -> None:
    own = pd.read_csv(RunFolder(averaged).scores)
    other = pd.read_csv(RunFolder(finished_runs / "a").scores)
    assert own["id"].tolist() == other["id"].tolist()
    assert not np.allclose(own["logit"], other["logit"])


def resigned(run: Path, to: Path, part: str, key: str, value: object) -> Path:
    """A copy of a run with another fact in its config, signed anew."""
    shutil.copytree(run, to)
    file = RunFolder(to).config
    content = json.loads(file.read_text("utf-8"))
    content["config"][part][key] = value
    file.write_text(json.dumps(content), "utf-8")
    finished = read_tensors(RunFolder(to).best)
    facts = {**finished[1], "config_sha256": values_digest(content["config"])}
    write_tensors(RunFolder(to).best, finished[0], facts)
    return to


def test_runs_of_different_splits_are_refused(
    finished_runs: Path, kaggle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = resigned(finished_runs / "b", tmp_path / "other", "train", "ids_sha256", "0" * 64)
    arguments = ["average", str(finished_runs / "a"), str(other), "--data", str(kaggle)]
    assert main([*arguments, "--out", str(tmp_path / "mean")]) == 2
    assert "other and a differ in their split" in capsys.readouterr().err
    assert not (tmp_path / "mean").exists()


def test_shares_that_do_not_sum_to_one_are_refused(
    finished_runs: Path, kaggle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["average", str(finished_runs / "a"), str(finished_runs / "b")]
    arguments += ["--data", str(kaggle), "--out", str(tmp_path / "mean"), "--shares", "0.9", "0.9"]
    assert main(arguments) == 2
    assert "summing to 1" in capsys.readouterr().err
