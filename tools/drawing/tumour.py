"""Tumour: cohesive nests of large pleomorphic cells, and the mask of what was drawn."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tools.drawing.canvas import Canvas
from tools.drawing.cells import DrawnCells, grow, nearest, scatter, value_at
from tools.drawing.noise import FloatField, smooth_noise
from tools.drawing.nuclei import NucleusLook, paint_nuclei


def paint_tumour(
    canvas: Canvas,
    nest_px: FloatField,
    texture: FloatField,
    rng: np.random.Generator,
    nucleus_px: float,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Paint tumour inside a nest, in place; return the masks (H, W) of tumour and of its nuclei.

    The first mask is true exactly where a tumour cell, nucleus or cytoplasm, covers at least half
    of the pixel before the optics blur it.

    Args:
        canvas: the drawing.
        nest_px: (H, W) distance to the border of the nests, negative inside.
        texture: fine noise (H, W).
        rng: source of randomness.
        nucleus_px: median radius of the nuclei.
    """
    spacing = nucleus_px * rng.uniform(2.4, 3.1)
    bodies = grow(
        rng,
        scatter(rng, canvas.shape, float(spacing), 12.0),
        radius_px=float(0.78 * spacing),
        size_spread=0.1,
        elongation=(1, 1.35),
        lobe_depth=0.06,
        tone_spread=0.14,
    )
    bodies = bodies.where(value_at(nest_px, bodies) < -0.6 * nucleus_px)
    if len(bodies) == 0:
        nothing = np.zeros(canvas.shape, dtype=np.bool_)
        return nothing, nothing
    found = nearest(bodies, canvas.shape, 3.0)
    ragged = 0.7 * smooth_noise(rng, canvas.shape, 3.0)
    border_px = np.maximum(found.distance_px + ragged, nest_px)
    mask = border_px < 0
    coverage = np.clip(0.5 - border_px, 0.0, 1.0)
    # Shrinkage parts a nest from its surroundings here and there.
    gap_px = rng.uniform(-2.0, 1.0) + 1.8 * smooth_noise(rng, canvas.shape, 14.0)
    cleft = np.clip(np.minimum(gap_px, 1.8) - border_px, 0.0, 0.8)
    canvas.paint(cleft * (1 - coverage), eosin=0.05)
    shade = bodies.tone[found.owner] + rng.uniform(-0.5, 0.3) * found.seam(1.6)
    _paint_cytoplasm(canvas, coverage, shade, texture, rng)
    nuclei = _nuclei(rng, bodies, nucleus_px)
    look = NucleusLook(
        haematoxylin=float(rng.uniform(0.24, 0.46)),
        eosin=0.4,
        membrane=float(rng.uniform(0.18, 0.36)),
        chromatin=float(rng.uniform(0.2, 0.4)),
        seam=0.5,
    )
    nuclear = paint_nuclei(canvas, nuclei, look, texture, coverage)
    _paint_nucleoli(canvas, nuclei, nuclear, texture, rng)
    return mask, nuclear & mask


def _paint_cytoplasm(
    canvas: Canvas,
    coverage: FloatField,
    shade: FloatField,
    texture: FloatField,
    rng: np.random.Generator,
) -> None:
    clouds = smooth_noise(rng, canvas.shape, 5.0)
    foam = np.clip(smooth_noise(rng, canvas.shape, 3.2) - rng.uniform(1.2, 2.4), 0.0, 1.0)
    eosin = rng.uniform(0.45, 0.95) * shade * (1 + 0.22 * clouds + 0.16 * texture)
    eosin = eosin * (1 - 0.8 * foam)
    blue = rng.uniform(0.02, 0.13) * (1 + 0.4 * clouds + 0.4 * texture)
    canvas.paint(
        coverage,
        haematoxylin=np.clip(blue, 0.0, None),
        eosin=np.clip(eosin, 0.05, None),
    )


def _nuclei(rng: np.random.Generator, bodies: DrawnCells, nucleus_px: float) -> DrawnCells:
    count = len(bodies)
    at = (
        bodies.row_px + 0.8 * rng.standard_normal(count),
        bodies.column_px + 0.8 * rng.standard_normal(count),
    )
    nuclei = grow(
        rng,
        at,
        radius_px=nucleus_px,
        size_spread=0.18,
        elongation=(1.0, 1.6),
        lobe_depth=0.1,
        tone_spread=0.2,
        angle_rad=bodies.angle_rad + 0.4 * rng.standard_normal(count),
    )
    # A few nuclei are hyperchromatic: as dark as a lymphocyte, but large and crooked.
    dark = np.where(rng.random(count) < 0.07, 1.6, 1.0)
    return replace(nuclei, tone=nuclei.tone * dark)


def _paint_nucleoli(
    canvas: Canvas,
    nuclei: DrawnCells,
    nuclear: NDArray[np.bool_],
    texture: FloatField,
    rng: np.random.Generator,
) -> None:
    prominent = nuclei.where(rng.random(len(nuclei)) < 0.7)
    count = len(prominent)
    reach = 0.35 * prominent.radius_px
    nucleoli = grow(
        rng,
        (
            prominent.row_px + reach * np.clip(rng.standard_normal(count), -1.5, 1.5),
            prominent.column_px + reach * np.clip(rng.standard_normal(count), -1.5, 1.5),
        ),
        radius_px=1.2,
        size_spread=0.25,
        elongation=(1.0, 1.3),
        lobe_depth=0.0,
        tone_spread=0.1,
    )
    look = NucleusLook(haematoxylin=0.95, eosin=0.6, chromatin=0.0)
    paint_nuclei(canvas, nucleoli, look, texture, nuclear.astype(np.float64))
