"""Cells and nuclei as lobed ellipses, placed without overlap and stamped many at a time."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from tools.drawing.noise import FloatField

# Distance in pixels that stands for "no cell near here".
FAR_PX = 99.0
# Bounds the memory of a large drawing.
_STAMPED_AT_ONCE = 20_000


@dataclass(frozen=True)
class DrawnCells:
    """Outlines of N cells or nuclei; every array is (N,) unless said otherwise.

    Attributes:
        row_px: centre, rows; may lie outside the drawing.
        column_px: centre, columns.
        radius_px: geometric mean of the half axes.
        elongation: long axis over short axis, 1 is round.
        angle_rad: direction of the long axis, from the column axis towards the row axis.
        lobes: (N, 2) depth of the two- and three-fold bumps of the outline, relative to the radius.
        tone: staining of this cell relative to its kind, about 1.
    """

    row_px: FloatField
    column_px: FloatField
    radius_px: FloatField
    elongation: FloatField
    angle_rad: FloatField
    lobes: FloatField
    tone: FloatField

    def __len__(self) -> int:
        return len(self.row_px)

    def where(self, keep: NDArray[np.bool_]) -> "DrawnCells":
        """Return the cells for which `keep` (N,) is true."""
        return DrawnCells(
            self.row_px[keep],
            self.column_px[keep],
            self.radius_px[keep],
            self.elongation[keep],
            self.angle_rad[keep],
            self.lobes[keep],
            self.tone[keep],
        )


@dataclass(frozen=True)
class Nearest:
    """For each pixel (H, W): the cell whose outline is nearest.

    Attributes:
        distance_px: to the outline, negative inside; FAR_PX where no cell is near.
        second_px: the same for the second nearest cell.
        owner: index of the nearest cell; 0 where no cell is near.
    """

    distance_px: FloatField
    second_px: FloatField
    owner: NDArray[np.int64]

    @property
    def coverage(self) -> FloatField:
        """Share of each pixel inside a cell, 0 to 1, smooth over one pixel at the outline."""
        return np.clip(0.5 - self.distance_px, 0.0, 1.0)

    def seam(self, width_px: float) -> FloatField:
        """Return 1 where two cells meet, falling to 0 `width_px` from the line between them."""
        return np.clip(1.0 - (self.second_px - self.distance_px) / width_px, 0.0, 1.0)


def scatter(
    rng: np.random.Generator, shape: tuple[int, int], spacing_px: float, margin_px: float
) -> tuple[FloatField, FloatField]:
    """Return rows and columns, each (N,), of random points pushed about `spacing_px` apart.

    The points reach `margin_px` beyond the drawing, so that cells are cut by its edges.
    """
    height, width = shape[0] + 2 * margin_px, shape[1] + 2 * margin_px
    count = int(np.ceil(height * width / (0.9 * spacing_px**2)))
    points = rng.random((count, 2)) * (height, width)
    for _ in range(4):
        pairs = cKDTree(points).query_pairs(spacing_px, output_type="ndarray")
        if len(pairs) == 0:
            break
        apart = points[pairs[:, 1]] - points[pairs[:, 0]]
        gap = np.sqrt((apart**2).sum(axis=1)) + 1e-9
        push = apart * (0.4 * (spacing_px - gap) / gap)[:, None]
        np.add.at(points, pairs[:, 1], push)
        np.add.at(points, pairs[:, 0], -push)
    return points[:, 0] - margin_px, points[:, 1] - margin_px


def grow(
    rng: np.random.Generator,
    at: tuple[FloatField, FloatField],
    *,
    radius_px: float,
    size_spread: float,
    elongation: tuple[float, float],
    lobe_depth: float,
    tone_spread: float,
    angle_rad: FloatField | None = None,
) -> DrawnCells:
    """Return cells around the points `at` (rows, columns), of varied size, shape and tone.

    Args:
        rng: source of randomness.
        at: rows and columns of the centres, each (N,).
        radius_px: median radius.
        size_spread: standard deviation of the logarithm of the radius.
        elongation: least and greatest long axis over short axis.
        lobe_depth: standard deviation of the bumps of the outline, relative to the radius.
        tone_spread: standard deviation of the tone around 1.
        angle_rad: (N,) direction of the long axes; random where not given.
    """
    rows, columns = at
    count = len(rows)
    spread = np.clip(rng.standard_normal(count), -2.0, 2.0)
    turned = rng.random(count) * np.pi
    return DrawnCells(
        row_px=rows,
        column_px=columns,
        radius_px=radius_px * np.exp(size_spread * spread),
        elongation=rng.uniform(*elongation, size=count),
        angle_rad=turned if angle_rad is None else angle_rad,
        lobes=np.clip(lobe_depth * rng.standard_normal((count, 2)), -0.3, 0.3),
        tone=np.clip(1.0 + tone_spread * rng.standard_normal(count), 0.4, 1.8),
    )


def value_at(field: FloatField, cells: DrawnCells) -> FloatField:
    """Return `field` (H, W) at the centres of the cells (N,), from the nearest pixel inside."""
    rows = np.clip(np.rint(cells.row_px), 0, field.shape[0] - 1).astype(np.int64)
    columns = np.clip(np.rint(cells.column_px), 0, field.shape[1] - 1).astype(np.int64)
    return field[rows, columns]


def nearest(cells: DrawnCells, shape: tuple[int, int], reach_px: float) -> Nearest:
    """Return for each pixel of a drawing (H, W) the nearest cell, up to `reach_px` outside it."""
    distance = np.full(shape[0] * shape[1], FAR_PX)
    second = distance.copy()
    owner = np.zeros(shape[0] * shape[1], dtype=np.int64)
    for start in range(0, len(cells), _STAMPED_AT_ONCE):
        some = cells.where(np.arange(len(cells)) // _STAMPED_AT_ONCE == start // _STAMPED_AT_ONCE)
        pixel, gap, index = _stamps(some, shape, reach_px)
        before = distance.copy()
        np.minimum.at(distance, pixel, gap)
        first = gap == distance[pixel]
        owner[pixel[first]] = index[first] + start
        np.minimum.at(second, pixel[~first], gap[~first])
        # Whoever was nearest before is second now.
        np.minimum(second, before, out=second, where=distance < before)
    return Nearest(distance.reshape(shape), second.reshape(shape), owner.reshape(shape))


def _stamps(
    cells: DrawnCells, shape: tuple[int, int], reach_px: float
) -> tuple[NDArray[np.int64], FloatField, NDArray[np.int64]]:
    """Return flat pixel, distance to the outline and cell index of every (cell, pixel) in reach."""
    long_axis = cells.radius_px * np.sqrt(cells.elongation)
    half = int(np.ceil(float((long_axis * (1 + np.abs(cells.lobes).sum(axis=1))).max()) + reach_px))
    steps = np.arange(-half, half + 1)
    rows = np.rint(cells.row_px).astype(np.int64)[:, None, None] + steps[None, :, None]
    columns = np.rint(cells.column_px).astype(np.int64)[:, None, None] + steps[None, None, :]
    # (N,) -> (N, window, window): every cell on its own small window, all at once.
    inside = (rows >= 0) & (rows < shape[0]) & (columns >= 0) & (columns < shape[1])
    index, at_row, at_column = np.nonzero(inside)
    row = rows[index, at_row, 0]
    column = columns[index, 0, at_column]
    down, right = row - cells.row_px[index], column - cells.column_px[index]
    cosine, sine = np.cos(cells.angle_rad)[index], np.sin(cells.angle_rad)[index]
    u = (right * cosine + down * sine) / long_axis[index]
    v = (down * cosine - right * sine) * (long_axis / cells.radius_px**2)[index]
    squared = u * u + v * v + 1e-12
    reach = np.sqrt(squared)
    bump = (
        1
        + cells.lobes[index, 0] * 2 * u * v / squared
        + cells.lobes[index, 1] * u * (u * u - 3 * v * v) / (squared * reach)
    )
    gap = (reach / bump - 1) * cells.radius_px[index]
    near = gap < reach_px
    return (row * shape[1] + column)[near], gap[near], index[near]
