"""Toy data for training tests: a Kaggle folder whose positives have a dark centre."""

import csv
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from core.bundle import Architecture, Preprocessing
from core.patches import CENTRE, ImageU8
from training.data.split import PatchTable
from training.recipes.recipe import Recipe, Schedule

KILL_BY_S: Final = 400  # most of it is imports on a busy machine


def toy_patches(labels: Sequence[int], seed: int = 0) -> ImageU8:
    """Return (N, 96, 96, 3) pink noise, with a dark purple centre where the label is 1."""
    rng = np.random.default_rng(seed)
    images = rng.integers(150, 250, (len(labels), 96, 96, 3), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        if label:
            image[CENTRE, CENTRE] = rng.integers(60, 130, (32, 32, 3), dtype=np.uint8)
    return images


def write_toy_kaggle(
    folder: Path, *, slides: int = 6, per_slide: int = 10, split: bool = True, known: bool = True
) -> Path:
    """Write a Kaggle layout whose last two slides validate.

    Args:
        folder: Where.
        slides: How many.
        per_slide: Patches a slide, every second one with tumour.
        split: Write split.csv.
        known: Write patch_id_wsi.csv.
    """
    (folder / "train").mkdir(parents=True)
    labels = [number % 2 for number in range(slides * per_slide)]
    rows = []
    for number, image in enumerate(toy_patches(labels)):
        slide = number // per_slide
        part = "val" if slide >= slides - 2 else "train"
        rows.append((f"p{number:03d}", str(labels[number]), f"s{slide}", part))
        Image.fromarray(image).save(folder / "train" / f"p{number:03d}.tif")
    write_table(folder / "train_labels.csv", ("id", "label"), [(row[0], row[1]) for row in rows])
    if known:
        write_table(folder / "patch_id_wsi.csv", ("id", "wsi"), [(row[0], row[2]) for row in rows])
    if split:
        write_table(folder / "split.csv", ("id", "split"), [(row[0], row[3]) for row in rows])
    return folder


def toy_table(
    labels: Sequence[int], slides: Sequence[str], splits: Sequence[str] | None = None
) -> PatchTable:
    """Return a table of patches p0, p1, ..."""
    return PatchTable(
        ids=np.array([f"p{number}" for number in range(len(labels))], np.str_),
        labels=np.array(labels, np.int8),
        slides=np.array(slides, np.str_),
        splits=np.array(splits or ["train"] * len(labels), np.str_),
    )


def toy_recipe(**changes: Any) -> Recipe:  # noqa: ANN401 - any of the recipe's fields
    """Return a recipe of one epoch with the smallest network of timm, changed in some fields."""
    values: dict[str, Any] = {
        "name": "toy",
        "description": "A toy.",
        "network": Architecture(name="test_efficientnet"),
        "preprocessing": Preprocessing(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
        "schedule": Schedule(epochs=1, learning_rate=1e-3),
        "init": "none",
        "batch_size": 4,
    }
    return Recipe(**{**values, **changes})


def write_table(path: Path, header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Write a CSV file."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def kill_when(command: Sequence[str], ready: Callable[[], bool], seconds: float) -> None:
    """Start a command and end it with SIGKILL some seconds after `ready` first says yes.

    Raises:
        AssertionError: The command ended by itself first, so nothing was killed.
    """
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    stop_by = time.monotonic() + KILL_BY_S
    while time.monotonic() < stop_by and process.poll() is None and not ready():
        time.sleep(0.01)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    if process.wait() != -signal.SIGKILL:
        raise AssertionError("The command ended before it was killed; give it more to do.")
