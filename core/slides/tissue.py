"""Where a slide shows tissue, at about 8 µm/px, and a small picture of it from the same reading."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import PatchError, SourceError
from core.patches import PATCH_SIZE_PX, ImageU8
from core.patches.tissue import BLACK_TO
from core.slides.slide_file import WHITE
from core.slides.view import SlideView

CELL_PX: Final = 32
"""A cell is what the model judges of a patch: the centre 32 × 32."""
MASK_COARSENING: Final = 8
"""Pixels of the view per pixel of the mask."""
MASK_PER_CELL: Final = CELL_PX // MASK_COARSENING
_MOST_CELLS: Final = 20_000_000
"""About 190 cm², ten times an object slide; bounds the memory too."""
_MOST_READ_PX: Final = 2048
"""Height and width of one read, in the file's pixels; bounds the memory."""
_TILES: Final = (512, 256, 128, 64, 32)
_OVERVIEW_PX: Final = 1600
_GREY_TO: Final = 8
_GLASS_FROM: Final = 200


@dataclass(frozen=True)
class TissueRule:
    """What counts as tissue.

    Attributes:
        least_saturation: (max − min) / max of the colours; glass, dust and grey ink have less.
        least_optical_density: Mean over the colours of −log10(value / 255); glass has less.
        least_island_mm2: Smaller pieces are debris.
        largest_hole_mm2: Smaller holes are vessels and fat cells, part of the tissue.
        least_share: Of a cell's own area, for the cell to be judged.
    """

    least_saturation: float = 0.06
    least_optical_density: float = 0.06
    least_island_mm2: float = 0.004
    largest_hole_mm2: float = 0.01
    least_share: float = 0.25


@dataclass(frozen=True, eq=False)
class Tissue:
    """The tissue of a slide.

    Attributes:
        rule: What counted.
        share: (rows, columns) float32; share of each cell of 32 × 32 px that is tissue, 0..1.
        overview_rgb_u8: (H, W, 3); the slide, small.
        overview_px: Pixels of the view per pixel of the overview.
    """

    rule: TissueRule
    share: NDArray[np.float32]
    overview_rgb_u8: ImageU8
    overview_px: int

    @property
    def cells(self) -> NDArray[np.bool_]:
        """Which cells (rows, columns) have enough tissue to be judged."""
        return self.share >= self.rule.least_share


