"""Random fields: the unevenness from which everything organic in a drawing is made."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

FloatField = NDArray[np.float64]

# Standard deviation of a cubic B-spline surface over independent unit normals, averaged over phase.
_SPLINE_STD = 0.479


def _spline_weights(length_px: int, scale_px: float, phase: float) -> FloatField:
    """Return cubic B-spline weights (length_px, knots) of pixels over knots scale_px apart."""
    position = np.arange(length_px) / scale_px + phase
    knot = np.floor(position).astype(np.int64)
    f = position - knot
    weights = np.zeros((length_px, int(knot[-1]) + 4))
    rows = np.arange(length_px)
    weights[rows, knot] = (1 - f) ** 3 / 6
    weights[rows, knot + 1] = (3 * f**3 - 6 * f**2 + 4) / 6
    weights[rows, knot + 2] = (-3 * f**3 + 3 * f**2 + 3 * f + 1) / 6
    weights[rows, knot + 3] = f**3 / 6
    return weights


def smooth_noise(
    rng: np.random.Generator, shape: tuple[int, int], scale_px: float | tuple[float, float]
) -> FloatField:
    """Return a smooth random field (H, W), mean 0 and standard deviation about 1.

    Args:
        rng: source of randomness.
        shape: (H, W) of the field.
        scale_px: distance over which the field changes, one number or (rows, columns).
    """
    scale_y, scale_x = scale_px if isinstance(scale_px, tuple) else (scale_px, scale_px)
    down = _spline_weights(shape[0], scale_y, float(rng.random()))
    across = _spline_weights(shape[1], scale_x, float(rng.random()))
    knots = rng.standard_normal((down.shape[1], across.shape[1]))
    field: FloatField = down @ knots @ across.T / _SPLINE_STD
    return field


def grain(rng: np.random.Generator, shape: tuple[int, int], sigma_px: float) -> FloatField:
    """Return fine blurred white noise (H, W), mean 0 and standard deviation about 1."""
    field: FloatField = gaussian_filter(rng.standard_normal(shape), sigma_px, mode="reflect")
    # A Gaussian of sigma s leaves 1 / (2 s sqrt(pi)) of the standard deviation of white noise.
    field *= max(1.0, 2.0 * sigma_px * np.sqrt(np.pi))
    return field
