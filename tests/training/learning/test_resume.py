"""A run that is killed goes on and ends with the very same weights."""

import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
import torch

from core.bundle import read_bundle
from core.errors import RunError
from core.files import alone_in
from tests.training.toys import write_toy_kaggle
from training.commands import main
from training.fitting import run_fit
from training.learning.loop import Stopped
from training.options import FitOptions
from training.recipes.recipe import load_recipe
from training.runs.folder import RunFolder, read_tensors

EPOCHS = 8
KILL_BY_S = 400  # most of it is imports on a busy machine


def write_recipe(folder: Path) -> Path:
    shipped = Path(__file__).parents[3] / "training" / "recipes" / "tiny.toml"
    text = shipped.read_text("utf-8")
    for key, value in (("epochs", EPOCHS), ("patience_epochs", EPOCHS), ("batch_size", 4)):
        text = re.sub(rf"^{key} = .*$", f"{key} = {value}", text, flags=re.MULTILINE)
    recipe = folder / "toy.toml"
    recipe.write_text(text, "utf-8")
    return recipe


EVERYTHING = """
description = "Every option at once."
init = "none"
batch_size = 4
label_smoothing = 0.05
focal_gamma = 1.0
weighted_sampling = true
mixup_alpha = 0.4
ema_decay = 0.9
swa_share = 0.4

[distillation]
weight = 0.3
temperature = 3.0

[network]
name = "test_efficientnet"
outputs = 2
pooling = "gem"
head = "mlp"
head_width = 16
arguments = { drop_rate = 0.1, drop_path_rate = 0.1 }

[preprocessing]
mean = [0.5, 0.5, 0.5]
std = [0.5, 0.5, 0.5]

[augmentation]
d4 = false
horizontal_flip = true
vertical_flip = true
rotation_degrees = 30
zoom = 0.1
shear_degrees = 5
stain_gain = 0.1
stain_shift = 0.02
brightness = 0.1
contrast = 0.1
saturation = 0.1
channel = 0.05

[schedule]
epochs = 6
learning_rate = 1e-3
weight_decay = 0.02
shape = "plateau"
plateau_metric = "accuracy"
plateau_factor = 0.5
plateau_patience_epochs = 1
layer_decay = 0.8
gradient_clip = 1.0
patience_epochs = 3

[[schedule.phases]]
name = "head"
epochs = 1
frozen = "backbone"
learning_rate = 1e-2

[[schedule.phases]]
name = "top"
epochs = 2
frozen = 4
input_size_px = 64

[[schedule.phases]]
name = "all"
epochs = 3

[precision]
cpu = "bfloat16"
"""


def everything(data: Path, folder: Path, out: Path) -> FitOptions:
    folder.mkdir(exist_ok=True)
    recipe, scores = folder / "everything.toml", folder / "teacher.csv"
    recipe.write_text(EVERYTHING, "utf-8")
    labels = (data / "train_labels.csv").read_text("utf-8").split()[1:]
    rows = [f"{row.split(',')[0]},{0.2 + 0.6 * int(row.split(',')[1])}" for row in labels]
    scores.write_text("\n".join(["id,prob_tumour", *rows]) + "\n", "utf-8")
    return options(data, out, recipe, scores)


def options(data: Path, out: Path, recipe: Path, teacher: Path | None = None) -> FitOptions:
    return FitOptions(
        data=data,
        out=out,
        recipe=load_recipe(str(recipe)),
        teacher_scores=teacher,
        threads=1,
        checkpoint_steps=3,
    )


def assert_same_end(one: RunFolder, other: RunFolder) -> None:
    for name in ("checkpoint", "best"):
        expected, _ = read_tensors(getattr(one, name))
        tensors, _ = read_tensors(getattr(other, name))
        assert expected.keys() == tensors.keys()
        for key, value in expected.items():
            assert torch.equal(value, tensors[key]), key
    assert one.scores.read_bytes() == other.scores.read_bytes()


