"""Drawn fields: larger pieces of a slide, to be cut into overlapping patches."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.drawing.kinds import TissueKind
from core.drawing.nests import CENTRE, PATCH_PX, field_nests
from core.drawing.patch import check_seed
from core.drawing.scene import draw_scene, plan_regions
from core.drawing.stain import SlideStain, draw_stain
from core.errors import PatchError

_LEAD = {
    TissueKind.LYMPHOCYTES: 1.0,
    TissueKind.GERMINAL_CENTRE: 0.1,
    TissueKind.STROMA: 0.4,
    TissueKind.FAT: -0.2,
    TissueKind.BLOOD: -0.8,
    TissueKind.BLANK: -0.5,
}


@dataclass(frozen=True)
class DrawnField:
    """One drawn field, or a window cut from one.

    Attributes:
        image_rgb_u8: (H, W, 3).
        tumour_mask: (H, W), true exactly where a tumour cell was drawn.
        seed: the number it was drawn from.
    """

    image_rgb_u8: NDArray[np.uint8]
    tumour_mask: NDArray[np.bool_]
    seed: int

    def crop(self, top_px: int, left_px: int, side_px: int = PATCH_PX) -> "DrawnField":
        """Return a square window of the field.

        Raises:
            PatchError: the window reaches beyond the field.
        """
        height, width = self.tumour_mask.shape
        if min(top_px, left_px) < 0 or top_px + side_px > height or left_px + side_px > width:
            raise PatchError(
                f"Window at row {top_px}, column {left_px} of {side_px} px leaves the field of "
                f"{height} x {width} px. Choose a window inside it."
            )
        rows, columns = slice(top_px, top_px + side_px), slice(left_px, left_px + side_px)
        return DrawnField(
            self.image_rgb_u8[rows, columns].copy(),
            self.tumour_mask[rows, columns].copy(),
            self.seed,
        )

    @property
    def label(self) -> int:
        """1 if any tumour pixel lies in the centre 32 x 32; for windows of 96 x 96 px only.

        Raises:
            PatchError: the field is not 96 x 96 px.
        """
        if self.tumour_mask.shape != (PATCH_PX, PATCH_PX):
            height, width = self.tumour_mask.shape
            raise PatchError(
                f"Field is {height} x {width} px; only a window of 96 x 96 px has a label. "
                "Take a crop first."
            )
        return int(self.tumour_mask[CENTRE, CENTRE].any())


def draw_field(
    *,
    size_px: tuple[int, int],
    seed: int,
    tumour_share: float = 0.25,
    stain: SlideStain | None = None,
) -> DrawnField:
    """Return a field of mixed tissue with tumour nests; the same arguments give the same pixels.

    Args:
        size_px: (height, width), each at least 96.
        seed: 0 or greater.
        tumour_share: about how much of the field is tumour, 0 to 1.
        stain: the look of the slide; drawn from the seed where not given.

    Raises:
        PatchError: the size, the seed or the share is out of range.
    """
    check_seed(seed)
    if min(size_px) < PATCH_PX:
        raise PatchError(
            f"Field is {size_px[0]} x {size_px[1]} px; expected at least 96 x 96. Ask for more."
        )
    if not 0 <= tumour_share <= 1:
        raise PatchError(f"Tumour share is {tumour_share}; expected 0 to 1. Give a fraction.")
    rng = np.random.Generator(np.random.PCG64([seed, 1_000_003]))
    own_stain = draw_stain(rng)
    regions = plan_regions(size_px, _LEAD, 80.0, rng)
    nest = field_nests(size_px, tumour_share, rng)
    scene = draw_scene(regions, nest, stain or own_stain, rng, float(rng.uniform(5.4, 8.0)))
    return DrawnField(scene.image_rgb_u8, scene.tumour_mask, seed)
