"""How fast a network is trained, against the loop that a tutorial would write, in one run.

    python -m tests.benchmarks.training_speed [--recipe resnet18] [--patches 1024] [--turns 3]

Same network, batch size, files, device and threads. The plain loop is Pillow, torchvision's
transforms, a DataLoader with one worker per processor, float32, AdamW, and a loss read after every
step. Ours reads decoded patches, varies whole batches on the device, and keeps a mean of the
weights; it varies more (stain, by the recipe). It is timed in the recipe's precision and in
float32, so that what precision brings can be told apart. Decoding into the pack is done once a data
set and is timed by itself. Not a test: a busy machine is no bug;
the best turn of each counts, because what else runs only slows.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

# As `python -m training` has it, for both loops; before PyTorch loads.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from core.bundle import InputTransform
from core.drawing import draw_set
from core.patches import open_source
from tests.training.toys import write_table
from training.data.feed import Feed
from training.data.pack import open_pack
from training.data.split import split_patches
from training.learning.loop import Run, train_step
from training.learning.randomness import epoch_order
from training.learning.state import TrainingState
from training.recipes.phases import next_epoch
from training.recipes.recipe import Augmentation, Precision, Recipe, load_recipe
from training.runs.config import RunConfig
from training.runs.device import pass_precision, prepare_device
from training.runs.folder import RunFolder
from training.runs.initial import initial_network

WORKERS = torch.get_num_threads()


class PlainPatches(Dataset[tuple[torch.Tensor, float]]):
    """Files through torchvision's transforms, one by one."""

    def __init__(self, files: list[Path], recipe: Recipe) -> None:
        self.files = files
        size = recipe.preprocessing.input_size_px
        light: Augmentation = recipe.augmentation
        self.transform = transforms.Compose(
            [
                transforms.RandomHorizontalFlip(),
                transforms.RandomVerticalFlip(),
                transforms.RandomChoice(
                    [transforms.RandomRotation((angle, angle)) for angle in (0, 90, 180, 270)]
                ),
                transforms.ColorJitter(light.brightness, light.contrast, light.saturation),
                *([transforms.Resize(size)] if size != 96 else []),
                transforms.ToTensor(),
                transforms.Normalize(recipe.preprocessing.mean, recipe.preprocessing.std),
            ]
        )

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, float]:
        with Image.open(self.files[index]) as image:
            pixels: torch.Tensor = self.transform(image.convert("RGB"))
        return pixels, float(index % 2)


def plain_loop(files: list[Path], recipe: Recipe, device: torch.device) -> Callable[[], float]:
    """Return what trains an epoch by the plain loop and returns its seconds."""
    network = initial_network(recipe.network, "none")[0].to(device).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=recipe.schedule.learning_rate)
    criterion = nn.BCEWithLogitsLoss()
    loader = DataLoader(
        PlainPatches(files, recipe),
        batch_size=recipe.batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=WORKERS,
        persistent_workers=True,
        pin_memory=device.type == "cuda",
    )

    def epoch() -> float:
        started, total = time.perf_counter(), 0.0
        for inputs, labels in loader:
            optimiser.zero_grad()
            loss = criterion(network(inputs.to(device))[:, 0], labels.float().to(device))
            loss.backward()
            optimiser.step()
            total += loss.item()
        return time.perf_counter() - started

    return epoch


def our_loop(run: Run) -> Callable[[], float]:
    """Return what trains an epoch by our loop and returns its seconds."""
    recipe = run.config.recipe
    network = initial_network(recipe.network, "none")[0]
    state = TrainingState.start(
        network, weight_decay=recipe.schedule.weight_decay, device=run.device
    )
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


def write_patches(folder: Path, count: int) -> list[Path]:
    """Write drawn patches in Kaggle's layout, 32 more that validate, and return the others."""
    (folder / "train").mkdir(parents=True)
    names = [f"p{number:05d}" for number in range(count + 32)]
    for name, patch in zip(names, draw_set(count + 32, 0), strict=True):
        Image.fromarray(patch.image_rgb_u8).save(folder / "train" / f"{name}.tif")
    labels = [str(number % 2) for number in range(count + 32)]
    parts = ["train"] * count + ["val"] * 32
    write_table(folder / "train_labels.csv", ("id", "label"), list(zip(names, labels, strict=True)))
    write_table(folder / "split.csv", ("id", "split"), list(zip(names, parts, strict=True)))
    return [folder / "train" / f"{name}.tif" for name in names[:count]]


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
        files = write_patches(Path(place) / "data", parsed.patches)
        started = time.perf_counter()
        runs = {
            name: open_run(Path(place) / "data", recipe, device, precision)
            for name, precision in (("ours", fast), ("ours, float32", "float32"))
        }
        opened = time.perf_counter() - started
        loops = {
            "plain": plain_loop(files, recipe, device),
            **{name: our_loop(run) for name, run in runs.items()},
        }
        seconds: dict[str, list[float]] = {name: [] for name in loops}
        for turn in range(parsed.turns + 1):  # the first warms up
            for name, epoch in loops.items():
                spent = epoch()
                if turn:
                    seconds[name].append(spent)
    trained = parsed.patches // recipe.batch_size * recipe.batch_size
    rates = {name: trained / min(spent) for name, spent in seconds.items()}
    say = sys.stdout.write
    say(f"{recipe.name}, {trained} patches an epoch, {device}, {WORKERS} threads and workers\n")
    say(f"decoded once in {opened:.1f} s\n")
    for name, precision in (("plain", "float32"), ("ours", fast), ("ours, float32", "float32")):
        say(f"{name:<14} {precision:<9} {rates[name]:8.0f} patches/s, best of {parsed.turns}\n")
    say(f"ratio {rates['ours'] / rates['plain']:.2f}")
    say(f"; at equal precision {rates['ours, float32'] / rates['plain']:.2f}\n")


if __name__ == "__main__":
    main()
