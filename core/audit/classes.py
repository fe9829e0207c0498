"""What the patches of a class look like together: mean, spread, and histograms of their pixels."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.audit.measures import stains
from core.errors import Fault
from core.patches import PATCH_SIZE_PX, Patch, PatchSource
from core.patches.source import SelectedSource

MOST_PER_CLASS: Final = 1000
_BATCH: Final = 64
EDGES: Final[dict[str, NDArray[np.float64]]] = {
    **dict.fromkeys(("red", "green", "blue"), np.linspace(0, 256, 65)),
    **dict.fromkeys(("haematoxylin", "eosin"), np.linspace(-0.2, 1.4, 65)),
}
"""Edges of the bins: grey levels, and optical density, where a pixel beyond is in no bin."""


@dataclass(frozen=True, eq=False)
class ClassLook:
    """The patches of one class, all or a random sample of them.

    Attributes:
        label: 1 tumour in the centre, 0 none.
        patches: How many were read.
        mean: (96, 96, 3) of each pixel over the patches, 0..255.
        sd: (96, 96, 3) likewise, the population's.
        histograms: Share of all pixels in each bin of `EDGES`, (64,) each.
    """

    label: int
    patches: int
    mean: NDArray[np.float64]
    sd: NDArray[np.float64]
    histograms: dict[str, NDArray[np.float64]]


def class_looks(
    patches: pd.DataFrame, source: PatchSource, *, most: int = MOST_PER_CLASS, seed: int = 0
) -> tuple[ClassLook, ...]:
    """Return each class that has a readable patch, no tumour first."""
    looks = []
    for label in (0, 1):
        of_class = (patches["fault"] == Fault.NONE) & (patches["label"] == label).fillna(False)
        rows = patches.loc[of_class, "row"].to_numpy()
        drawn = np.sort(np.random.default_rng(seed).permutation(len(rows))[:most])
        look = _look(label, SelectedSource(source, rows[drawn].tolist()))
        if look is not None:
            looks.append(look)
    return tuple(looks)


def _look(label: int, source: PatchSource) -> ClassLook | None:
    total = np.zeros((PATCH_SIZE_PX, PATCH_SIZE_PX, 3))
    squares = np.zeros_like(total)
    counts = {name: np.zeros(len(edges) - 1) for name, edges in EDGES.items()}
    read = 0
    for batch in source.batches(_BATCH):
        images = [item.image_rgb_u8 for item in batch if isinstance(item, Patch)]
        for image in images:
            total += image
            squares += image.astype(np.float64) ** 2
            planes = (*np.moveaxis(image, 2, 0), *np.moveaxis(stains(image), 2, 0))
            for (name, edges), plane in zip(EDGES.items(), planes, strict=True):
                counts[name] += np.histogram(plane, edges)[0]
        read += len(images)
    if not read:
        return None
    mean = total / read
    sd = np.sqrt(np.maximum(squares / read - mean**2, 0))
    pixels = read * PATCH_SIZE_PX**2
    return ClassLook(label, read, mean, sd, {name: n / pixels for name, n in counts.items()})
