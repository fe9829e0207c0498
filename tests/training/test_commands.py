import subprocess
import sys
from dataclasses import is_dataclass
from pathlib import Path
from types import ModuleType
from typing import get_args, get_type_hints

import pytest

import core.options
import training.options
from core.command_line import Whole
from training.commands import main
from training.options import Fold


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
    message = capsys.readouterr().err
    assert said in message
    assert "Traceback" not in message
    assert not out.exists()


@pytest.mark.parametrize("module", [core.options, training.options])
def test_every_whole_number_among_the_options_is_refused_if_it_is_none(module: ModuleType) -> None:
    of_commands = [
        one
        for one in vars(module).values()
        if is_dataclass(one) and one.__module__ == module.__name__ and one is not Fold
    ]
    assert of_commands
    for one in of_commands:
        for name, hint in get_type_hints(one, include_extras=True).items():
            marked = hasattr(hint, "__metadata__")
            assert marked or int not in {hint, *get_args(hint)}, f"{name}: expected {Whole}"


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


def test_help_does_not_load_pytorch() -> None:
    code = (
        "import sys\nfrom training.commands import main\n"
        "main(['fit', '--help'])\n"
        "sys.exit('torch' in sys.modules or 'pandas' in sys.modules)"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr
    assert "--recipe" in process.stdout
