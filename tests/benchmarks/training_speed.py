"""How fast a network is trained, against the loop that a tutorial would write, in one run.

    python -m tests.benchmarks.training_speed [--recipe resnet18] [--patches 1024] [--turns 3]

Same network, batch size, files, device and threads. The plain loop (`plain_training`, a process of
its own) is Pillow, torchvision's transforms, a DataLoader with one worker per processor, float32,
AdamW, and a loss read after every step. Ours reads decoded patches, varies whole batches on the
device, and keeps a mean of the weights; it varies more (stain, by the recipe). It is timed in the
recipe's precision and in float32, so that what precision brings can be told apart. Decoding into
the pack is done once a data set and is timed by itself. Not a test: a busy machine is no bug;
the best turn of each counts, because what else runs only slows.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from training.process import prepare_process

PLAIN_ENVIRONMENT = dict(os.environ)
prepare_process()

import torch
from PIL import Image

from core.bundle import InputTransform
from core.patches import open_source
from tests.training.toys import write_table
from tools.drawing import draw_set
from training.data.pack import Feed, open_pack
from training.data.split import split_patches
from training.learning.loop import Run, train_step
from training.learning.randomness import epoch_order
from training.learning.state import TrainingState
from training.recipes.recipe import Precision, Recipe, load_recipe
from training.recipes.schedule import next_epoch
from training.runs.config import RunConfig
from training.runs.device import pass_precision, prepare_device
from training.runs.folder import RunFolder
from training.runs.initial import initial_network


def plain_loop(process: "subprocess.Popen[str]") -> Callable[[], float]:
    """Return what trains an epoch in the process of the plain loop and returns its seconds."""
    asked, told = process.stdin, process.stdout
    assert asked is not None
    assert told is not None

    def epoch() -> float:
        asked.write("\n")
        asked.flush()
        return float(told.readline())

    return epoch


def our_loop(run: Run) -> Callable[[], float]:
    """Return what trains an epoch by our loop and returns its seconds."""
    recipe = run.config.recipe
    network = initial_network(recipe.network, "none")[0]
    state = TrainingState(network, recipe, run.device)
    position = next_epoch(recipe.schedule, [])
    assert position is not None

    def epoch() -> float:
        order = epoch_order(0, 0, len(run.split.train))
        started = time.perf_counter()
        for state.step in range(run.steps_per_epoch):
            start = state.step * recipe.batch_size
            train_step(run, state, position, run.split.train[order[start:][: recipe.batch_size]])
        float(state.loss_sum)  # waits for the device, as the plain loop does
        return time.perf_counter() - started

    return epoch


def open_run(data: Path, recipe: Recipe, device: torch.device, precision: Precision) -> Run:
    """Return a run over a folder in Kaggle's layout, its patches decoded."""
    with open_source(data) as source:
        pack = open_pack(source, data.parent / "pack")
    split = split_patches(pack.table, seed=0)
    initial = initial_network(recipe.network, "none")[1]
    return Run(
        config=RunConfig.of(recipe=recipe, seed=0, pack=pack, split=split, initial=initial),
        digest="",
        table=pack.table,
        split=split,
        feed=Feed(pack, device),
        transform=InputTransform(recipe.preprocessing).to(device),
        device=device,
        precision=precision,
        folder=RunFolder(data.parent / "run"),
    )


def write_patches(folder: Path, count: int) -> None:
    """Write drawn patches in Kaggle's layout, 32 more that validate, and the others apart too."""
    (folder / "train").mkdir(parents=True)
    names = [f"p{number:05d}" for number in range(count + 32)]
    for name, patch in zip(names, draw_set(count + 32, 0), strict=True):
        Image.fromarray(patch.image_rgb_u8).save(folder / "train" / f"{name}.tif")
    labels = [str(number % 2) for number in range(count + 32)]
    parts = ["train"] * count + ["val"] * 32
    write_table(folder / "train_labels.csv", ("id", "label"), list(zip(names, labels, strict=True)))
    write_table(folder / "split.csv", ("id", "split"), list(zip(names, parts, strict=True)))
    (folder.parent / "plain").mkdir()
    for name in names[:count]:
        (folder.parent / "plain" / f"{name}.tif").hardlink_to(folder / "train" / f"{name}.tif")


def main() -> None:
    """Time the loops in turn and write the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", default="resnet18")
    parser.add_argument("--patches", type=int, default=1024)
    parser.add_argument("--turns", type=int, default=3)
    parsed = parser.parse_args()
    recipe = load_recipe(parsed.recipe)
    device = prepare_device("auto", None)
    fast = pass_precision(device, recipe.precision)
    with tempfile.TemporaryDirectory() as place:
        write_patches(Path(place) / "data", parsed.patches)
        started = time.perf_counter()
        runs = {
            name: open_run(Path(place) / "data", recipe, device, precision)
            for name, precision in (("ours", fast), ("ours, float32", "float32"))
        }
        opened = time.perf_counter() - started
        command = (
            *(sys.executable, "-m", "tests.benchmarks.plain_training"),
            *(str(Path(place) / "plain"), recipe.name, device.type),
        )
        plain = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=PLAIN_ENVIRONMENT,
        )
        loops = {
            "plain": plain_loop(plain),
            **{name: our_loop(run) for name, run in runs.items()},
        }
        seconds: dict[str, list[float]] = {name: [] for name in loops}
        for turn in range(parsed.turns + 1):  # the first warms up
            for name, epoch in loops.items():
                spent = epoch()
                if turn:
                    seconds[name].append(spent)
        plain.communicate()  # the end of its input is the end of it
    trained = parsed.patches // recipe.batch_size * recipe.batch_size
    rates = {name: trained / min(spent) for name, spent in seconds.items()}
    say = sys.stdout.write
    say(f"{recipe.name}, {trained} patches an epoch, {device}, {torch.get_num_threads()} threads\n")
    say(f"decoded once in {opened:.1f} s\n")
    for name, precision in (("plain", "float32"), ("ours", fast), ("ours, float32", "float32")):
        say(f"{name:<14} {precision:<9} {rates[name]:8.0f} patches/s, best of {parsed.turns}\n")
    say(f"ratio {rates['ours'] / rates['plain']:.2f}")
    say(f"; at equal precision {rates['ours, float32'] / rates['plain']:.2f}\n")


if __name__ == "__main__":
    main()
