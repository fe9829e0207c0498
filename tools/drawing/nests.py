"""The outlines of tumour nests: signed distances, negative inside."""

import numpy as np

from tools.drawing.kinds import TumourPlace
from tools.drawing.noise import FloatField, smooth_noise

PATCH_PX = 96
CENTRE = slice(32, 64)

# The middle of a patch between the pixel centres of rows and columns 47 and 48.
_MIDDLE_PX = (PATCH_PX - 1) / 2


def patch_nests(place: TumourPlace, rng: np.random.Generator) -> FloatField:
    """Return the distance (96, 96) to the border of the nests of a patch, negative inside.

    CENTRE stays wholly inside rows and columns 32..63, RING wholly outside.
    """
    shape = (PATCH_PX, PATCH_PX)
    if place is TumourPlace.NONE:
        return np.full(shape, 99.0)
    waves = smooth_noise(rng, shape, 15.0)
    if place is TumourPlace.CENTRE:
        at = _MIDDLE_PX + rng.uniform(-2.0, 2.0, 2)
        blob = _disc(at, float(rng.uniform(13.0, 16.5))) + 1.2 * waves
        return np.maximum(blob, _rounded_box(15.0))
    if place is TumourPlace.RING:
        turn = rng.random() * 2 * np.pi
        away = rng.uniform(42.0, 54.0)
        at = _MIDDLE_PX + away * np.array([np.sin(turn), np.cos(turn)])
        blob = _disc(at, float(rng.uniform(28.0, 40.0))) + 5.0 * waves
        keep_off = 18.0 + 3.0 * np.abs(smooth_noise(rng, shape, 12.0)) - _box(0.0)
        return np.maximum(blob, keep_off)
    at = _MIDDLE_PX + rng.uniform(-26.0, 26.0, 2)
    return _disc(at, float(rng.uniform(28.0, 60.0))) + 6.0 * waves


def _disc(at_px: FloatField, radius_px: float) -> FloatField:
    row, column = np.mgrid[0.0:PATCH_PX, 0.0:PATCH_PX]
    distance: FloatField = np.sqrt((row - at_px[0]) ** 2 + (column - at_px[1]) ** 2) - radius_px
    return distance


def _rounded_box(half_px: float) -> FloatField:
    # The fourth-power norm: a square without corners, so that no nest shows the frame around it.
    row, column = np.mgrid[0.0:PATCH_PX, 0.0:PATCH_PX] - _MIDDLE_PX
    distance: FloatField = np.sqrt(np.sqrt(row**4 + column**4)) - half_px
    return distance


def _box(half_px: float) -> FloatField:
    row, column = np.mgrid[0.0:PATCH_PX, 0.0:PATCH_PX]
    distance: FloatField = (
        np.maximum(np.abs(row - _MIDDLE_PX), np.abs(column - _MIDDLE_PX)) - half_px
    )
    return distance
