"""Pairs of patches that may show the same tissue, judged from their signatures alone.

Pairs of nearby vectors among millions are found by random projections: Datar et al. 2004,
"Locality-sensitive hashing scheme based on p-stable distributions". One table at a time: the memory
is that of the vectors and of one column of keys.
"""

from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.audit.relations.anchors import MARGIN_PX, Anchors
from core.audit.relations.signatures import turn_points
from core.patches.patch import ORIENTATIONS, turn

LEAST_SHARE = 0.15  # of the patch's area that both must show
_LEAST_NORM = 0.5  # grey levels: flatter patches have no outline
_NORM_STEPS = 32.0
_SURE = 10.0  # a single match as close as this is worth a look at the other anchors
_GREY_STEP = 0.3  # of a grey level against a step of the shape
_BRIGHT_BIT = 3
_KEYS_BLOCK = 1 << 18
_BLOCK = 1 << 13
_PAIR = ["row_a", "row_b"]
_PLACEMENT = [*_PAIR, "orientation", "shift_y_px", "shift_x_px"]


# How hard to look. Greater cells find more and compare more; a vector is compared with so many of
# those that share its key: a key that very many share says nothing, and comparing all of them would
# take for ever.
_CELL = 70  # along each projection
_TABLES = 6  # each time with other projections
_BUCKET = 64
# Greatest distance of a pair, in steps of 1/127 of a unit vector, and numbers that make up a key.
# 99 % of copies at JPEG quality 70 have outlines within 10. Of true matches of anchors in
# recompressed crops about 90 % lie within 16; of other windows of real tissue about 1 in 2 million.
_OUTLINES = {"radius": 20, "projections": 8}
_ANCHORS = {"radius": 16, "projections": 10}


