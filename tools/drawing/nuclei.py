"""How cells of one kind are stained, and the painting of many of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.drawing.canvas import Canvas
from tools.drawing.cells import DrawnCells, nearest
from tools.drawing.noise import FloatField


@dataclass(frozen=True)
class NucleusLook:
    """Staining of the nuclei of one kind of cell, in dye amounts (1 is a full dark nucleus).

    Attributes:
        haematoxylin: in the body of the nucleus.
        eosin: in the body of the nucleus.
        membrane: haematoxylin added on the rim: high makes the nucleus vesicular.
        chromatin: unevenness of the haematoxylin, relative.
        seam: how far touching nuclei stay apart by a pale line, 0 to 1.
        cytoplasm_px: width of the cytoplasm around the nucleus; 0 paints none.
        cytoplasm_eosin: eosin in that cytoplasm.
    """

    haematoxylin: float
    eosin: float
    membrane: float = 0.0
    chromatin: float = 0.15
    seam: float = 0.5
    cytoplasm_px: float = 0.0
    cytoplasm_eosin: float = 0.0


LYMPHOCYTE = NucleusLook(
    haematoxylin=0.88, eosin=0.3, chromatin=0.25, seam=0.6, cytoplasm_px=2.0, cytoplasm_eosin=0.6
)
CENTROCYTE = NucleusLook(
    haematoxylin=0.55,
    eosin=0.3,
    membrane=0.15,
    chromatin=0.35,
    seam=0.7,
    cytoplasm_px=2.5,
    cytoplasm_eosin=0.5,
)
SPINDLE = NucleusLook(haematoxylin=0.72, eosin=0.4, membrane=0.1, chromatin=0.2)
MACROPHAGE = NucleusLook(
    haematoxylin=0.3,
    eosin=0.3,
    membrane=0.3,
    chromatin=0.3,
    cytoplasm_px=5.0,
    cytoplasm_eosin=0.4,
)


def paint_nuclei(
    canvas: Canvas,
    cells: DrawnCells,
    look: NucleusLook,
    texture: FloatField,
    within: FloatField | None = None,
) -> NDArray[np.bool_]:
    """Paint cells on the canvas, in place, and return where nuclei now lie (H, W).

    Args:
        canvas: the drawing.
        cells: outlines of the nuclei.
        look: their staining.
        texture: fine noise (H, W), mean 0 and standard deviation 1, that becomes chromatin.
        within: (H, W) 0 to 1, the share of each pixel that may be painted; all where not given.
    """
    found = nearest(cells, canvas.shape, reach_px=look.cytoplasm_px + 1.0)
    allowed = np.ones(canvas.shape) if within is None else within
    if look.cytoplasm_px > 0:
        body = np.clip((look.cytoplasm_px - found.distance_px) / 1.5, 0.0, 1.0)
        canvas.paint(
            body * allowed,
            haematoxylin=0.06,
            eosin=look.cytoplasm_eosin * (1 + 0.2 * texture),
        )
    tone = cells.tone[found.owner] if len(cells) > 0 else np.ones(canvas.shape)
    rim = np.clip(1.0 - np.abs(found.distance_px + 0.7), 0.0, 1.0)
    chromatin = (look.haematoxylin * (1 + look.chromatin * texture) + look.membrane * rim) * tone
    coverage = np.minimum(found.coverage * (1 - look.seam * found.seam(1.4)), allowed)
    canvas.paint(coverage, haematoxylin=np.clip(chromatin, 0.02, None), eosin=look.eosin)
    return (found.distance_px < 0) & (allowed > 0.5)
