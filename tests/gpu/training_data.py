"""Patches for timing training steps, and a feed whose batches lie on the device already."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from core.patches import ImageU8
from tests.training.toys import write_table
from training.data.split import IntArray
from training.learning.loop import Run

_VALIDATING = 32


def write_training_patches(folder: Path, images_rgb_u8: ImageU8, count: int) -> None:
    """Write `count` patches that train, no two alike, and 32 that validate, in Kaggle's layout."""
    (folder / "train").mkdir(parents=True)
    total = count + _VALIDATING
    names = [f"p{number:05d}" for number in range(total)]
    for number, name in enumerate(names):
        image = np.roll(images_rgb_u8[number % len(images_rgb_u8)], number, axis=(0, 1))
        Image.fromarray(image).save(folder / "train" / f"{name}.tif")
    labels = [str(number % 2) for number in range(total)]
    parts = ["train"] * count + ["val"] * _VALIDATING
    write_table(folder / "train_labels.csv", ("id", "label"), list(zip(names, labels, strict=True)))
    write_table(folder / "split.csv", ("id", "split"), list(zip(names, parts, strict=True)))


class ReadyFeed:
    """One batch on the device, given whatever rows are asked for."""

    def __init__(self, images_rgb_u8: Tensor, labels: Tensor) -> None:
        self._images = images_rgb_u8
        self._labels = labels

    @classmethod
    def put_into(cls, run: Run) -> Run:
        """Return a run whose steps all see its first batch, without fetching it."""
        rows = run.split.train[: run.config.recipe.batch_size]
        feed = cls(run.feed.images(rows).clone(), run.feed.labels(rows).clone())
        return replace(run, feed=feed)  # type: ignore[arg-type]

    def images(self, rows: IntArray) -> Tensor:
        """Return the patches, (N, 96, 96, 3) uint8."""
        return self._images[: len(rows)]

    def labels(self, rows: IntArray) -> Tensor:
        """Return the labels, (N,) float32."""
        return self._labels[: len(rows)]
