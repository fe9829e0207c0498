"""The search for related patches: candidates from the signatures, confirmed on pixels."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.audit.relations.exact import equal_pairs, same_bytes, same_views
from core.audit.relations.relation import Relations, relate

Load = Callable[[Sequence[int]], NDArray[np.uint8]]
Progress = Callable[[int, int], None]


def find_relations(
    table: pd.DataFrame,
    load: Load,
    progress: Progress = lambda done, total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Relations:
    """Return every pair of patches that shows the same tissue, confirmed on pixels.

    Args:
        table: one row a patch with the columns of `signatures`; also `file_sha256`, `label`,
            `slide` and `split` where they are known (NA where not).
        load: the pixels (n, 96, 96, 3) of the patches at n positions of the table.
        progress: called with (pairs compared, pairs to compare).
        should_stop: asked between blocks; what was found so far is returned.
    """
    matches = same_bytes(table)
    known = {(match.row_a, match.row_b) for match in matches}
    refused = 0
    stopped = False
    candidates = [
        pair
        for pair in equal_pairs(table["turned_hash"].to_numpy(dtype=np.int64))
        if pair not in known
    ]
    for done, (row_a, row_b) in enumerate(candidates):
        if should_stop():
            stopped = True
            break
        images = load([row_a, row_b])
        match = same_views(row_a, row_b, images[0], images[1])
        if match is None:
            refused += 1
        else:
            matches.append(match)
        progress(done + 1, len(candidates))
    return relate(matches, table, stopped=stopped, refused=refused)
