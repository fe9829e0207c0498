"""Maps drawn over their patches: whole-factor zoom, one shared scale, the centre marked."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.errors import RunError
from core.explanation.cam import CamMap, Target
from core.patches import PATCH_SIZE_PX, ImageU8
from core.pictures import DARK, LIGHT, boxed

PALE_TISSUE: Final = (208, 176, 200)
"""What a scale bar lies on; about the mean colour of H&E patches."""
_GAP_PX: Final = 2
Floats = NDArray[np.float32]
_SMALLEST_SCALE: Final = 1e-6


@dataclass(frozen=True)
class OverlayStyle:
    """How a map is drawn.

    Attributes:
        zoom: Screen pixels per patch pixel, a whole number, so that nothing is resampled.
        opacity: Of the strongest values, 0..1; weaker ones are fainter in proportion.
        smooth: Interpolate between the middles of the cells. False shows the cells as they are,
            which is all that the network knows.
        contour: Draw a line where the map falls to half of its own highest value.
        smooth_patch: Zoom the patch itself smoothly (bilinear) instead of in squares.
        centre_box: Mark the centre 32 x 32.
    """

    zoom: int = 4
    opacity: float = 0.6
    smooth: bool = True
    contour: bool = True
    smooth_patch: bool = False
    centre_box: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.zoom <= 32 or not 0 <= self.opacity <= 1:
            raise RunError(
                f"Found zoom {self.zoom} and opacity {self.opacity}; expected a whole zoom of "
                "1 to 32 and an opacity of 0 to 1."
            )


def shared_scale(cams: Iterable[CamMap], quantile: float = 0.99) -> float:
    """Return one scale for many maps: the value that gets the full colour.

    It is the given quantile of the maps' strongest values, so that one outlier does not pale all
    others. Compare pictures only if they were drawn on one scale.
    """
    strongest = [float(np.abs(cam.values).max()) for cam in cams]
    if not strongest:
        return 1.0
    return max(float(np.quantile(strongest, quantile)), _SMALLEST_SCALE)


def own_scale(cam: CamMap) -> float:
    """Return the scale of one map alone: its strongest value for the target."""
    return max(float(cam.values.max()), _SMALLEST_SCALE)


def drawn_map(cam: CamMap) -> CamMap:
    """Return a map as it is drawn on its own scale.

    There are colours for one side only: where nothing speaks for the target, the map is turned
    around and shows what speaks against it, as Grad-CAM of the other class does. Less than a
    hundredth of what speaks against it is nothing.
    """
    if cam.values.max() > -0.01 * cam.values.min():
        return cam
    other = Target.NO_TUMOUR if cam.target is Target.TUMOUR else Target.TUMOUR
    return replace(cam, values=-cam.values, target=other)


def draw_patch_box(image_rgb_u8: ImageU8, style: OverlayStyle) -> ImageU8:
    """Return the patch without any map, (96 * zoom, 96 * zoom, 3), beside an overlay."""
    picture = _zoomed(image_rgb_u8, style)
    return boxed(picture, style.zoom) if style.centre_box else picture


def draw_overlay(
    image_rgb_u8: ImageU8,
    cam: CamMap,
    *,
    scale: float | None = None,
    style: OverlayStyle,
    strength: float = 1.0,
) -> ImageU8:
    """Return the patch under its map, (96 * zoom, 96 * zoom, 3) uint8.

    Args:
        image_rgb_u8: (96, 96, 3).
        cam: Its map.
        scale: The value that gets full colour; beyond is cut. None
            takes the map's own, and draws `drawn_map`.
        style: How to draw.
        strength: Of a map on its own scale, 0..1: weak evidence stays faint there too.

    Raises:
        RunError: The scale is not above zero.
    """
    if scale is not None and not scale > 0:
        raise RunError(f"Found a scale of {scale}; expected one above 0.")
    picture = _zoomed(image_rgb_u8, style).astype(np.float32)
    if scale is None:
        cam = drawn_map(cam)
    spread = _spread(cam, style)
    colour, cover = _tint(np.clip(spread / (scale or own_scale(cam)), 0.0, 1.0))
    cover *= style.opacity * (strength if scale is None else 1.0)
    mixed = np.rint(picture * (1 - cover) + colour * cover).astype(np.uint8)
    if style.contour:
        mixed = _contoured(mixed, spread, style.zoom)
    return boxed(mixed, style.zoom) if style.centre_box else mixed


def _tint(part: Floats) -> tuple[Floats, Floats]:
    """Return colour (H, W, 3) and cover (H, W, 1) of values 0..1 (H, W).

    Viridis, in perceptually even steps, that colour-blind readers can tell apart; of the maps of
    its kind its green and yellow stand out best from the pink and violet of H&E.
    """
    steps = np.rint(255 * part).astype(np.uint8)
    colour = cv2.applyColorMap(steps, cv2.COLORMAP_VIRIDIS)[..., ::-1]
    # The power lets middle values be seen: in proportion, they would be lost on the tissue; a
    # root would tint glass where there is next to nothing.
    return colour.astype(np.float32), np.power(part[..., None], np.float32(0.75))


def draw_pair(
    image_rgb_u8: ImageU8,
    cam: CamMap,
    *,
    scale: float | None = None,
    style: OverlayStyle,
    strength: float = 1.0,
) -> ImageU8:
    """Return patch and overlay side by side at the same zoom, the centre marked on both."""
    left = draw_patch_box(image_rgb_u8, style)
    right = draw_overlay(image_rgb_u8, cam, scale=scale, style=style, strength=strength)
    gap = np.full((len(left), _GAP_PX * style.zoom, 3), 255, np.uint8)
    return np.concatenate([left, gap, right], axis=1)


def draw_scale_bar(*, opacity: float = 1.0) -> ImageU8:
    """Return the colours from nothing (left) to full "for" the target, over pale tissue.

    They lie over it as they do over a patch: on white, the light end would be lost.
    """
    colour, cover = _tint(np.linspace(0, 1, 256, dtype=np.float32)[None])
    cover *= opacity
    bar = np.rint(np.array(PALE_TISSUE, np.float32) * (1 - cover) + colour * cover)
    return np.repeat(bar.astype(np.uint8), 16, axis=0)


def _zoomed(image_rgb_u8: ImageU8, style: OverlayStyle) -> ImageU8:
    if not style.smooth_patch:
        return image_rgb_u8.repeat(style.zoom, axis=0).repeat(style.zoom, axis=1)
    side = PATCH_SIZE_PX * style.zoom
    smooth = Image.fromarray(image_rgb_u8).resize((side, side), Image.Resampling.BILINEAR)
    return np.asarray(smooth)


def _spread(cam: CamMap, style: OverlayStyle) -> NDArray[np.float32]:
    """Return the map at screen size, zero where the network does not look."""
    start, stop = (edge * style.zoom for edge in cam.span_px)
    side = stop - start
    how = Image.Resampling.BILINEAR if style.smooth else Image.Resampling.NEAREST
    # Pillow keeps the middles of the cells in place and extends the outer ones to the border.
    inside = Image.fromarray(np.ascontiguousarray(cam.values)).resize((side, side), how)
    whole = np.zeros((PATCH_SIZE_PX * style.zoom,) * 2, np.float32)
    whole[start:stop, start:stop] = np.asarray(inside)
    return whole


def _contoured(picture: ImageU8, spread: NDArray[np.float32], zoom: int) -> ImageU8:
    """Return the picture with a light line in a dark one where a map is half of its highest."""
    highest = float(spread.max())
    if highest <= _SMALLEST_SCALE:
        return picture
    inside = (spread >= highest / 2).astype(np.uint8)
    lines, _ = cv2.findContours(inside, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    drawn = np.ascontiguousarray(picture)
    line = max(1, zoom // 3)
    for tone, width in ((DARK, 3 * line), (LIGHT, line)):
        cv2.drawContours(drawn, lines, -1, tone, width)
    return drawn
