"""Labels of a data set: those that lie beside any source of patches, and a teacher's scores."""

import hashlib
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.command_line import say
from core.errors import RunError, why
from core.patches import PatchSource, open_source
from core.scoring.outputs import scores_by_id
from core.tables import id_key
from training.data.split import IntArray, PatchTable


def open_labelled(data: Path) -> PatchSource:
    """Return a source with ids that tell its patches apart.

    Raises:
        SourceError: There is nothing there, or it is not what its name says; or a table beside
            the patches cannot be used, so that nobody knows what their labels are.
    """
    source = open_source(data)
    source.require_tables()
    if source.kind in {"folder", "zip", "csv"}:
        # Two class folders may hold files of one name; then only the path tells them apart.
        names = Counter(entry.id for entry in source.entries)
        source.entries = [
            entry if names[entry.id] == 1 else replace(entry, id=entry.path)
            for entry in source.entries
        ]
    return source


_LEAST: Final = 1e-6
"""A probability of 0 or 1 has no finite logit."""


def read_teacher(path: Path, table: PatchTable, train: IntArray) -> tuple[NDArray[np.float32], str]:
    """Return a teacher's logits and the hash of its file; says how many it lacks.

    Patches without a score follow their label alone.

    Args:
        path: CSV or Parquet with `id` and `prob_tumour`, as `python -m core score` writes it.
        table: The patches.
        train: Rows of which some must have a score.

    Returns:
        (N,) float32 by row of the table, NaN where it says nothing; the SHA-256 of the file.

    Raises:
        RunError: The file cannot be read, or no training patch has a score.
    """
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise RunError(
            f"The teacher's scores {path.name} cannot be read ({why(error)}). Check the path."
        ) from None
    known = scores_by_id(path)
    scores = np.array([known.get(id_key(name), np.nan) for name in table.ids.tolist()], np.float64)
    taught = int(np.isfinite(scores[train]).sum())
    if not taught:
        raise RunError(
            f"The teacher's scores {path.name} match none of the {len(train):,} training patches. "
            "Name a teacher for these patches."
        )
    if taught < len(train):
        say(
            f"Note: the teacher has a score for {taught:,} of {len(train):,} "
            "training patches; the others follow their label alone."
        )
    clipped = np.clip(scores, _LEAST, 1 - _LEAST)
    logits = np.log(clipped / (1 - clipped)).astype(np.float32)
    return logits, digest
