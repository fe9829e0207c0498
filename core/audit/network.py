"""What a network makes of audited patches: the scores, and its features on two axes."""

from collections.abc import Callable
from typing import Final

import numpy as np
import pandas as pd

from core.audit.relations import main_axes
from core.audit.scores import ScoreOf, score_table
from core.errors import Fault
from core.patches import PatchSource, can_be_judged
from core.patches.source import SelectedSource
from core.scoring import Classifier

_BATCH: Final = 64
_MOST_ON_MAP: Final = 20_000
"""Patches whose features are held in memory; more points cannot be told apart."""


def judge(
    patches: pd.DataFrame,
    source: PatchSource,
    classifier: Classifier,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> pd.DataFrame | None:
    """Return the table `scores` of the readable patches; None if stopped.

    The scores are those of `core score` without test-time augmentation. A flat patch has none, as
    there. The axes are of a random sample where there are very many patches.

    Args:
        patches: Rows of `patches`.
        source: Where the pixels are.
        classifier: Scores, at its operating point.
        on_progress: Called with (patches scored, patches).
        should_stop: Asked between batches.
    """
    rows = patches.loc[patches["fault"] == Fault.NONE, "row"].tolist()
    on_map = np.random.default_rng(0).permutation(len(rows)) < _MOST_ON_MAP
    found: list[ScoreOf] = []
    places: list[int] = []
    features = []
    batches = SelectedSource(source, rows).batches(_BATCH)
    try:
        for batch in batches:
            items = [item for item in batch if can_be_judged(item)]
            if items:
                details = classifier.engine.details(np.stack([i.image_rgb_u8 for i in items]))
                probabilities = classifier.probability(details.logits).tolist()
                if details.features is not None:
                    kept = on_map[[item.index for item in items]]
                    places += (len(found) + np.flatnonzero(kept)).tolist()
                    features.append(details.features[kept])
                found += [
                    (
                        item.entry.id,
                        item.sha256,
                        probability,
                        classifier.operating_point.call(probability),
                    )
                    for item, probability in zip(items, probabilities, strict=True)
                ]
            on_progress(batch[-1].index + 1, len(rows))
            if should_stop():
                return None
    finally:
        batches.close()
    if len(places) < 3:
        return score_table(found)
    axes = main_axes(np.concatenate(features)).set_axis(places).reindex(range(len(found)))
    return score_table(found, axes)
