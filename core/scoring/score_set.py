"""Scored rows with labels as a set that a threshold can be chosen on."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from core.errors import EvidenceError
from core.scoring.rows import ScoreRow
from core.tables import Table
from core.thresholds import ScoreSet, Source
from core.thresholds.score_table import scores_of_table


def batch_scores(name: str, rows: Sequence[ScoreRow]) -> ScoreSet:
    """Return the scores of a batch's patches that have a label; as its CSV would be read.

    Args:
        name: Of the batch.
        rows: All of them.

    Raises:
        EvidenceError: No scored patch has a label.
        SourceError: The rows mix models or temperatures.
    """
    kept = [row for row in rows if row.label is not None and row.prob_tumour is not None]
    if not kept:
        raise EvidenceError(
            f"No scored patch of {name} has a label. Add a CSV with the columns id and label, "
            "and slide where it is known."
        )
    cells = {
        "id": [row.id for row in kept],
        "label": [str(row.label) for row in kept],
        "prob_tumour": [repr(row.prob_tumour) for row in kept],
        "slide": [row.slide or "" for row in kept],
        "model_id": [row.model_id for row in kept],
    }
    if all(row.temperature is not None for row in kept):  # rows of old runs do not say
        cells["temperature"] = [repr(row.temperature) for row in kept]
    found = scores_of_table(Table(name, pd.DataFrame(cells, dtype=str)), "")
    digest = hashlib.sha256("\n".join([found.evidence.digest, *found.ids]).encode())
    return replace(found, source=Source.BATCH, sha256=digest.hexdigest())
