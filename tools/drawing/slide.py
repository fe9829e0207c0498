"""A drawn slide: a lymph node of some millimetres with tumour islands whose places are known."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray

from core.files import replacing
from core.patches import SPACING_UM_PX, ImageU8
from tools.drawing.kinds import TissueKind
from tools.drawing.noise import FloatField, smooth_noise
from tools.drawing.scene import draw_scene, plan_regions
from tools.drawing.stain import draw_stain

SLIDE_MM: Final = 3.0
_TILE_PX: Final = 256
_UM_PER_CM: Final = 10_000
_LEVELS_TO_PX: Final = 512
_NUCLEUS_PX: Final = 6.5


@dataclass(frozen=True)
class Island:
    """A nest of tumour, about round.

    Attributes:
        x: Of its middle, as a share of the slide's width.
        y: Of its middle, as a share of the slide's height.
        radius_um: Of the disc that it undulates around.
    """

    x: float
    y: float
    radius_um: float


ISLANDS: Final = (
    Island(0.30, 0.36, 150.0),
    Island(0.62, 0.27, 115.0),
    Island(0.71, 0.60, 100.0),
    Island(0.40, 0.70, 80.0),
    Island(0.52, 0.48, 62.0),
)


@dataclass(frozen=True, eq=False)
class DrawnSlide:
    """One drawn slide.

    Attributes:
        image_rgb_u8: (H, W, 3) at 0.97 µm/px.
        tumour_mask: (H, W), true exactly where a tumour cell was drawn.
        islands: What was planned.
    """

    image_rgb_u8: ImageU8
    tumour_mask: NDArray[np.bool_]
    islands: tuple[Island, ...]


def draw_slide(
    *, side_mm: float = SLIDE_MM, seed: int = 5, islands: tuple[Island, ...] = ISLANDS
) -> DrawnSlide:
    """Return a drawn lymph node, with glass around it; the same arguments, the same pixels.

    It is cortex almost throughout: drawn stroma, unlike real, looks like tumour to the models.

    Args:
        side_mm: Height and width.
        seed: 0 or greater.
        islands: The tumour.
    """
    side = round(side_mm * 1000 / SPACING_UM_PX)
    rng = np.random.Generator(np.random.PCG64(seed))
    stain = draw_stain(rng)
    scale = side / 12
    kinds = {TissueKind.LYMPHOCYTES: 1.4, TissueKind.GERMINAL_CENTRE: -2.2}
    regions = plan_regions((side, side), kinds, scale, rng)
    edge = _ellipse(side) + 0.03 * side * smooth_noise(rng, (side, side), 2.5 * scale)
    inside = np.clip(0.5 - edge / 2, 0.0, 1.0)
    regions = {kind: share * inside for kind, share in regions.items()}
    regions[TissueKind.BLANK] = 1 - inside
    nests = np.full((side, side), 99.0)
    for island in islands:
        nests = np.minimum(nests, _disc(side, island))
    nests += 5.0 * smooth_noise(rng, (side, side), 30.0)
    scene = draw_scene(regions, nests, stain, rng, _NUCLEUS_PX)
    return DrawnSlide(scene.image_rgb_u8, scene.tumour_mask, islands)


def write_slide(path: Path, image_rgb_u8: ImageU8, *, um_px: float | None = SPACING_UM_PX) -> None:
    """Write an image (H, W, 3) as a tiled pyramidal TIFF, without loss; None says no spacing."""
    resolution: dict[str, Any] = {}
    with replacing(path) as temporary, tifffile.TiffWriter(temporary) as tiff:
        level, image = 0, image_rgb_u8
        while True:
            if um_px is not None:
                dots = _UM_PER_CM / (um_px * 2**level)
                resolution = {"resolution": (dots, dots), "resolutionunit": "CENTIMETER"}
            tiff.write(
                image,
                tile=(_TILE_PX, _TILE_PX),
                photometric="rgb",
                compression="adobe_deflate",
                subfiletype=int(level > 0),
                metadata=None,
                software="NodeLens, drawn: no tissue",
                **resolution,
            )
            if max(image.shape) < _LEVELS_TO_PX:
                return
            level += 1
            half = [max(1, side // 2) for side in image.shape[1::-1]]
            image = cv2.resize(image, half, interpolation=cv2.INTER_AREA).astype(np.uint8)


def describe(slide: DrawnSlide) -> dict[str, object]:
    """Return the truth about a drawn slide, for a JSON file beside it."""
    height, width = slide.tumour_mask.shape
    return {
        "drawn": "This is no tissue.",
        "um_per_px": SPACING_UM_PX,
        "width_px": width,
        "height_px": height,
        "tumour_mm2": float(slide.tumour_mask.sum()) * (SPACING_UM_PX / 1000) ** 2,
        "islands": [asdict(island) for island in slide.islands],
    }


def _ellipse(side: int) -> FloatField:
    row, column = np.mgrid[0.0:side, 0.0:side]
    middle = (side - 1) / 2
    across = np.hypot((row - middle) / 0.92, column - middle)
    distance: FloatField = across - 0.44 * side
    return distance


def _disc(side: int, island: Island) -> FloatField:
    row, column = np.mgrid[0.0:side, 0.0:side]
    away = np.hypot(row - island.y * side, column - island.x * side)
    distance: FloatField = away - island.radius_um / SPACING_UM_PX
    return distance
