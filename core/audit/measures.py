"""The numbers of each patch: colour and stain of whole, centre and ring, and what quality needs.

Everything is counted on 8-bit pixels by OpenCV's vectorised passes; one patch at a time, because a
patch fits the processor's cache and a stack of them does not. The ring is never visited: its
moments are those of the whole less those of the centre.

Stain separation after Ruifrok & Johnston, Anal Quant Cytol Histol 23 (2001) 291-299, with the same
matrix and the same offset as the training's stain augmentation.
"""

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from core.audit.columns import MEASURES, QUALITY, STATISTICS
from core.patches import CENTRE, PATCH_SIZE_PX, ImageU8, tissue_mask
from core.patches.tissue import BLACK_TO

RGB_FROM_HED: Final = ((0.65, 0.70, 0.29), (0.07, 0.99, 0.11), (0.27, 0.57, 0.78))
"""Optical density of red, green and blue per unit of haematoxylin, eosin and residual (DAB)."""
WHITE_FROM: Final = 220
INK_HUES_DEGREES: Final = (75, 215)
"""Green, turquoise, blue: haematoxylin and eosin are beyond 215."""
INK_SATURATION: Final = 77
"""Of 255; 0.3."""
INK_VALUE: Final = 40

_DENSITY: Final = (-np.log((np.arange(256) + 1) / 256)).astype(np.float32)
_STAINS_FROM_DENSITY: Final = np.ascontiguousarray(
    np.linalg.inv(np.array(RGB_FROM_HED))[:, :2], np.float32
)
_PIXELS: Final = PATCH_SIZE_PX**2
_CENTRE_PIXELS: Final = (CENTRE.stop - CENTRE.start) ** 2
_TINY: Final = 1e-9
_NO_CHROMA: Final = 1e-6

FloatArray = NDArray[np.float64]


def measure(images_rgb_u8: ImageU8) -> NDArray[np.float32]:
    """Return `MEASURES` of patches (N, 96, 96, 3), one per column of (N, len(MEASURES))."""
    count = len(images_rgb_u8)
    quality = np.empty((count, len(QUALITY)))
    whole = np.empty((count, 2, 8))  # mean and SD of R, G, B, H', S, V, haematoxylin, eosin
    centre = np.empty((count, 2, 8))
    for number, image in enumerate(images_rgb_u8):
        hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV_FULL)
        optical = stains(image)
        at = CENTRE, CENTRE
        _moments(image, hsv, optical, whole[number])
        _moments(image[at], hsv[at], optical[at], centre[number])
        quality[number] = _quality(image, hsv, float(whole[number, 1, :3].max()))
    ring = _ring(whole, centre)
    statistics = np.stack([_named(part) for part in (whole, centre, ring)], axis=1)
    measures = np.concatenate([quality, statistics.reshape(count, len(STATISTICS))], axis=1)
    return measures.astype(np.float32).reshape(count, len(MEASURES))


def stains(image_rgb_u8: ImageU8) -> NDArray[np.float32]:
    """Return the optical densities (96, 96, 2) of haematoxylin and eosin of a patch (96, 96, 3)."""
    density = cv2.LUT(image_rgb_u8, _DENSITY).reshape(-1, 3)
    return (density @ _STAINS_FROM_DENSITY).reshape(*image_rgb_u8.shape[:2], 2)


def _moments(image: ImageU8, hsv: ImageU8, optical: NDArray[np.float32], out: FloatArray) -> None:
    """Write mean and SD (2, 8) of one region."""
    for start, part in ((0, image), (3, hsv), (6, optical)):
        mean, sd = cv2.meanStdDev(part)
        out[0, start : start + len(mean)] = mean[:, 0]
        out[1, start : start + len(sd)] = sd[:, 0]


def _ring(whole: FloatArray, centre: FloatArray) -> FloatArray:
    """Return mean and SD (N, 2, 8) of what is in the whole but not in the centre."""
    pixels = _PIXELS - _CENTRE_PIXELS
    mean = (whole[:, 0] * _PIXELS - centre[:, 0] * _CENTRE_PIXELS) / pixels
    squares = (whole**2).sum(axis=1) * _PIXELS - (centre**2).sum(axis=1) * _CENTRE_PIXELS
    sd = np.sqrt(np.maximum(squares / pixels - mean**2, 0))
    return np.stack([mean, sd], axis=1)


def _named(moments: FloatArray) -> FloatArray:
    """Return one region's statistics (N, 15) in the order of `STATISTICS`."""
    mean, sd = moments[:, 0].copy(), moments[:, 1].copy()
    red, green, blue = mean[:, 0], mean[:, 1], mean[:, 2]
    across, up = red - (green + blue) / 2, np.sqrt(0.75) * (green - blue)
    hue = np.degrees(np.arctan2(up, across)) % 360
    hue[np.hypot(across, up) < _NO_CHROMA] = np.nan
    mean[:, 4:6] /= 255
    sd[:, 4:6] /= 255
    columns = []
    for channel in range(8):
        if channel == 3:
            columns.append(hue)
        else:
            columns += [mean[:, channel], sd[:, channel]]
    return np.stack(columns, axis=1)


def _quality(image: ImageU8, hsv: ImageU8, channel_sd: float) -> list[float]:
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    mean, sd = cv2.meanStdDev(grey)
    saturation, value = cv2.extractChannel(hsv, 1), cv2.extractChannel(hsv, 2)
    red, green, blue = cv2.split(image)
    low = cv2.min(cv2.min(red, green), blue)
    black = int(np.count_nonzero(value <= BLACK_TO))
    detail = _contrast(grey)
    return [
        mean[0, 0],
        sd[0, 0],
        channel_sd,
        int(np.count_nonzero(low >= WHITE_FROM)) / _PIXELS,
        black / _PIXELS,
        int(np.count_nonzero(tissue_mask(image))) / _PIXELS,
        cv2.minMaxLoc(cv2.blur(saturation, (3, 3)))[1] / 255,
        float(np.sqrt(cv2.norm(cv2.Laplacian(grey, cv2.CV_16S), cv2.NORM_L2SQR) / _PIXELS)),
        1 - _contrast(cv2.blur(grey, (3, 3))) / detail if detail > _TINY else np.nan,
        cv2.countNonZero(cv2.inRange(hsv, _INK_FROM, _INK_TO)) / _PIXELS,
        cv2.minMaxLoc(cv2.subtract(value, low))[1],
    ]


def _contrast(grey: NDArray[Any]) -> float:
    """Return the sum of squared differences between neighbours."""
    return float(
        cv2.norm(grey[1:], grey[:-1], cv2.NORM_L2SQR)
        + cv2.norm(grey[:, 1:], grey[:, :-1], cv2.NORM_L2SQR)
    )


_INK_FROM, _INK_TO = (  # as OpenCV counts hues: 256 to a turn
    np.array([round(hue * 256 / 360), *others], np.float64)
    for hue, others in zip(INK_HUES_DEGREES, ((INK_SATURATION, INK_VALUE), (255, 255)), strict=True)
)
