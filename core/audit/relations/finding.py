"""The search for related patches: candidates from the signatures, confirmed on pixels."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.audit.relations.anchors import Anchors
from core.audit.relations.confirm import grey, match_near, match_placed
from core.audit.relations.exact import equal_pairs, same_bytes, same_views
from core.audit.relations.outline import alike
from core.audit.relations.placement import placements
from core.audit.relations.relation import Match, Relations, relate
from core.audit.relations.signatures import SIDE_PX

T = TypeVar("T", bound=np.generic)

Load = Callable[[Sequence[int]], NDArray[np.uint8]]
Progress = Callable[[int, int], None]

_BLOCK = 256  # pairs whose pixels are in memory at once: at most 14 MB


@dataclass(frozen=True)
class _Candidate:
    """A pair to be compared; `placed` is (orientation, shift down, shift right) where known."""

    row_a: int
    row_b: int
    exact: bool = False
    placed: tuple[int, int, int] | None = None


def find_relations(
    table: pd.DataFrame,
    load: Load,
    progress: Progress = lambda done, total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Relations:
    """Return the pairs of patches that show the same tissue, confirmed on pixels.

    Of patches that are equal in one of the eight views, only the first is searched for near
    duplicates and overlaps; `Relations.groups` carries them over to the others. Flat patches
    (see `confirm.LEAST_TEXTURE`) are compared for equality only.

    Memory: about 5 kB a patch, beside the table itself.

    Args:
        table: one row a patch with the columns of `signatures`; also `file_sha256`, `label`,
            `slide` and `split` where they are known (NA where not).
        load: the pixels (n, 96, 96, 3) of the patches at n positions of the table; asked for at
            most 512 at a time, in ascending order.
        progress: called with (pairs compared, pairs to compare).
        should_stop: asked between blocks of pairs; what was found so far is returned.
    """
    if table.empty:
        return relate([], table, stopped=False, refused=0)
    matches = same_bytes(table)
    seen = {(match.row_a, match.row_b) for match in matches}
    candidates = [one for one in _candidates(table) if (one.row_a, one.row_b) not in seen]
    refused: set[tuple[int, int]] = set()
    stopped = False
    for start in range(0, len(candidates), _BLOCK):
        if should_stop():
            stopped = True
            break
        block = candidates[start : start + _BLOCK]
        rows = sorted({row for one in block for row in (one.row_a, one.row_b)})
        images = dict(zip(rows, load(rows), strict=True))
        for one in block:
            pair = (one.row_a, one.row_b)
            if pair in seen:
                continue
            match = _compare(one, images[one.row_a], images[one.row_b])
            if match is None:
                refused.add(pair)
            else:
                matches.append(match)
                seen.add(pair)
        progress(min(start + _BLOCK, len(candidates)), len(candidates))
    return relate(matches, table, stopped=stopped, refused=len(refused - seen))


def _candidates(table: pd.DataFrame) -> Iterator[_Candidate]:
    """Yield what to compare, the closest kinds first."""
    turned = table["turned_hash"].to_numpy(dtype=np.int64)
    for row_a, row_b in equal_pairs(turned):
        yield _Candidate(row_a, row_b, exact=True)
    # Positions of the first of each class of equal patches, in ascending order.
    first = np.sort(np.unique(turned, return_index=True)[1])
    for a, b in zip(*alike(_rows(table["outline"], first, np.float32)), strict=True):
        yield _Candidate(int(first[a]), int(first[b]))
    anchors = Anchors.unpack(_rows(table["anchors"], first, np.uint8))
    placed = placements(anchors, SIDE_PX)
    for a, b, orientation, shift_y, shift_x in zip(
        first[placed.row_a],
        first[placed.row_b],
        placed.orientation,
        placed.shift_y_px,
        placed.shift_x_px,
        strict=True,
    ):
        yield _Candidate(int(a), int(b), placed=(int(orientation), int(shift_y), int(shift_x)))


def _compare(
    candidate: _Candidate, image_a: NDArray[np.uint8], image_b: NDArray[np.uint8]
) -> Match | None:
    row_a, row_b = candidate.row_a, candidate.row_b
    if candidate.exact:
        return same_views(row_a, row_b, image_a, image_b)
    if candidate.placed is None:
        return match_near(row_a, row_b, grey(image_a), grey(image_b))
    orientation, shift_y, shift_x = candidate.placed
    return match_placed(
        row_a,
        row_b,
        grey(image_a),
        grey(image_b),
        orientation=orientation,
        shift_px=(shift_y, shift_x),
    )


def _rows(column: pd.Series, rows: NDArray[np.intp], dtype: type[T]) -> NDArray[T]:
    joined = b"".join(column.to_numpy(dtype=object)[rows])
    return np.frombuffer(joined, dtype=dtype).reshape(len(rows), -1)
