from pathlib import Path

import pytest

from training.commands import main


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--recipe", "resnet99"], "ours_lite0"),
        (["--recipe", "tiny", "--init", "missing.safetensors"], "Check --init"),
        (["--recipe", "tiny", "--seed", "-1"], "0 or greater"),
        (["--recipe", "tiny", "--threads", "0"], "--threads 0"),
        (["--recipe", "tiny", "--val-share", "0.9"], "--val-share"),
    ],
)
def test_wrong_options_are_told_in_a_sentence(
    arguments: list[str],
    said: str,
    kaggle: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "run"
    assert main(["fit", "--data", str(kaggle), "--out", str(out), *arguments]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert "Traceback" not in told
    assert not out.exists()


def test_missing_data_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--data", str(tmp_path / "none"), "--out", str(tmp_path / "run")]
    assert main(["fit", *arguments, "--recipe", "tiny"]) == 2
    assert "There is no file or folder" in capsys.readouterr().err


def test_a_run_that_has_not_finished_is_not_exported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(tmp_path), "--to", str(tmp_path / "model")]) == 2
    assert "no finished run" in capsys.readouterr().err


def test_an_unknown_command_is_wrong_usage() -> None:
    assert main(["train"]) == 2


def test_frozen_layers_that_start_at_random_are_warned_of(
    kaggle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shipped = Path(__file__).parents[2] / "training" / "recipes" / "tiny.toml"
    phase = 'epochs = 1\nphases = [{ name = "head", epochs = 1, frozen = "backbone" }]'
    recipe = tmp_path / "frozen.toml"
    recipe.write_text(shipped.read_text("utf-8").replace("epochs = 2", phase, 1), "utf-8")
    arguments = ["fit", "--data", str(kaggle), "--out", str(tmp_path / "run")]
    assert main([*arguments, "--recipe", str(recipe)]) == 0
    assert "Warning: the recipe freezes layers" in capsys.readouterr().err
