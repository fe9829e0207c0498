"""From a plan of regions and nests to an image and its masks."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.drawing.canvas import Canvas
from tools.drawing.kinds import TissueKind
from tools.drawing.noise import FloatField, grain, smooth_noise
from tools.drawing.stain import SlideStain, photograph
from tools.drawing.tissue import Regions, paint_tissue
from tools.drawing.tumour import paint_tumour

# What else may lie beside the tissue that dominates, and how likely each is.
COMPANIONS: dict[TissueKind, tuple[tuple[TissueKind, float], ...]] = {
    TissueKind.LYMPHOCYTES: (
        (TissueKind.STROMA, 0.4),
        (TissueKind.BLOOD, 0.15),
        (TissueKind.BLANK, 0.1),
    ),
    TissueKind.GERMINAL_CENTRE: ((TissueKind.LYMPHOCYTES, 0.8),),
    TissueKind.STROMA: (
        (TissueKind.LYMPHOCYTES, 0.4),
        (TissueKind.BLANK, 0.2),
        (TissueKind.BLOOD, 0.15),
    ),
    TissueKind.FAT: ((TissueKind.STROMA, 0.4), (TissueKind.LYMPHOCYTES, 0.4)),
    TissueKind.BLOOD: ((TissueKind.STROMA, 0.6), (TissueKind.LYMPHOCYTES, 0.4)),
    TissueKind.BLANK: ((TissueKind.STROMA, 0.7), (TissueKind.LYMPHOCYTES, 0.3)),
}


@dataclass(frozen=True)
class DrawnScene:
    """A finished drawing.

    Attributes:
        image_rgb_u8: (H, W, 3).
        tumour_mask: (H, W), true where a tumour cell was drawn.
        nucleus_mask: (H, W), true where a nucleus of a tumour cell was drawn.
    """

    image_rgb_u8: NDArray[np.uint8]
    tumour_mask: NDArray[np.bool_]
    nucleus_mask: NDArray[np.bool_]


def plan_regions(
    shape: tuple[int, int], lead: dict[TissueKind, float], scale_px: float, rng: np.random.Generator
) -> Regions:
    """Return the share (H, W) of every kind of tissue, summing to 1 at each pixel.

    Args:
        shape: (H, W).
        lead: kinds that occur and their head start, in standard deviations of the noise.
        scale_px: size of the regions.
        rng: source of randomness.
    """
    kinds = sorted(lead)
    heights = np.stack(
        [
            lead[kind] + smooth_noise(rng, shape, scale_px) + 0.22 * smooth_noise(rng, shape, 5.0)
            for kind in kinds
        ]
    )
    # A steep soft maximum: regions meet over about two pixels.
    weights = np.exp(np.clip(scale_px * 0.45 * (heights - heights.max(axis=0)), -30, 0))
    weights /= weights.sum(axis=0)
    return dict(zip(kinds, weights, strict=True))


def patch_regions(shape: tuple[int, int], tissue: TissueKind, rng: np.random.Generator) -> Regions:
    """Return regions of a patch that `tissue` dominates, with a chance of one or two others."""
    lead = {tissue: 1.6 if tissue is TissueKind.BLANK else 1.2}
    for kind, chance in COMPANIONS[tissue]:
        if rng.random() < chance:
            lead[kind] = 0.0
    return plan_regions(shape, lead, 34.0, rng)


def embed(regions: Regions, nest_px: FloatField, rng: np.random.Generator) -> Regions:
    """Return regions in which stroma surrounds the nests: tumour does not float in fat or glass."""
    shape = (nest_px.shape[0], nest_px.shape[1])
    rim_px = 7.0 + 5.0 * smooth_noise(rng, shape, 18.0) + 1.0 * smooth_noise(rng, shape, 4.0)
    rim = np.clip((rim_px - nest_px) / 2.0, 0.0, 1.0)
    embedded = dict(regions)
    for kind in (TissueKind.FAT, TissueKind.BLANK):
        if kind in embedded:
            moved = embedded[kind] * rim
            embedded[kind] = embedded[kind] - moved
            embedded[TissueKind.STROMA] = embedded.get(TissueKind.STROMA, 0.0) + moved
    return embedded


def draw_scene(
    regions: Regions,
    nest_px: FloatField,
    stain: SlideStain,
    rng: np.random.Generator,
    nucleus_px: float,
) -> DrawnScene:
    """Return the drawing of a plan.

    Args:
        regions: (H, W) share of each kind of tissue.
        nest_px: (H, W) distance to the border of the tumour nests, negative inside.
        stain: the look of the slide.
        rng: source of randomness.
        nucleus_px: median radius of the tumour nuclei.
    """
    shape = (nest_px.shape[0], nest_px.shape[1])
    canvas = Canvas.glass(shape)
    texture = 0.8 * grain(rng, shape, 0.8) + 0.6 * grain(rng, shape, 1.6)
    paint_tissue(canvas, embed(regions, nest_px, rng), texture, rng)
    mask, nuclei = paint_tumour(canvas, nest_px, texture, rng, nucleus_px)
    thickness = 1 + 0.2 * grain(rng, shape, 0.55) + 0.07 * smooth_noise(rng, shape, 28.0)
    canvas.roughen(np.clip(thickness, 0.3, None))
    return DrawnScene(photograph(canvas, stain, rng), mask, nuclei)
