"""Patches with the same bytes, the same pixels, or the same pixels once turned."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.audit.relations.orientation import ORIENTATIONS, turn
from core.audit.relations.relation import Kind, Match


def same_bytes(table: pd.DataFrame) -> list[Match]:
    """Return the pairs with equal `file_sha256`, where that column is there and known."""
    if "file_sha256" not in table.columns:
        return []
    known = np.flatnonzero(table["file_sha256"].notna().to_numpy())
    values = table["file_sha256"].to_numpy(dtype=object)[known]
    return [
        Match(int(known[a]), int(known[b]), Kind.SAME_BYTES, 0, 0, 0, 1.0)
        for a, b in equal_pairs(pd.factorize(values)[0])
    ]


def equal_pairs(keys: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield (first, other) for each key that occurs more than once, first < other."""
    order = np.argsort(keys, kind="stable")
    same = keys[order[1:]] == keys[order[:-1]]
    first = -1
    for place in np.flatnonzero(same):
        if place == 0 or not same[place - 1]:
            first = int(order[place])
        yield first, int(order[place + 1])


def same_views(
    row_a: int, row_b: int, image_a: NDArray[np.uint8], image_b: NDArray[np.uint8]
) -> Match | None:
    """Return the match of two patches (S, S, 3) that are equal in one of the eight views."""
    for orientation in range(ORIENTATIONS):
        if np.array_equal(image_a, turn(image_b[np.newaxis], orientation)[0]):
            kind = Kind.SAME_UNDER_ORIENTATION if orientation else Kind.SAME_PIXELS
            return Match(row_a, row_b, kind, orientation, 0, 0, 1.0)
    return None
