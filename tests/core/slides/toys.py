"""Small slides of coloured noise, and a classifier that is a rule."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.patches import CENTRE, ImageU8
from core.scoring import Classifier
from core.slides.drawn import write_pyramid
from tests.toys import ToyEngine

CELL = 32
PURPLE, GREEN = (150, 80, 160), (60, 150, 60)


class GreenFinder(ToyEngine):
    """Calls a patch tumour where its centre is green; counts what it judged."""

    def __init__(self) -> None:
        super().__init__()
        self.judged = 0

    def forward(self, images_rgb_u8: ImageU8) -> NDArray[np.float32]:
        self.judged += len(images_rgb_u8)
        centre = images_rgb_u8[:, CENTRE, CENTRE].mean(axis=(1, 2))
        return np.where(centre[:, 1] > centre[:, 0], 6.0, -6.0).astype(np.float32)


def green_finder(classifier: Classifier) -> tuple[Classifier, GreenFinder]:
    engine = GreenFinder()
    return replace(classifier, engine=engine), engine


def tissue_image(
    green_cells: NDArray[np.bool_], *, glass_cells: NDArray[np.bool_] | None = None, seed: int = 0
) -> ImageU8:
    """An image of whole cells, purple, some green, some glass; all with a little noise."""
    colours = np.full((*green_cells.shape, 3), PURPLE, np.int16)
    colours[green_cells] = GREEN
    if glass_cells is not None:
        colours[glass_cells] = 245
    image = colours.repeat(CELL, axis=0).repeat(CELL, axis=1)
    noise = np.random.default_rng(seed).integers(-9, 10, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def green_cells(rows: int, columns: int, *places: tuple[int, int]) -> NDArray[np.bool_]:
    cells = np.zeros((rows, columns), np.bool_)
    for place in places:
        cells[place] = True
    return cells


def slide_of(path: Path, image: ImageU8, um_px: float | None = 0.97) -> Path:
    write_pyramid(path, image, um_px=um_px)
    return path
