"""Pictures that leave the program: a patch beside its map with its words."""

import csv
import io
import re
from collections.abc import Sequence
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from core.explanation.cam import CamMap, Target, Unit
from core.explanation.overlay import OverlayStyle, draw_pair, draw_patch_box, drawn_map, own_scale
from core.explanation.rows import EXPLANATION_COLUMNS, ExplanationRow
from core.explanation.words import METHODS, badge_text, plain_line
from core.patches import ImageU8

_INK: Final = (22, 36, 43)
_PAPER: Final = (255, 255, 255)
_MARGIN_PX: Final = 6
_SMALLEST_TEXT_PX: Final = 10
_LARGEST_TEXT_PX: Final = 18
_NOTICE: Final = "Research use. A map is not a finding."


def explained_picture(
    image_rgb_u8: ImageU8,
    row: ExplanationRow,
    *,
    scale: float | None = None,
    style: OverlayStyle,
) -> ImageU8:
    """Return a patch (96, 96, 3) and its map side by side above their caption, (H, W, 3).

    The caption says how far the map can be trusted. Nothing is written on tissue. The value `scale`
    gets full colour; None takes the map's own.
    """
    if row.explanation is None:
        patch = draw_patch_box(image_rgb_u8, style)
        return np.concatenate([patch, _caption(["No map.", _NOTICE], patch.shape[1])])
    explanation = row.explanation
    cam, strength = explanation.cam, explanation.strength
    pair = draw_pair(image_rgb_u8, cam, scale=scale, style=style, strength=strength)
    if scale is None:
        cam = drawn_map(cam)
    lines = [
        plain_line(row),
        f"{badge_text(row)}.",
        _of_scale(cam, scale or own_scale(cam)),
        _NOTICE,
    ]
    return np.concatenate([pair, _caption(lines, pair.shape[1])])


def _of_scale(cam: CamMap, scale: float) -> str:
    target = "tumour" if cam.target is Target.TUMOUR else "no tumour"
    unit = "logits" if cam.method.unit is Unit.LOGIT else "activations"
    return f"{METHODS[cam.method]} for {target}; full colour: {scale:.3g} {unit} a cell, or more."


def _caption(lines: list[str], width_px: int) -> ImageU8:
    size = int(np.clip(width_px / 44, _SMALLEST_TEXT_PX, _LARGEST_TEXT_PX))
    font = ImageFont.load_default(size)
    wrapped = [part for line in lines for part in _wrapped(line, font, width_px - 2 * _MARGIN_PX)]
    step = round(1.35 * size)
    paper = Image.new("RGB", (width_px, step * len(wrapped) + 2 * _MARGIN_PX), _PAPER)
    pen = ImageDraw.Draw(paper)
    for number, line in enumerate(wrapped):
        pen.text((_MARGIN_PX, _MARGIN_PX + step * number), line, fill=_INK, font=font)
    return np.asarray(paper)


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


TABLE_NAME: Final = "explanations.csv"
_SAFE_ID_LENGTH: Final = 64


def picture_name(index: int, patch_id: str) -> str:
    """Return a picture's file name: position and id, with nothing that a file system minds."""
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", patch_id)[:_SAFE_ID_LENGTH]
    return f"{index:06d}-{safe}.png"


def table_csv(rows: Sequence[ExplanationRow]) -> bytes:
    """Return rows as a CSV file with the columns of the command line."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(EXPLANATION_COLUMNS)
    writer.writerows(row.cells() for row in rows)
    return text.getvalue().encode("utf-8", "replace")
