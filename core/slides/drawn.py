"""A slide for newcomers, put together from the drawn samples: it shows no tissue."""

import csv
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from core.files import replacing
from core.patches import PATCH_SIZE_PX, SPACING_UM_PX, ImageU8
from core.settings import SAMPLES_TABLE

SIDE_PX: Final = 3072
"""About 3 mm."""
ISLANDS: Final = (
    (0.30, 0.36, 0.055),
    (0.63, 0.28, 0.040),
    (0.70, 0.62, 0.034),
    (0.40, 0.70, 0.026),
)
"""Tumour: x and y of the middle and the radius, as shares of the side."""
_NODE_RADIUS: Final = 0.43
_STEP_PX: Final = 40
_REACH_PX: Final = PATCH_SIZE_PX // 2
_WAVES_PX: Final = 9
_TILE_PX: Final = 256
_SMALLEST_PX: Final = 512
_UM_PER_CM: Final = 10_000
_GLASS: Final = 243
_QUILTS_FROM, _QUILTS_TO = 0.4, 0.8
"""Shares of the time at which laying patches begins and ends; before it the rims are made."""
_BACKGROUND: Final = ("drawn-03", "drawn-00")
_TUMOUR: Final = ("drawn-06", "drawn-10")
"""Samples whose cells the shipped model calls rightly, all of them, when one is laid side by side
with itself; drawn germinal centres it takes for tumour."""
_NEAR_TUMOUR_PX: Final = 7


@dataclass(frozen=True, eq=False)
class _Piece:
    """A drawn patch, and where it can be taken from.

    Attributes:
        image: (96, 96, 3) float32.
        usable: (96, 96).
    """

    image: NDArray[np.float32]
    usable: NDArray[np.bool_]


def draw_slide(
    side_px: int = SIDE_PX,
    *,
    seed: int = 3,
    islands: Iterable[tuple[float, float, float]] = ISLANDS,
    on_part: Callable[[float], None] = lambda _: None,
) -> tuple[ImageU8, NDArray[np.bool_]]:
    """Return a drawn lymph node on glass (H, W, 3), and where it is tumour (H, W).

    Patches of the drawn samples are laid down turned and mirrored; each pixel is of the one that
    is nearest, by a rough measure, so that no seam is straight.

    Args:
        side_px: Height and width.
        seed: Of the drawing.
        islands: As `ISLANDS`.
        on_part: Told which share is drawn, 0..1.
    """
    on_part(0.0)
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:side_px, 0:side_px].astype(np.float32) / side_px
    on_part(_QUILTS_FROM / 4)
    rough = _noise(rng, side_px, 90) * 0.012 + _noise(rng, side_px, 25) * 0.004
    on_part(_QUILTS_FROM / 2)
    node = np.hypot((rows - 0.5) / 0.92, columns - 0.5) + 3 * rough < _NODE_RADIUS
    tumour = np.zeros_like(node)
    for x, y, radius in islands:
        tumour |= np.hypot(rows - y, columns - x) + rough < radius
    tumour &= node
    image = np.full((side_px, side_px, 3), _GLASS, np.float32)
    background = node & ~tumour
    for names, inside, region in ((_BACKGROUND, False, background), (_TUMOUR, True, tumour)):

        def on_row(share: float, before: float = inside) -> None:
            on_part(_QUILTS_FROM + (_QUILTS_TO - _QUILTS_FROM) * (before + share) / 2)

        quilt = _quilt(_pieces(names, in_tumour=inside), region, rng, on_row)
        image[region] = quilt[region]
    return np.clip(np.rint(image), 0, 255).astype(np.uint8), tumour


def write_drawn_slide(path: Path, on_part: Callable[[float], None] = lambda _: None) -> None:
    """Write the drawn slide of the app; `on_part` is told which share is drawn."""
    write_pyramid(path, draw_slide(on_part=on_part)[0])


