"""A run that is killed goes on and ends with the very same weights."""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from core.errors import RunError
from tests.training.toys import write_toy_kaggle
from training.commands import main
from training.fitting import FitOptions, run_fit
from training.loop import Stopped
from training.recipe import load_recipe
from training.run_folder import RunFolder, read_tensors

EPOCHS = 8
KILL_BY_S = 400  # most of it is imports on a busy machine


def write_recipe(folder: Path) -> Path:
    shipped = Path(__file__).parents[2] / "training" / "recipes" / "tiny.toml"
    text = shipped.read_text("utf-8")
    for key, value in (("epochs", EPOCHS), ("patience_epochs", EPOCHS), ("batch_size", 4)):
        text = re.sub(rf"^{key} = .*$", f"{key} = {value}", text, flags=re.MULTILINE)
    recipe = folder / "toy.toml"
    recipe.write_text(text, "utf-8")
    return recipe


def options(data: Path, out: Path, recipe: Path) -> FitOptions:
    return FitOptions(
        data=data, out=out, recipe=load_recipe(str(recipe)), threads=1, checkpoint_steps=3
    )


def assert_same_end(one: RunFolder, other: RunFolder) -> None:
    for name in ("checkpoint", "best"):
        expected, _ = read_tensors(getattr(one, name))
        found, _ = read_tensors(getattr(other, name))
        assert expected.keys() == found.keys()
        for key, value in expected.items():
            assert torch.equal(value, found[key]), key
    assert one.scores.read_bytes() == other.scores.read_bytes()


@pytest.fixture(scope="module")
def unbroken(kaggle: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("unbroken")
    recipe = write_recipe(folder)
    return run_fit(options(kaggle, folder / "run", recipe), should_stop=lambda: False)


def test_a_run_killed_within_an_epoch_ends_with_the_same_weights(
    unbroken: RunFolder, kaggle: Path, tmp_path: Path
) -> None:
    recipe, folder = write_recipe(tmp_path), RunFolder(tmp_path / "run")
    command = [sys.executable, "-m", "training", "fit", "--data", str(kaggle)]
    command += ["--out", str(folder.root), "--recipe", str(recipe), "--device", "cpu"]
    command += ["--threads", "1", "--checkpoint-steps", "3"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    stop_by = time.monotonic() + KILL_BY_S
    while time.monotonic() < stop_by and process.poll() is None:
        if folder.checkpoint.is_file():
            _, facts = read_tensors(folder.checkpoint)
            if facts["epoch"] >= 1 and facts["step"] > 0:
                break
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not folder.outcome.exists()
    _, facts = read_tensors(folder.checkpoint)
    assert 1 <= facts["epoch"] < EPOCHS

    assert main(command[3:]) == 0
    assert_same_end(unbroken, folder)
    assert len(folder.metrics.read_text("utf-8").splitlines()) == EPOCHS + 1


def test_a_run_asked_to_stop_saves_at_once_and_goes_on(
    unbroken: RunFolder, kaggle: Path, tmp_path: Path
) -> None:
    recipe = write_recipe(tmp_path)
    asked = iter([False] * 13 + [True])
    with pytest.raises(Stopped):
        run_fit(options(kaggle, tmp_path / "run", recipe), should_stop=lambda: next(asked))
    _, facts = read_tensors(RunFolder(tmp_path / "run").checkpoint)
    assert (facts["epoch"], facts["step"]) == (1, 4)  # 14 steps at 10 an epoch
    again = run_fit(options(kaggle, tmp_path / "run", recipe), should_stop=lambda: False)
    assert_same_end(unbroken, again)


def test_a_finished_run_is_left_as_it_is(unbroken: RunFolder, kaggle: Path) -> None:
    before = unbroken.checkpoint.stat().st_mtime_ns
    recipe = unbroken.root.parent / "toy.toml"
    run_fit(options(kaggle, unbroken.root, recipe), should_stop=lambda: False)
    assert unbroken.checkpoint.stat().st_mtime_ns == before


def test_another_run_in_the_same_folder_is_refused(
    unbroken: RunFolder, kaggle: Path, tmp_path: Path
) -> None:
    recipe = unbroken.root.parent / "toy.toml"
    other_data = write_toy_kaggle(tmp_path / "toy", per_slide=8)
    with pytest.raises(RunError, match="pixels_sha256, train, val differ"):
        run_fit(options(other_data, unbroken.root, recipe), should_stop=lambda: False)
    other_seed = [*map(str, ("fit", "--data", kaggle, "--out", unbroken.root))]
    assert main([*other_seed, "--recipe", str(recipe), "--seed", "3"]) == 2


def test_a_folder_of_something_else_is_not_written_into(kaggle: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine", "utf-8")
    with pytest.raises(RunError, match="holds no run"):
        run_fit(options(kaggle, tmp_path, write_recipe(tmp_path)), should_stop=lambda: False)