def close_pairs(
    vectors: NDArray[np.int8], kind: NDArray[np.int64], *, radius: float, projections: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Return (first, second, distance) of close pairs, first < second, each pair once.

    Args:
        vectors: (M, D).
        kind: (M,); only vectors of the same kind are compared.
        radius: the greatest Euclidean distance of a pair.
        projections: numbers that make up a key.
    """
    rng = np.random.default_rng(0)
    batches: list[tuple[NDArray[np.int64], NDArray[np.float32]]] = []
    for _ in range(_TABLES):
        keys = _keys(vectors, kind, projections, rng)
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        here = np.arange(len(keys))
        for ahead in range(1, _BUCKET + 1):
            here = here[here < len(keys) - ahead]
            here = here[keys[here] == keys[here + ahead]]
            if not len(here):
                break
            for start in range(0, len(here), _KEYS_BLOCK):
                block = here[start : start + _KEYS_BLOCK]
                one, other = order[block], order[block + ahead]
                gap = vectors[one].astype(np.float32) - vectors[other]
                distance = np.sqrt(np.einsum("nd,nd->n", gap, gap))
                near = distance <= radius
                low, high = np.minimum(one, other)[near], np.maximum(one, other)[near]
                batches.append((low * len(vectors) + high, distance[near]))
    if not batches:
        none = np.empty(0, dtype=np.int64)
        return none, none, np.empty(0, dtype=np.float32)
    pair, place = np.unique(np.concatenate([pairs for pairs, _ in batches]), return_index=True)
    distances = np.concatenate([distance for _, distance in batches])[place]
    return pair // len(vectors), pair % len(vectors), distances


def _keys(
    vectors: NDArray[np.int8],
    kind: NDArray[np.int64],
    projections: int,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    directions = rng.normal(size=(vectors.shape[1], projections)).astype(np.float32)
    offset = rng.uniform(0, _CELL, projections).astype(np.float32)
    mix = rng.integers(1, 2**62, projections + 1) | 1
    keys = np.empty(len(vectors), dtype=np.int64)
    for start in range(0, len(vectors), _KEYS_BLOCK):
        block = slice(start, start + _KEYS_BLOCK)
        cell = np.floor((vectors[block].astype(np.float32) @ directions + offset) / _CELL)
        # Whole numbers wrap around without a word: that is the hash.
        keys[block] = (cell.astype(np.int64) * mix[:-1]).sum(axis=1) + kind[block] * mix[-1]
    return keys


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
    first, second, _ = close_pairs(vectors, np.zeros(len(rows), dtype=np.int64), **_OUTLINES)
    return rows[first], rows[second]


def placements(anchors: Anchors, side_px: int) -> pd.DataFrame:
    """Return the pairs of patches whose anchors agree on how one lies on the other.

    Returns:
        One row a pair, its best placement: row_a < row_b, positions in the table; orientation, how
        b is turned; shift_y_px and shift_x_px, where the top left corner of the turned b lies in a.
    """
    patch, slot = np.nonzero(anchors["contrast"])
    vectors = _vectors(anchors, patch, slot)
    one, other, distance = close_pairs(
        vectors, (anchors["code"][patch, slot] >> _BRIGHT_BIT).astype(np.int64), **_ANCHORS
    )
    apart = patch[one] != patch[other]
    one, other, distance = one[apart], other[apart], distance[apart]
    a, b = patch[one], patch[other]  # nonzero goes through the patches in order: a < b
    slot_a, slot_b = slot[one], slot[other]
    code = ORIENTATIONS - 1
    orientation = _between()[anchors["code"][a, slot_a] & code, anchors["code"][b, slot_b] & code]
    y, x = turn_points(
        anchors["y"][b, slot_b].astype(np.int16),
        anchors["x"][b, slot_b].astype(np.int16),
        orientation,
        side_px,
    )
    shift_y = anchors["y"][a, slot_a] - y.astype(np.int64)
    shift_x = anchors["x"][a, slot_a] - x.astype(np.int64)
    # One number for each placement: there may be tens of millions of matches.
    grid = len(anchors), len(anchors), ORIENTATIONS, 2 * side_px, 2 * side_px
    columns = a, b, orientation, shift_y + side_px, shift_x + side_px
    candidates = _voted(np.ravel_multi_index(columns, grid), distance, grid)
    candidates = candidates.assign(agreement=_agreement(candidates, anchors, side_px))
    agreeing = candidates[candidates["agreement"] > 0]
    best = agreeing.sort_values("agreement", ascending=False, kind="stable")
    return best.drop_duplicates(_PAIR).sort_values(_PAIR, ignore_index=True)[_PLACEMENT]


def _vectors(anchors: Anchors, patch: NDArray[np.intp], slot: NDArray[np.intp]) -> NDArray[np.int8]:
    vectors = np.empty((len(patch), anchors["shape"].shape[2] + 2), dtype=np.int8)
    vectors[:, :-2] = anchors["shape"][patch, slot]
    # Steps of log contrast (1/32) and of grey, both within -128..127.
    vectors[:, -2] = anchors["contrast"][patch, slot].astype(np.int16) - 128
    vectors[:, -1] = np.rint(anchors["grey"][patch, slot] * np.float32(_GREY_STEP))
    return vectors


def _voted(
    places: NDArray[np.int64], distance: NDArray[np.float32], grid: tuple[int, ...]
) -> pd.DataFrame:
    """Return each placement once, if two matches agree on it or one is very close."""
    votes = pd.Series(distance).groupby(places).agg(["size", "min"])
    sure = votes.index[(votes["size"] > 1) | (votes["min"] <= _SURE)].to_numpy(np.int64)
    side_px = grid[-1] // 2
    *rest, shift_y, shift_x = np.unravel_index(sure, grid)
    shift_y, shift_x = shift_y - side_px, shift_x - side_px
    wide = (side_px - abs(shift_y)) * (side_px - abs(shift_x)) >= LEAST_SHARE * side_px**2
    columns = zip(_PLACEMENT, (*rest, shift_y, shift_x), strict=True)
    return pd.DataFrame({name: column[wide] for name, column in columns})


def _agreement(candidates: pd.DataFrame, anchors: Anchors, side_px: int) -> NDArray[np.int64]:
    """Return how many anchors of a lie on one of b, (C,); 0 where too few do."""
    out = np.zeros(len(candidates), dtype=np.int64)
    columns = candidates[_PLACEMENT].to_numpy()
    for start in range(0, len(out), _BLOCK):
        block = slice(start, start + _BLOCK)
        a, b, orientation, shift_y, shift_x = columns[block].T
        used_a, used_b = anchors["contrast"][a] > 0, anchors["contrast"][b] > 0
        ya, xa = anchors["y"][a].astype(np.int16), anchors["x"][a].astype(np.int16)
        yb, xb = turn_points(
            anchors["y"][b].astype(np.int16),
            anchors["x"][b].astype(np.int16),
            orientation[:, None],
            side_px,
        )
        shift_y, shift_x = shift_y[:, None].astype(np.int16), shift_x[:, None].astype(np.int16)
        yb, xb = yb + shift_y, xb + shift_x
        # The anchors that the other patch had room to find.
        in_b = used_a & _inside(ya - shift_y, side_px) & _inside(xa - shift_x, side_px)
        in_a = used_b & _inside(yb, side_px) & _inside(xb, side_px)
        same = np.abs(ya[:, :, None] - yb[:, None, :]) <= 1
        same &= np.abs(xa[:, :, None] - xb[:, None, :]) <= 1
        bright_a, bright_b = (anchors["code"][rows] >> _BRIGHT_BIT for rows in (a, b))
        same &= bright_a[:, :, None] == bright_b[:, None, :]
        same &= in_b[:, :, None] & in_a[:, None, :]
        matched = same.any(axis=2).sum(axis=1)
        room = np.minimum(in_b.sum(axis=1), in_a.sum(axis=1))
        enough = matched >= np.maximum(np.minimum(room, 2), 0.35 * room)
        out[block] = np.where(enough, matched, 0)
    return out


def _inside(place: NDArray[np.int16], side_px: int) -> NDArray[np.bool_]:
    return (place >= MARGIN_PX) & (place < side_px - MARGIN_PX)


@cache
def _between() -> NDArray[np.intp]:
    """Return [code of a, code of b] -> how b is turned so that both canonical views agree."""
    sample = np.arange(9).reshape(1, 3, 3)
    turned = [turn(sample, orientation)[0] for orientation in range(ORIENTATIONS)]
    table = np.empty((ORIENTATIONS, ORIENTATIONS), dtype=np.intp)
    for code_a in range(ORIENTATIONS):
        views = [_view(plane, code_a).tobytes() for plane in turned]
        for code_b in range(ORIENTATIONS):
            table[code_a, code_b] = views.index(_view(sample[0], code_b).tobytes())
    return table


def _view(plane: NDArray[np.int64], code: int) -> NDArray[np.int64]:
    plane = plane[:, ::-1] if code & 1 else plane
    plane = plane[::-1] if code & 2 else plane
    return plane.T if code & 4 else plane