def write_pyramid(
    path: Path, image_rgb_u8: ImageU8, *, um_px: float | None = SPACING_UM_PX
) -> None:
    """Write an image (H, W, 3) as a tiled pyramidal TIFF, without loss; None says no spacing."""
    image, level, resolution = image_rgb_u8, 0, dict[str, Any]()
    with replacing(path) as temporary, tifffile.TiffWriter(temporary) as tiff:
        while level == 0 or max(image.shape) >= _SMALLEST_PX // 2:
            if um_px is not None:
                dots = _UM_PER_CM / (um_px * 2**level)
                resolution = {"resolution": (dots, dots), "resolutionunit": "CENTIMETER"}
            tiff.write(
                image,
                tile=(_TILE_PX, _TILE_PX),
                photometric="rgb",
                compression="adobe_deflate",
                subfiletype=int(level > 0),
                software="NodeLens, drawn: no tissue",
                metadata=None,
                **resolution,
            )
            level += 1
            half = [max(1, side // 2) for side in image.shape[1::-1]]
            image = cv2.resize(image, half, interpolation=cv2.INTER_AREA).astype(np.uint8)


def _pieces(names: tuple[str, ...], *, in_tumour: bool) -> list[_Piece]:
    with SAMPLES_TABLE.open(encoding="utf-8") as file:
        places = {row["id"]: SAMPLES_TABLE.parent / row["path"] for row in csv.DictReader(file)}
    pieces = []
    for name in names:
        mask = np.asarray(Image.open(SAMPLES_TABLE.parent / "masks" / f"{name}.png").convert("L"))
        near = cv2.dilate((mask > 0).astype(np.uint8), np.ones((_NEAR_TUMOUR_PX,) * 2, np.uint8))
        usable = (mask > 0) if in_tumour else (near == 0)
        pieces.append(_Piece(np.asarray(Image.open(places[name]), np.float32), usable))
    first = pieces[0]
    return [_like(piece, first) for piece in pieces]


def _like(piece: _Piece, model: _Piece) -> _Piece:
    """Return a piece in the colours of another, so that one stain covers the slide."""
    own, other = piece.image[piece.usable].mean(axis=0), model.image[model.usable].mean(axis=0)
    return _Piece(piece.image * (other / own), piece.usable)


def _quilt(
    pieces: list[_Piece],
    region: NDArray[np.bool_],
    rng: np.random.Generator,
    on_row: Callable[[float], None],
) -> NDArray[np.float32]:
    """Return pieces laid side by side wherever the region is, (H, W, 3)."""
    whole = np.full((*region.shape, 3), _GLASS, np.float32)
    best = np.full(region.shape, -np.inf, np.float32)
    across = np.abs(np.arange(PATCH_SIZE_PX) - _REACH_PX + 0.5, dtype=np.float32)
    nearness = -np.hypot(across[:, None], across[None, :])
    for y in range(0, region.shape[0] - PATCH_SIZE_PX + 1, _STEP_PX):
        on_row(y / region.shape[0])
        for x in range(0, region.shape[1] - PATCH_SIZE_PX + 1, _STEP_PX):
            at = np.s_[y : y + PATCH_SIZE_PX, x : x + PATCH_SIZE_PX]
            if not region[at].any():
                continue
            piece = pieces[int(rng.integers(len(pieces)))]
            turns, mirrored = int(rng.integers(4)), bool(rng.integers(2))
            image, usable = (
                np.rot90(part[:, ::-1] if mirrored else part, turns)
                for part in (piece.image, piece.usable)
            )
            waves = cv2.resize(
                rng.normal(0, 6, (_WAVES_PX, _WAVES_PX)).astype(np.float32), (PATCH_SIZE_PX,) * 2
            )
            claim = np.where(usable, nearness + waves, -np.inf)
            nearer = claim > best[at]
            np.copyto(whole[at], image, where=nearer[..., None])
            np.copyto(best[at], claim, where=nearer)
    return whole


def _noise(rng: np.random.Generator, side_px: int, scale_px: int) -> NDArray[np.float32]:
    knots = rng.normal(size=(side_px // scale_px + 2,) * 2).astype(np.float32)
    field: Any = cv2.resize(knots, (side_px, side_px), interpolation=cv2.INTER_CUBIC)
    noise: NDArray[np.float32] = field.astype(np.float32)
    return noise