def find_tissue(
    view: SlideView, rule: TissueRule, on_part: Callable[[int, int], None] = lambda _, __: None
) -> Tissue:
    """Return where a slide shows tissue.

    A part of the file that cannot be decoded counts as tissue, so that its cells are listed as
    failed instead of missing. `on_part` is told how many parts of how many are read.

    Raises:
        SourceError: It is no larger than a patch, or no part of the file can be decoded.
    """
    width, height = view.width_px, view.height_px
    if min(width, height) < PATCH_SIZE_PX or max(width, height) == PATCH_SIZE_PX:
        raise SourceError(
            f"{view.file.path.name} has {width} × {height} px at {view.spacing_um_px:.2f} µm/px, "
            f"no more than one patch ({PATCH_SIZE_PX} × {PATCH_SIZE_PX}). Score patches as a "
            "batch; a slide or region is larger."
        )
    rows, columns = -(-view.height_px // CELL_PX), -(-view.width_px // CELL_PX)
    if rows * columns > _MOST_CELLS:
        raise SourceError(
            f"{view.file.path.name} says that it has {width} × {height} px at "
            f"{view.spacing_um_px:.2f} µm/px, more than any slide. Check the file and its spacing."
        )
    mask = np.zeros((rows * MASK_PER_CELL, columns * MASK_PER_CELL), np.uint8)
    per_overview = math.ceil(max(mask.shape) / _OVERVIEW_PX)
    overview = np.full(
        (-(-mask.shape[0] // per_overview), -(-mask.shape[1] // per_overview), 3), WHITE, np.uint8
    )
    _, factor = view.level_for(MASK_COARSENING)
    tile = next((one for one in _TILES if one * factor <= _MOST_READ_PX), _TILES[-1])
    parts = [(y, x) for y in range(0, mask.shape[0], tile) for x in range(0, mask.shape[1], tile)]
    decoded, failure = False, ""
    for number, (y, x) in enumerate(parts, start=1):
        height, width = min(tile, mask.shape[0] - y), min(tile, mask.shape[1] - x)
        for top, left, pixels in _read(view, y, x, height, width):
            if isinstance(pixels, PatchError):
                failure = str(pixels)
                mask[top : top + _TILES[-1], left : left + _TILES[-1]] = 1
                continue
            decoded = True
            rows_, columns_ = pixels.shape[:2]
            mask[top : top + rows_, left : left + columns_] = looks_like_tissue(pixels, rule)
            small = pixels[
                -top % per_overview :: per_overview, -left % per_overview :: per_overview
            ]
            at_y, at_x = -(-top // per_overview), -(-left // per_overview)
            overview[at_y : at_y + len(small), at_x : at_x + small.shape[1]] = small
        on_part(number, len(parts))
    if not decoded:
        raise SourceError(f"None of it can be read: {failure} Copy it again from the scanner.")
    _tidy(mask, rule, (view.spacing_um_px * MASK_COARSENING / 1000) ** 2)
    share: NDArray[np.float32] = mask.reshape(rows, MASK_PER_CELL, columns, MASK_PER_CELL).mean(
        axis=(1, 3), dtype=np.float32
    )
    return Tissue(rule, share, overview, per_overview * MASK_COARSENING)


def _read(
    view: SlideView, y: int, x: int, height: int, width: int
) -> Iterator[tuple[int, int, ImageU8 | PatchError]]:
    """Yield a part at the mask's scale, or what of it can be decoded, each with its place."""
    at = (x * MASK_COARSENING, y * MASK_COARSENING)
    try:
        yield y, x, view.read(*at, width, height, coarsening=MASK_COARSENING)
    except PatchError as error:
        side = _TILES[-1]
        if max(height, width) <= side:
            yield y, x, error
            return
        for top in range(y, y + height, side):
            for left in range(x, x + width, side):
                rest = min(side, y + height - top), min(side, x + width - left)
                yield from _read(view, top, left, *rest)


def share_on_overview(
    tissue_rgb_u8: ImageU8, overview_px: int, shape: tuple[int, int], um_px: float, rule: TissueRule
) -> NDArray[np.float32]:
    """Return the share of each cell that would be tissue under another rule, (rows, columns).

    It goes by the overview of `find_tissue` alone: exact where this has all pixels of the mask (up
    to 12 mm), else near. A pixel of it is `overview_px` pixels of the view, these are `um_px` wide.
    """
    mask = looks_like_tissue(tissue_rgb_u8, rule).astype(np.uint8)
    _tidy(mask, rule, (um_px * overview_px / 1000) ** 2)
    rows, columns = (-(-side * CELL_PX // overview_px) for side in shape)
    whole = np.zeros((rows, columns), np.float32)
    whole[: mask.shape[0], : mask.shape[1]] = mask[:rows, :columns]
    share = cv2.resize(whole, shape[::-1], interpolation=cv2.INTER_AREA)
    return share.astype(np.float32)


def has_no_colour(pixels: ImageU8) -> bool:
    """Return whether pixels (H, W, 3) show something, and all in grey: exported without colour."""
    shows = int(pixels.min(initial=WHITE)) < _GLASS_FROM
    return shows and int((pixels.max(axis=2) - pixels.min(axis=2)).max(initial=0)) <= _GREY_TO


def black_share(pixels: ImageU8) -> float:
    """Return the share of pixels (H, W, 3) that are pure black, 0..1, as lost parts of a file."""
    return float((pixels.max(axis=2) == 0).mean())


def looks_like_tissue(pixels: ImageU8, rule: TissueRule) -> NDArray[np.bool_]:
    """Return which pixels (H, W, 3) of about 8 µm are coloured and dense enough, (H, W)."""
    most = pixels.max(axis=2).astype(np.float32)
    spread = most - pixels.min(axis=2)
    density = -np.log10(np.maximum(pixels, 1) / np.float32(WHITE)).mean(axis=2)
    mask: NDArray[np.bool_] = (
        (spread >= rule.least_saturation * most)
        & (density >= rule.least_optical_density)
        & (most > BLACK_TO)
    )
    return mask


def _tidy(mask: NDArray[np.uint8], rule: TissueRule, pixel_mm2: float) -> None:
    """Fill small holes and drop small islands, in place."""
    for value, largest_mm2 in ((0, rule.largest_hole_mm2), (1, rule.least_island_mm2)):
        regions = (mask == value).astype(np.uint8)
        _, labels, facts, _ = cv2.connectedComponentsWithStats(regions, connectivity=4)
        small = facts[:, cv2.CC_STAT_AREA] * pixel_mm2 < largest_mm2
        small[0] = False  # the background of this pass
        mask[small[labels]] = 1 - value
