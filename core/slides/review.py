"""Cells of a slide as patches in a batch, so that they can be read one by one."""

import csv
import hashlib
import io
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.patches import ImageU8
from core.slides.run import cell_id, cell_patch, cell_surroundings
from core.slides.view import SlideView


def cells_as_patches(
    view: SlideView,
    places: NDArray[np.int64],
    on_around: Callable[[str, ImageU8], None] = lambda _, __: None,
) -> Iterator[io.BytesIO]:
    """Yield files of a batch: the patch of each cell as PNG, and a table that names the slide.

    Args:
        view: The slide.
        places: Rows and columns of cells (N, 2), in order.
        on_around: Given the SHA-256 of each file with the 288 × 288 px around its patch.

    Raises:
        PatchError: A part of the file is damaged.
    """
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(["id", "label", "slide"])  # a table without labels would be taken for a patch
    for row, column in places.tolist():
        name = cell_id(row, column)
        rows.writerow([name, "", view.file.path.name])
        packed = io.BytesIO()
        Image.fromarray(cell_patch(view, row, column)).save(packed, "PNG")
        data = packed.getvalue()
        on_around(hashlib.sha256(data).hexdigest(), cell_surroundings(view, row, column))
        yield _named(data, f"{name}.png")
    yield _named(table.getvalue().encode(), "slides.csv")


def _named(data: bytes, name: str) -> io.BytesIO:
    file = io.BytesIO(data)
    file.name = name
    return file
