"""Patches as PNG, never as JPEG: as they are, small, or enlarged."""

import base64
import io
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from core.patches import CENTRE, ImageU8, decode_patch

DETAIL_SCALE: Final = 7
THUMBNAIL_PX: Final = 64
DARK: Final = (0, 0, 0)
LIGHT: Final = (255, 255, 255)


def thumbnail_uri(image_rgb_u8: ImageU8) -> str:
    """Return a patch (96, 96, 3) as a small PNG in a data URI."""
    small = Image.fromarray(image_rgb_u8).resize(
        (THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.LANCZOS
    )
    return png_uri(np.asarray(small))


def png_uri(image_rgb_u8: ImageU8) -> str:
    """Return a patch (96, 96, 3) as it is, as PNG in a data URI; the page enlarges it."""
    return f"data:image/png;base64,{base64.b64encode(png_bytes(image_rgb_u8)).decode()}"


def enlarged_png(image_rgb_u8: ImageU8, *, scale: int = DETAIL_SCALE) -> bytes:
    """Return a patch (96, 96, 3) enlarged smoothly by a whole factor, centre outlined, as PNG."""
    size = (image_rgb_u8.shape[1] * scale, image_rgb_u8.shape[0] * scale)
    large = Image.fromarray(image_rgb_u8).resize(size, Image.Resampling.BICUBIC)
    return png_bytes(boxed(np.asarray(large), scale))


def boxed(picture_rgb_u8: ImageU8, zoom: int) -> ImageU8:
    """Return a patch at some zoom with a light line in a dark one around its centre 32 × 32.

    Two tones stay visible on pale and on dark tissue, and no pixel that decides is covered.
    """
    drawn = picture_rgb_u8.copy()
    line = max(1, zoom // 2)
    low, high = CENTRE.start * zoom, CENTRE.stop * zoom
    for tone, width in ((DARK, 2 * line), (LIGHT, line)):
        around = slice(low - width, high + width)
        drawn[around, around] = tone
    drawn[low:high, low:high] = picture_rgb_u8[low:high, low:high]
    return drawn


def enlarged_file(path: Path) -> bytes:
    """Return an image file of a patch enlarged and outlined as PNG."""
    return enlarged_png(decode_patch(path.read_bytes()).image_rgb_u8)


def png_bytes(picture_rgb_u8: ImageU8) -> bytes:
    """Return a picture (H, W, 3) as a PNG file, without loss."""
    buffer = io.BytesIO()
    Image.fromarray(picture_rgb_u8).save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()
