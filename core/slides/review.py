"""Cells of a slide as patches in a batch, so that they can be read one by one."""

import hashlib
import io
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from core.jobs import as_files
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
    name = view.file.path.name
    patches = (
        (cell_id(row, column), cell_patch(view, row, column), "", name)
        for row, column in places.tolist()
    )
    files = as_files(patches)
    for (row, column), file in zip(places.tolist(), files, strict=False):  # the table is left
        sha256 = hashlib.sha256(file.getvalue()).hexdigest()
        on_around(sha256, cell_surroundings(view, row, column))
        yield file
    yield from files
