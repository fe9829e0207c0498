"""Faults of known kinds, planted among patches."""

import io
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from PIL import Image

from core.audit.relations.related import related_patches
from core.audit.relations.signatures import signatures
from core.patches import ImageU8, Patch, PatchEntry, PatchSource
from core.patches.patch import turn
from tools.drawing import TissueKind, draw_stain
from tools.drawing.noise import smooth_noise
from tools.drawing.scene import draw_scene, plan_regions

STEPS_PX = (0, 8, 13, 16, 24, 31, 40, 48)


class Relations(NamedTuple):
    """What was found among some images."""

    pairs: pd.DataFrame
    groups: pd.DataFrame


class Pixels(PatchSource):
    """Images (N, 96, 96, 3) as a source."""

    def __init__(self, images: ImageU8) -> None:
        self.name, self.kind, self._images = "pixels", "packed", images
        self.entries = [PatchEntry(str(row), str(row)) for row in range(len(images))]

    def read_bytes(self, index: int) -> bytes:
        data: bytes = self._images[index].tobytes()
        return data

    def read(self, index: int) -> Patch:
        return Patch(index, self.entries[index], self._images[index], "")


def signed(images: ImageU8) -> pd.DataFrame:
    """Signatures of images by row."""
    return pd.DataFrame({"row": range(len(images)), **signatures(images)})


def related(
    images: ImageU8,
    table: pd.DataFrame,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    should_stop: Callable[[], bool] = lambda: False,
    columns: Mapping[str, Sequence[Any]] = MappingProxyType({}),
) -> Relations | None:
    """Search images for relations, with columns such as `label` for what is known of them."""
    names, none = ("sha256", "label", "slide", "split"), [None] * len(images)
    known = {name: pd.Series(list(columns.get(name, none)), dtype="object") for name in names}
    patches = pd.DataFrame({"fault": [""] * len(images), **known})
    relations = related_patches(patches, table, Pixels(images), on_progress, should_stop)
    return None if relations is None else Relations(**relations)


def search(images: ImageU8, **columns: Sequence[Any]) -> Relations:
    """Search images (N, 96, 96, 3) for relations; see `related`."""
    relations = related(images, signed(images), columns=columns)
    assert relations is not None
    return relations


def recompressed(image: ImageU8, quality: int) -> ImageU8:
    """One patch through JPEG."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file), dtype=np.uint8).copy()


def turned(image: ImageU8, orientation: int) -> ImageU8:
    """One patch in one of the eight orientations."""
    out: ImageU8 = turn(image[np.newaxis], orientation)[0]
    return out


def drawn_field(seed: int) -> ImageU8:
    """Draw a piece of a slide, 144 px a side, of mixed tissue with nests in a quarter of it."""
    rng = np.random.default_rng([seed, 1_000_003])
    stain, size_px = draw_stain(rng), (144, 144)
    lead = dict(zip(TissueKind, (1.0, 0.1, 0.4, -0.2, -0.8, -0.5), strict=True))
    regions = plan_regions(size_px, lead, 80.0, rng)
    waves = smooth_noise(rng, size_px, 48.0) + 0.3 * smooth_noise(rng, size_px, 14.0)
    nests = (waves - np.quantile(waves, 0.25)) * 22.0  # negative inside
    return draw_scene(regions, nests, stain, rng, rng.uniform(5.4, 8.0)).image_rgb_u8


def shifted(seed: int) -> tuple[ImageU8, ImageU8, tuple[int, int]]:
    """Two crops of one drawn field and the shift (down, right) of the second, 8 to 48 px."""
    rng = np.random.default_rng(seed)
    down, right = 0, 0
    while not (down or right):
        down, right = (int(step) for step in rng.choice(STEPS_PX, 2))
    left = int(rng.choice([-1, 1]))
    field = drawn_field(seed)
    start = 0 if left == 1 else right
    one = field[:96, start : start + 96]
    other = field[down : down + 96, right - start : right - start + 96]
    return one.copy(), other.copy(), (down, left * right)
