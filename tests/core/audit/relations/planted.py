"""Faults of known kinds, planted among patches."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from core.audit.relations.related import Relations, find_relations
from core.audit.relations.signatures import signatures
from core.patches import ImageU8
from core.patches.patch import turn
from tools.drawing import TissueKind, draw_stain
from tools.drawing.noise import smooth_noise
from tools.drawing.scene import draw_scene, plan_regions

STEPS_PX = (0, 8, 13, 16, 24, 31, 40, 48)


def signed(images: ImageU8, **columns: Sequence[Any]) -> pd.DataFrame:
    """Signatures of images (N, 96, 96, 3) with what is known of them, nothing unless given."""
    table = pd.DataFrame(signatures(images))
    for name in ("file_sha256", "label", "slide", "split"):
        table[name] = pd.Series(list(columns.get(name, [None] * len(images))), dtype="object")
    return table


def search(images: ImageU8, **columns: Sequence[Any]) -> Relations:
    """Search images (N, 96, 96, 3) for relations, with columns such as `label` beside them."""
    found = find_relations(signed(images, **columns), lambda rows: images[list(rows)])
    assert found is not None
    return found


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