@pytest.fixture(scope="module")
def unbroken(kaggle: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("unbroken")
    recipe = write_recipe(folder)
    return run_fit(options(kaggle, folder / "run", recipe), should_stop=lambda: False)


@pytest.fixture(scope="module")
def unbroken_everything(kaggle: Path, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("everything")
    return run_fit(everything(kaggle, folder, folder / "run"), should_stop=lambda: False)


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


@pytest.mark.parametrize("stopped_after", [7, 23, 55])
def test_with_every_option_on_a_stopped_run_ends_with_the_same_weights(
    unbroken_everything: RunFolder, stopped_after: int, kaggle: Path, tmp_path: Path
) -> None:
    """Stops within the first phase, the second, and the last, after a plateau, averaging."""
    asked = iter([False] * stopped_after + [True])
    asked_options = everything(kaggle, tmp_path / "in", tmp_path / "run")
    with pytest.raises(Stopped):
        run_fit(asked_options, should_stop=lambda: next(asked))
    again = run_fit(asked_options, should_stop=lambda: False)
    assert_same_end(unbroken_everything, again)


def test_the_run_with_every_option_on_went_through_phases_and_a_plateau(
    unbroken_everything: RunFolder,
) -> None:
    table = pd.read_csv(unbroken_everything.metrics)
    # So little is learned that the averaged weights call all patches alike: a plateau, unless a
    # processor's own rounding makes the second epoch of the last phase better than its first.
    better = table["ema_accuracy"][4] > table["ema_accuracy"][3]
    last = 1e-3 if better else 5e-4
    assert table["learning_rate"].tolist() == pytest.approx([1e-2, 1e-3, 1e-3, 1e-3, 1e-3, last])


def test_two_runs_never_write_one_folder(tmp_path: Path) -> None:
    data = write_toy_kaggle(tmp_path / "data")
    asked_options = options(data, tmp_path / "run", write_recipe(tmp_path))
    tmp_path.joinpath("run").mkdir()
    with alone_in(tmp_path / "run"), pytest.raises(RunError, match="written by another run"):
        run_fit(asked_options, should_stop=lambda: False)
    assert not RunFolder(tmp_path / "run").checkpoint.exists()


def test_another_teacher_makes_another_run(
    unbroken_everything: RunFolder, kaggle: Path, tmp_path: Path
) -> None:
    asked_options = everything(kaggle, tmp_path / "in", unbroken_everything.root)
    assert asked_options.teacher_scores is not None
    scores = asked_options.teacher_scores.read_text("utf-8").replace("0.8", "0.9")
    asked_options.teacher_scores.write_text(scores, "utf-8")
    with pytest.raises(RunError, match="teacher_sha256 differ"):
        run_fit(asked_options, should_stop=lambda: False)


def test_a_run_with_every_option_on_is_served(
    unbroken_everything: RunFolder, tmp_path: Path
) -> None:
    assert main(["export", str(unbroken_everything.root), "--to", str(tmp_path / "model")]) == 0
    bundle = read_bundle(tmp_path / "model")
    assert bundle.card.architecture.head == "mlp"
    assert bundle.card.architecture.pooling == "gem"


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
    with pytest.raises(RunError, match=r"pixels_sha256, train\.ids_sha256.* differ"):
        run_fit(options(other_data, unbroken.root, recipe), should_stop=lambda: False)
    other_seed = [*map(str, ("fit", "--data", kaggle, "--out", unbroken.root))]
    assert main([*other_seed, "--recipe", str(recipe), "--seed", "3"]) == 2


def test_a_folder_of_something_else_is_not_written_into(kaggle: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine", "utf-8")
    with pytest.raises(RunError, match="contains no run"):
        run_fit(options(kaggle, tmp_path, write_recipe(tmp_path)), should_stop=lambda: False)


TRANSFORMER = """
description = "A transformer with a class token, frozen at first."
init = "none"
batch_size = 4

[network]
name = "test_vit"
outputs = 1
arguments = { img_size = 96, drop_rate = 0.3, drop_path_rate = 0.3 }

[preprocessing]
mean = [0.5, 0.5, 0.5]
std = [0.5, 0.5, 0.5]

[schedule]
epochs = 3
learning_rate = 1e-3

[[schedule.phases]]
name = "head"
epochs = 1
frozen = "backbone"

[[schedule.phases]]
name = "all"
epochs = 2
"""


def test_a_transformer_with_frozen_layers_that_goes_on_ends_with_the_same_weights(
    kaggle: Path, tmp_path: Path
) -> None:
    recipe = tmp_path / "transformer.toml"
    recipe.write_text(TRANSFORMER, "utf-8")
    whole = run_fit(options(kaggle, tmp_path / "whole", recipe), should_stop=lambda: False)
    for steps in (12, 5):  # into the second epoch, and once more into what is left
        answers = [*[False] * steps, True]
        with pytest.raises(Stopped):
            run_fit(
                options(kaggle, tmp_path / "parts", recipe), should_stop=partial(answers.pop, 0)
            )
    parts = run_fit(options(kaggle, tmp_path / "parts", recipe), should_stop=lambda: False)
    assert_same_end(whole, parts)
