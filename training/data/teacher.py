"""A teacher's scores, which a student learns beside the labels."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.errors import RunError
from core.scoring.outputs import scores_by_id
from core.tables import id_key
from training.data.split import IntArray, PatchTable

_LEAST: Final = 1e-6
"""A probability of 0 or 1 has no finite logit."""


@dataclass(frozen=True, eq=False)
class Teacher:
    """What a teacher says of N patches.

    Attributes:
        logits: (N,) float32 by row of the table, NaN where it says nothing.
        sha256: Of the file.
    """

    logits: NDArray[np.float32]
    sha256: str


def read_teacher(path: Path, table: PatchTable, train: IntArray) -> Teacher:
    """Return the scores of a teacher as logits.

    Args:
        path: CSV or Parquet with `id` and `prob_tumour`, as `python -m core score` writes it.
        table: The patches.
        train: Rows that must have a score.

    Raises:
        RunError: The file cannot be read, or a training patch has no score.
    """
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise RunError(
            f"The teacher's scores {path.name} cannot be read ({error.strerror}). Check the path."
        ) from None
    known = scores_by_id(path)
    found = np.array([known.get(id_key(name), np.nan) for name in table.ids.tolist()], np.float64)
    missing = int(np.isnan(found[train]).sum())
    if missing:
        raise RunError(
            f"The teacher's scores {path.name} lack {missing:,} of {len(train):,} training "
            "patches; expected a score for each. Score the whole data set with the teacher."
        )
    clipped = np.clip(found, _LEAST, 1 - _LEAST)
    return Teacher(np.log(clipped / (1 - clipped)).astype(np.float32), digest)
