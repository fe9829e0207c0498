"""The picture that leaves the program: a patch beside its map, with the words that belong to it."""

from functools import lru_cache
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from core.explanation.cam import CamMap, Target, Unit
from core.explanation.overlay import OverlayStyle, draw_pair, draw_patch_box
from core.explanation.rows import ExplanationRow, MapState
from core.patches import PATCH_SIZE_PX, ImageU8

_INK: Final = (22, 36, 43)
_PAPER: Final = (255, 255, 255)
_GREY: Final = (226, 231, 233)
_MARGIN_PX: Final = 6
_SMALLEST_TEXT_PX: Final = 10
_LARGEST_TEXT_PX: Final = 18
_STATES: Final = {
    MapState.RELIABLE: "This map did better than maps of randomised networks.",
    MapState.UNTESTED: "MAP NOT TESTED: it may explain nothing.",
    MapState.UNRELIABLE: "NO RELIABLE EXPLANATION: the map failed its test and is not drawn.",
    MapState.NONE: "No map.",
}
_DONORS_AGREE: Final = "Measured by replacing squares; the donors of tissue agree on this map."
_NOTICE: Final = "Research use. A map is not a finding."


def explained_picture(
    image_rgb_u8: ImageU8, row: ExplanationRow, *, scale: float, style: OverlayStyle
) -> ImageU8:
    """Return patch and map side by side above their caption, (H, W, 3).

    A map that failed its test is not drawn; a grey field stands in its place. A map that was not
    tested is drawn and says so. Nothing is written on tissue.

    Args:
        image_rgb_u8: (96, 96, 3).
        row: What is known of the patch.
        scale: The value that gets full colour, above 0.
        style: How to draw.
    """
    cam = row.shown_map
    if cam is None:
        patch = draw_patch_box(image_rgb_u8, style)
        gap = np.full((len(patch), 2 * style.zoom, 3), 255, np.uint8)
        field = np.full((len(patch), PATCH_SIZE_PX * style.zoom, 3), _GREY, np.uint8)
        pair = np.concatenate([patch, gap, field], axis=1)
    else:
        pair = draw_pair(image_rgb_u8, cam, scale=scale, style=style)
    lines = [_of_test(row.map_state, cam), *_of_scale(cam, scale), _NOTICE]
    return np.concatenate([pair, _caption(lines, pair.shape[1])])


def _of_test(state: MapState, cam: CamMap | None) -> str:
    if state is MapState.RELIABLE and cam is not None and cam.agreement is not None:
        return _DONORS_AGREE
    return _STATES[state]


def _of_scale(cam: CamMap | None, scale: float) -> list[str]:
    if cam is None:
        return []
    target = "tumour" if cam.target is Target.TUMOUR else "no tumour"
    unit = "logits" if cam.unit is Unit.LOGIT else "activations"
    return [f"{cam.method} for {target}; full colour: {scale:.3g} {unit} a cell, or more."]


def _caption(lines: list[str], width_px: int) -> ImageU8:
    size = int(np.clip(width_px / 44, _SMALLEST_TEXT_PX, _LARGEST_TEXT_PX))
    font = _font(size)
    wrapped = [part for line in lines for part in _wrapped(line, font, width_px - 2 * _MARGIN_PX)]
    step = round(1.35 * size)
    paper = Image.new("RGB", (width_px, step * len(wrapped) + 2 * _MARGIN_PX), _PAPER)
    pen = ImageDraw.Draw(paper)
    for number, line in enumerate(wrapped):
        pen.text((_MARGIN_PX, _MARGIN_PX + step * number), line, fill=_INK, font=font)
    return np.asarray(paper)


@lru_cache(maxsize=16)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _wrapped(
    line: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width_px: int
) -> list[str]:
    parts = [""]
    for word in line.split():
        longer = f"{parts[-1]} {word}".strip()
        if parts[-1] and font.getlength(longer) > width_px:
            parts.append(word)
        else:
            parts[-1] = longer
    return parts
