"""Patches as PNG: enlarged by whole factors, never smoothed, never as JPEG."""

import base64
import io
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from core.patches import CENTRE, ImageU8, decode_patch

DETAIL_SCALE: Final = 7
THUMBNAIL_PX: Final = 64
_LINE_PX: Final = 3
_INNER: Final = (255, 255, 255)
_OUTER: Final = (0, 0, 0)


def thumbnail_uri(image_rgb_u8: ImageU8) -> str:
    """Return a patch (96, 96, 3) as a small PNG in a data URI."""
    small = Image.fromarray(image_rgb_u8).resize(
        (THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.LANCZOS
    )
    return _uri(small)


def turned(image_rgb_u8: ImageU8, orientation: int) -> ImageU8:
    """Return a patch (96, 96, 3) turned.

    Args:
        image_rgb_u8: The patch.
        orientation: 0 to 7; `orientation % 4` quarter turns counter-clockwise, after a left-right
            mirror from 4 on.
    """
    mirrored = image_rgb_u8[:, ::-1] if orientation >= 4 else image_rgb_u8
    return np.ascontiguousarray(np.rot90(mirrored, orientation % 4))


def png_uri(image_rgb_u8: ImageU8) -> str:
    """Return a patch (96, 96, 3) as it is, as PNG in a data URI; the page enlarges it."""
    return _uri(Image.fromarray(image_rgb_u8))


def _uri(image: Image.Image) -> str:
    return f"data:image/png;base64,{base64.b64encode(_png(image)).decode()}"


def enlarged_png(
    image_rgb_u8: ImageU8, *, outlined: bool = True, scale: int = DETAIL_SCALE
) -> bytes:
    """Return a patch (96, 96, 3) enlarged by a whole factor as PNG.

    The outline lies around the centre 32 × 32, not on it: a white line next to the centre and a
    black line around that, so that one of the two shows on any tissue.
    """
    large = image_rgb_u8.repeat(scale, axis=0).repeat(scale, axis=1)  # (96 s, 96 s, 3)
    if outlined:
        _frame(large, scale, 2 * _LINE_PX, _OUTER, image_rgb_u8)
        _frame(large, scale, _LINE_PX, _INNER, image_rgb_u8)
    return _png(Image.fromarray(large))


def _frame(
    large: ImageU8, scale: int, width_px: int, colour: tuple[int, int, int], image: ImageU8
) -> None:
    low, high = CENTRE.start * scale, CENTRE.stop * scale
    around = slice(low - width_px, high + width_px)
    large[around, around] = colour
    large[low:high, low:high] = image[CENTRE, CENTRE].repeat(scale, axis=0).repeat(scale, axis=1)


def enlarged_file(path: Path) -> bytes:
    """Return an image file of a patch enlarged and outlined as PNG."""
    return enlarged_png(decode_patch(path.read_bytes()).image_rgb_u8)


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()
