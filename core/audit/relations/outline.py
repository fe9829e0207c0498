"""Patches that look alike as a whole, judged from their outlines alone."""

import numpy as np
from numpy.typing import NDArray

from core.audit.relations.search import SearchPlan, close_pairs

# In steps of 1/127 of a unit vector: 99 % of copies at JPEG quality 70 lie within 10.
_PLAN = SearchPlan(radius=20, width=70, projections=8, tables=6)
_LEAST_NORM = 0.5  # grey levels: flatter patches have no outline
_NORM_STEPS = 32.0


def alike(outlines: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (first, second) of the pairs whose outlines (N, 14) nearly agree, first < second.

    Outlines are compared by their shape and, less strictly, their contrast, so that a change of
    brightness or contrast does not hide a copy.
    """
    norm = np.linalg.norm(outlines, axis=1)
    rows = np.flatnonzero(norm >= _LEAST_NORM)
    unit = outlines[rows] / norm[rows, None] * 127
    contrast = np.clip(_NORM_STEPS * np.log(norm[rows]), -127, 127)
    vectors = np.rint(np.column_stack([unit, contrast])).astype(np.int8)
    first, second, _ = close_pairs(vectors, np.zeros(len(rows), dtype=np.int64), _PLAN)
    return rows[first], rows[second]
