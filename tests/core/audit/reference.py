"""The audit's measures as one would write them from their definitions: Pillow, NumPy, one patch.

Independent of `core.audit.measures`: no OpenCV, no lookup tables, the ring is a mask, stains come
from solving for them. Slow, and the baseline of `tests.benchmarks.audit_speed`.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

STAIN_MATRIX = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]])
INVERSE = np.linalg.inv(STAIN_MATRIX)
INSIDE = np.zeros((96, 96), bool)
INSIDE[32:64, 32:64] = True
REGIONS = {"whole": np.ones((96, 96), bool), "centre": INSIDE, "ring": ~INSIDE}


def read_plainly(file: Path) -> NDArray[np.uint8]:
    with Image.open(file) as image:
        return np.asarray(image.convert("RGB"))


def measure_plainly(image: NDArray[np.uint8]) -> dict[str, float]:
    """Every measure of one patch (96, 96, 3) by name."""
    rgb = image.astype(float)
    high, low = rgb.max(axis=2), rgb.min(axis=2)
    saturation = np.where(high > 0, (high - low) / np.maximum(high, 1), 0)
    stains = -np.log((rgb + 1) / 256).reshape(-1, 3) @ INVERSE
    planes = {
        "red": rgb[..., 0],
        "green": rgb[..., 1],
        "blue": rgb[..., 2],
        "saturation": saturation,
        "value": high / 255,
        "haematoxylin": stains[:, 0].reshape(96, 96),
        "eosin": stains[:, 1].reshape(96, 96),
    }
    measures: dict[str, float] = {}
    hue, weight = hue_and_chroma(rgb)
    for region, mask in REGIONS.items():
        for name, plane in planes.items():
            measures[f"{region}_{name}_mean"] = plane[mask].mean()
            measures[f"{region}_{name}_sd"] = plane[mask].std()
        turning = (weight[mask] * np.exp(1j * hue[mask])).sum()
        measures[f"{region}_hue_mean"] = float(np.degrees(np.angle(turning)) % 360)
    measures |= quality(rgb, saturation, hue)
    measures["channel_sd"] = rgb.std(axis=(0, 1)).max()
    return measures


def hue_and_chroma(rgb: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Angle and length of each pixel in the plane of colour, red at angle 0."""
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    across, up = red - 0.5 * green - 0.5 * blue, np.sqrt(3) / 2 * (green - blue)
    return np.arctan2(up, across), np.hypot(up, across)


def quality(
    rgb: NDArray[np.float64], saturation: NDArray[np.float64], hue: NDArray[np.float64]
) -> dict[str, float]:
    high, low = rgb.max(axis=2), rgb.min(axis=2)
    grey = np.rint(rgb @ [0.299, 0.587, 0.114])
    padded = np.pad(grey, 1, mode="reflect")
    laplacian = (
        padded[2:, 1:-1] + padded[:-2, 1:-1] + padded[1:-1, 2:] + padded[1:-1, :-2] - 4 * grey
    )
    contrast = neighbour_contrast(grey)
    degrees = np.degrees(hue) % 360
    ink = (degrees >= 75) & (degrees <= 215) & (saturation >= 0.3) & (high >= 40)
    return {
        "grey_mean": grey.mean(),
        "grey_sd": grey.std(),
        "white_share": (low >= 220).mean(),
        "black_share": (high <= 30).mean(),
        "tissue_share": ((rgb.mean(axis=2) < 215) & (high > 30)).mean(),
        "saturation_max": box_mean(saturation).max(),
        "laplacian_rms": np.sqrt((laplacian**2).mean()),
        "detail_share": 1 - neighbour_contrast(np.rint(box_mean(grey))) / contrast
        if contrast
        else np.nan,
        "ink_share": ink.mean(),
        "colour_spread": (high - low).max(),
    }


def box_mean(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    padded = np.pad(plane, 1, mode="reflect")
    parts = [padded[y : y + 96, x : x + 96] for y in range(3) for x in range(3)]
    mean: NDArray[np.float64] = np.mean(parts, axis=0)
    return mean


def neighbour_contrast(grey: NDArray[np.float64]) -> float:
    return float((np.diff(grey, axis=0) ** 2).sum() + (np.diff(grey, axis=1) ** 2).sum())
