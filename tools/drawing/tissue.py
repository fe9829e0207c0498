"""The tissue of a lymph node that is not tumour, each kind painted over its own region."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import map_coordinates

from tools.drawing.canvas import Canvas
from tools.drawing.cells import DrawnCells, grow, nearest, scatter, value_at
from tools.drawing.kinds import TissueKind
from tools.drawing.noise import FloatField, smooth_noise
from tools.drawing.nuclei import (
    CENTROCYTE,
    LYMPHOCYTE,
    MACROPHAGE,
    SPINDLE,
    paint_nuclei,
)

Regions = dict[TissueKind, FloatField]

# How many of the places for a lymphocyte are taken in each kind of tissue.
LYMPHOCYTE_DENSITY = {
    TissueKind.LYMPHOCYTES: 0.96,
    TissueKind.GERMINAL_CENTRE: 0.12,
    TissueKind.STROMA: 0.05,
    TissueKind.FAT: 0.0,
    TissueKind.BLOOD: 0.03,
    TissueKind.BLANK: 0.0,
}


@dataclass(frozen=True)
class Fibres:
    """Wavy fibres: position across them and direction along them, each (H, W)."""

    across_px: FloatField
    strength: FloatField
    angle_rad: FloatField


def paint_tissue(
    canvas: Canvas, regions: Regions, texture: FloatField, rng: np.random.Generator
) -> None:
    """Paint every kind of tissue over its region, in place.

    Args:
        canvas: the drawing.
        regions: (H, W) share of each pixel, 0 to 1, for each kind; kinds left out do not occur.
        texture: fine noise (H, W).
        rng: source of randomness.
    """
    fibres = wavy_fibres(rng, canvas.shape)
    if TissueKind.BLANK in regions:
        _paint_dust(canvas, rng)
    if TissueKind.FAT in regions:
        _paint_fat(canvas, regions[TissueKind.FAT], texture, rng)
    if TissueKind.STROMA in regions:
        _paint_stroma(canvas, regions[TissueKind.STROMA], fibres, texture, rng)
    if TissueKind.BLOOD in regions:
        _paint_blood(canvas, regions[TissueKind.BLOOD], texture, rng)
    if TissueKind.GERMINAL_CENTRE in regions:
        _paint_germinal_centre(canvas, regions[TissueKind.GERMINAL_CENTRE], texture, rng)
    _paint_lymphocytes(canvas, regions, texture, rng)


def wavy_fibres(rng: np.random.Generator, shape: tuple[int, int]) -> Fibres:
    """Return a bundle of wavy parallel fibres through the whole drawing."""
    angle = rng.random() * np.pi
    row, column = np.mgrid[0.0 : shape[0], 0.0 : shape[1]]
    bend = 7.0 * smooth_noise(rng, shape, 34.0) + 1.6 * smooth_noise(rng, shape, 9.0)
    across = row * np.cos(angle) - column * np.sin(angle) + bend
    along = column * np.cos(angle) + row * np.sin(angle)
    across_px = across - across.min()
    along_px = along - along.min()
    size = (int(across_px.max()) + 3, int(along_px.max()) + 3)
    threads = smooth_noise(rng, size, (1.0, 13.0)) + 0.8 * smooth_noise(rng, size, (3.5, 30.0))
    strength = map_coordinates(threads, [across_px, along_px], order=1, mode="nearest")
    down, right = np.gradient(across)
    return Fibres(across_px, strength / 1.28, np.arctan2(right, -down) + np.pi)


def _paint_dust(canvas: Canvas, rng: np.random.Generator) -> None:
    at = rng.uniform(0, canvas.shape[0], 3), rng.uniform(0, canvas.shape[1], 3)
    specks = grow(
        rng,
        at,
        radius_px=0.7,
        size_spread=0.4,
        elongation=(1, 2),
        lobe_depth=0.1,
        tone_spread=0.3,
    )
    canvas.paint(0.4 * nearest(specks, canvas.shape, 1.0).coverage, haematoxylin=0.5)


def _paint_stroma(
    canvas: Canvas,
    region: FloatField,
    fibres: Fibres,
    texture: FloatField,
    rng: np.random.Generator,
) -> None:
    # Loose stroma shows glass between its fibres, dense stroma hardly any.
    open_level = rng.uniform(0.6, 1.8) + 0.5 * smooth_noise(rng, canvas.shape, 26.0)
    cleft = np.clip(1.6 * (-fibres.strength - open_level), 0.0, 1.0)
    patchy = 1 + 0.15 * smooth_noise(rng, canvas.shape, 24.0)
    eosin = (0.8 + 0.32 * fibres.strength + 0.1 * texture) * patchy * rng.uniform(0.65, 1.2)
    canvas.paint(
        region,
        haematoxylin=np.clip(0.05 + 0.04 * fibres.strength, 0, None) * (1 - cleft),
        eosin=np.clip(eosin, 0.15, 1.8) * (1 - 0.9 * cleft),
    )
    points = scatter(rng, canvas.shape, 17.0, 8.0)
    cells = _elongated(rng, points, fibres.angle_rad)
    cells = cells.where(rng.random(len(cells)) < 0.8 * value_at(region, cells))
    paint_nuclei(canvas, cells, SPINDLE, texture, region)


def _elongated(
    rng: np.random.Generator, at: tuple[FloatField, FloatField], along: FloatField
) -> DrawnCells:
    cells = grow(
        rng,
        at,
        radius_px=2.9,
        size_spread=0.2,
        elongation=(1.8, 4.5),
        lobe_depth=0.05,
        tone_spread=0.25,
        angle_rad=np.zeros(len(at[0])),
    )
    angle = value_at(along, cells) + 0.15 * rng.standard_normal(len(cells))
    return replace(cells, angle_rad=angle)


def _paint_fat(
    canvas: Canvas, region: FloatField, texture: FloatField, rng: np.random.Generator
) -> None:
    at = scatter(rng, canvas.shape, float(rng.uniform(40.0, 58.0)), 40.0)
    vacuoles = grow(
        rng,
        at,
        radius_px=34.0,
        size_spread=0.12,
        elongation=(1, 1.25),
        lobe_depth=0.06,
        tone_spread=0,
    )
    found = nearest(vacuoles, canvas.shape, 14.0)
    # Zero on the line between two vacuoles, growing inwards; and never less than the outline.
    depth = np.minimum(0.5 * (found.second_px - found.distance_px), 1.5 - found.distance_px)
    width = np.clip(0.7 + 0.8 * smooth_noise(rng, canvas.shape, 16.0), 0.3, 3.0)
    membrane = np.clip(width - depth + 0.3, 0.0, 1.0)
    canvas.paint(region, eosin=0.0)
    canvas.paint(region * membrane, eosin=0.6 + 0.12 * texture, haematoxylin=0.06)
    points = scatter(rng, canvas.shape, 12.0, 6.0)
    cells = _elongated(rng, points, np.zeros(canvas.shape))
    on_wall = value_at(membrane * region, cells) > 0.6
    cells = cells.where(on_wall & (rng.random(len(cells)) < 0.4))
    paint_nuclei(canvas, cells, SPINDLE, texture, region * np.clip(membrane + 0.3, 0, 1))


def _paint_blood(
    canvas: Canvas, region: FloatField, texture: FloatField, rng: np.random.Generator
) -> None:
    plasma = np.clip(rng.uniform(-0.1, 0.4) + 0.1 * texture, 0.0, 1.0)
    canvas.paint(region, eosin=plasma)
    cells = grow(
        rng,
        scatter(rng, canvas.shape, 6.1, 6.0),
        radius_px=3.3,
        size_spread=0.09,
        elongation=(1, 1.45),
        lobe_depth=0.06,
        tone_spread=0.16,
    )
    packed = np.clip(rng.uniform(0.6, 1.1) + 0.3 * smooth_noise(rng, canvas.shape, 14.0), 0, 1)
    kept = rng.random(len(cells)) < value_at(region * packed, cells)
    cells = cells.where(kept)
    if len(cells) == 0:
        return
    found = nearest(cells, canvas.shape, 1.0)
    # Erythrocytes are biconcave: a little paler in the middle.
    body = 0.85 * cells.tone[found.owner] * (1 + 0.04 * texture)
    body = body * (1 - 0.25 * np.clip(-found.distance_px / 3.0, 0, 1))
    canvas.paint(found.coverage * (1 - 0.5 * found.seam(1.2)) * region, blood=body)


def _paint_germinal_centre(
    canvas: Canvas, region: FloatField, texture: FloatField, rng: np.random.Generator
) -> None:
    canvas.paint(region, eosin=0.35 + 0.1 * texture, haematoxylin=0.06)
    cells = grow(
        rng,
        scatter(rng, canvas.shape, float(rng.uniform(9.0, 10.5)), 8.0),
        radius_px=3.9,
        size_spread=0.16,
        elongation=(1, 1.5),
        lobe_depth=0.09,
        tone_spread=0.25,
    )
    paint_nuclei(canvas, cells.where(value_at(region, cells) > 0.5), CENTROCYTE, texture, region)
    _paint_macrophages(canvas, region, texture, rng, spacing_px=44.0)


def _paint_macrophages(
    canvas: Canvas,
    region: FloatField,
    texture: FloatField,
    rng: np.random.Generator,
    spacing_px: float,
) -> None:
    cells = grow(
        rng,
        scatter(rng, canvas.shape, spacing_px, 10.0),
        radius_px=4.2,
        size_spread=0.12,
        elongation=(1, 1.4),
        lobe_depth=0.08,
        tone_spread=0.2,
    )
    cells = cells.where(value_at(region, cells) > 0.5)
    paint_nuclei(canvas, cells, MACROPHAGE, texture, region)


def _paint_lymphocytes(
    canvas: Canvas, regions: Regions, texture: FloatField, rng: np.random.Generator
) -> None:
    density = np.zeros(canvas.shape)
    for kind, share in regions.items():
        density += LYMPHOCYTE_DENSITY[kind] * share
    spacing = rng.uniform(6.4, 7.6)
    ground = regions.get(TissueKind.LYMPHOCYTES)
    if ground is not None:
        # A loose meshwork: thin eosin with white gaps, hidden where cells are packed.
        mesh = smooth_noise(rng, canvas.shape, 4.5)
        strands = np.abs(smooth_noise(rng, canvas.shape, 3.5))
        filled = rng.uniform(0.1, 0.4)
        eosin = filled + 0.14 * mesh + 0.5 * np.clip(0.35 - strands, 0.0, 0.3) + 0.06 * texture
        eosin = np.clip(eosin, 0.02, 0.8)
        canvas.paint(ground, eosin=eosin)
        density *= 1 - ground * np.clip(rng.uniform(-0.4, 0.3) - 0.5 * mesh, 0.0, 0.7) * 0.6
        _paint_macrophages(canvas, ground, texture, rng, spacing_px=60.0)
    cells = grow(
        rng,
        scatter(rng, canvas.shape, float(spacing), 6.0),
        radius_px=float(0.46 * spacing),
        size_spread=0.15,
        elongation=(1, 1.5),
        lobe_depth=0.09,
        tone_spread=0.16,
    )
    cells = cells.where(rng.random(len(cells)) < value_at(density, cells))
    # Among them some paler, larger ones: activated cells, endothelium, histiocytes.
    pale = rng.random(len(cells)) < rng.uniform(0.03, 0.16)
    paint_nuclei(
        canvas, replace(cells, radius_px=1.2 * cells.radius_px).where(pale), CENTROCYTE, texture
    )
    paint_nuclei(canvas, cells.where(~pale), LYMPHOCYTE, texture)
