"""Drawn patches: 96 x 96 px with a mask that is true, because the renderer drew it."""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from core.errors import PatchError
from tools.drawing.kinds import TissueKind, TumourPlace
from tools.drawing.nests import CENTRE, PATCH_PX, patch_nests
from tools.drawing.scene import DrawnScene, draw_scene, patch_regions
from tools.drawing.stain import SlideStain, draw_stain

# The least tumour, in pixels, that counts as tumour in the centre or in the ring.
CENTRE_LEAST_PX = 60
RING_LEAST_PX = 600
_ATTEMPTS = 50


@dataclass(frozen=True)
class DrawnPatch:
    """One drawn patch.

    Attributes:
        image_rgb_u8: (96, 96, 3).
        tumour_mask: (96, 96), true exactly where a tumour cell was drawn.
        place: where the tumour lies.
        tissue: what dominates the rest.
        seed: the number it was drawn from.
    """

    image_rgb_u8: NDArray[np.uint8]
    tumour_mask: NDArray[np.bool_]
    place: TumourPlace
    tissue: TissueKind
    seed: int

    @property
    def label(self) -> int:
        """1 if any tumour pixel lies in rows and columns 32..63, else 0."""
        return int(self.tumour_mask[CENTRE, CENTRE].any())


def draw_patch(
    *, place: TumourPlace, tissue: TissueKind, seed: int, stain: SlideStain | None = None
) -> DrawnPatch:
    """Return the patch that belongs to `seed`; the same arguments give the same pixels.

    Args:
        place: where the tumour lies.
        tissue: what dominates the rest.
        seed: 0 or greater.
        stain: the look of the slide; drawn from the seed where not given.

    Raises:
        PatchError: the seed is negative.
    """
    check_seed(seed)
    for attempt in range(_ATTEMPTS):
        rng = np.random.Generator(np.random.PCG64([seed, attempt]))
        scene = _attempt(place, tissue, stain, rng)
        if lies_in(scene.tumour_mask, place):
            return DrawnPatch(scene.image_rgb_u8, scene.tumour_mask, place, tissue, seed)
    raise PatchError(
        f"Seed {seed} gave no patch with tumour place {place.value!r} in {_ATTEMPTS} attempts; "
        "expected one. Use another seed."
    )


def draw_set(count: int, seed: int) -> list[DrawnPatch]:
    """Return `count` patches that go evenly through all places and kinds of tissue.

    Args:
        count: 0 or greater.
        seed: 0 or greater; patch k of a set does not depend on `count`.

    Raises:
        PatchError: the count or the seed is negative.
    """
    check_seed(seed)
    if count < 0:
        raise PatchError(f"Count is {count}; expected 0 or greater. Ask for a whole number.")
    # Places change fastest, so that any run of four patches holds two of each label.
    kinds = [(place, tissue) for tissue, place in product(TissueKind, TumourPlace)]
    seeds = np.random.Generator(np.random.PCG64(seed)).integers(0, 2**31, size=count)
    return [
        draw_patch(place=kinds[k % len(kinds)][0], tissue=kinds[k % len(kinds)][1], seed=int(own))
        for k, own in enumerate(seeds)
    ]


def lies_in(tumour_mask: NDArray[np.bool_], place: TumourPlace) -> bool:
    """Return whether a mask (96, 96) holds enough tumour where `place` says and none elsewhere."""
    centre = int(tumour_mask[CENTRE, CENTRE].sum())
    ring = int(tumour_mask.sum()) - centre
    wants_centre = place in (TumourPlace.CENTRE, TumourPlace.BOTH)
    wants_ring = place in (TumourPlace.RING, TumourPlace.BOTH)
    centre_fits = centre >= CENTRE_LEAST_PX if wants_centre else centre == 0
    ring_fits = ring >= RING_LEAST_PX if wants_ring else ring == 0
    return centre_fits and ring_fits


def check_seed(seed: int) -> None:
    """Raise PatchError unless the seed is 0 or greater."""
    if seed < 0:
        raise PatchError(f"Seed is {seed}; expected 0 or greater. Use a whole number from 0 up.")


def _attempt(
    place: TumourPlace, tissue: TissueKind, stain: SlideStain | None, rng: np.random.Generator
) -> DrawnScene:
    own_stain = draw_stain(rng)
    regions = patch_regions((PATCH_PX, PATCH_PX), tissue, rng)
    # A nest that must fit into 32 px has room for a few cells of the smaller kind only.
    greatest = 6.3 if place is TumourPlace.CENTRE else 8.0
    nucleus_px = float(rng.uniform(5.4, greatest))
    nest = patch_nests(place, rng)
    return draw_scene(regions, nest, stain or own_stain, rng, nucleus_px)
