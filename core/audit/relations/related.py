"""The search for related patches: candidates from the signatures, confirmed on pixels."""

from collections.abc import Callable, Iterator
from enum import StrEnum
from functools import partial
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from core.audit.relations.anchors import ANCHORS
from core.audit.relations.candidates import alike, placements
from core.audit.relations.signatures import SIDE_PX
from core.errors import Fault, RunError
from core.patches import ImageU8, Patch, PatchSource
from core.patches.patch import ORIENTATIONS, turn


class RelationKind(StrEnum):
    """How two patches are related, the closest first."""

    SAME_BYTES = "same-bytes"
    SAME_PIXELS = "same-pixels"
    SAME_UNDER_ORIENTATION = "same-under-orientation"
    NEAR = "near"
    OVERLAP = "overlap"


_PAIR: Final = {
    **dict.fromkeys(("row_a", "row_b"), "int64"),
    "kind": "str",
    **dict.fromkeys(("orientation", "shift_x_px", "shift_y_px"), "int64"),
    "score": "float64",
}
Match = tuple[int, int, RelationKind, int, int, int, float]
"""The columns `_PAIR` of two patches that show the same tissue."""


def _relate(matches: list[Match], table: pd.DataFrame) -> pd.DataFrame:
    """Return matches with the conflicts and crossings that the table's columns show on top."""
    order = {kind: place for place, kind in enumerate(RelationKind)}
    matches = sorted(matches, key=lambda match: (order[match[2]], *match[:2]))
    pairs = pd.DataFrame(matches, columns=list(_PAIR)).astype(_PAIR)
    first, second = pairs["row_a"].to_numpy(), pairs["row_b"].to_numpy()
    columns = {"label_conflict": "label", "across_splits": "split", "across_slides": "slide"}
    for name, column in columns.items():
        code, _ = pd.factorize(table[column])  # -1 where not known
        differ = pd.Series(code[first] != code[second], dtype="boolean")
        pairs[name] = differ.mask((code[first] < 0) | (code[second] < 0))
    return pairs


def _groups(pairs: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    first, second = pairs["row_a"].to_numpy(), pairs["row_b"].to_numpy()
    graph = coo_array((np.ones(len(first), dtype=np.int8), (first, second)), shape=[len(table)] * 2)
    _, component = connected_components(graph, directed=False)
    rows = np.unique(np.concatenate([first, second]))
    group = np.unique(component[rows], return_inverse=True)[1].astype(np.int64)
    label = table["label"].iloc[rows].reset_index(drop=True).groupby(group)
    groups = pd.DataFrame({"row": rows, "group": group, "size": np.bincount(group)[group]})
    groups["label_conflict"] = (label.transform("nunique") > 1).astype("boolean")
    return groups.sort_values(["group", "row"], ignore_index=True)


_BLOCK = 256  # pairs whose pixels are in memory at once: at most 14 MB

How = tuple[RelationKind, int, int, int, float]
"""A `Match` without its rows."""
Compare = Callable[[ImageU8, ImageU8], How | None]
"""Gives how two patches (S, S, 3) match; None if they do not show the same tissue."""


def related_patches(
    patches: pd.DataFrame,
    signatures: pd.DataFrame,
    source: PatchSource,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> dict[str, pd.DataFrame] | None:
    """Return the pairs of patches that show the same tissue, confirmed on pixels; None if stopped.

    Of patches that are equal in one of the eight views, only the first is searched for near
    duplicates and overlaps; the groups carry them over to the others. Flat patches (see
    `LEAST_TEXTURE`) are compared for equality only. Memory: about 5 kB a patch, beside the tables.

    Args:
        patches: Rows of `patches`.
        signatures: Theirs.
        source: The pixels; at most 512 patches are read at a time.
        on_progress: Called with (pairs compared, pairs to compare).
        should_stop: Asked between blocks of pairs.

    Returns:
        pairs: One row a pair, the closest kinds first. row_a and row_b: rows of the source, row_a <
            row_b. kind: the closest `RelationKind` that holds. orientation: 0 to 7, how b is turned
            to lie as a does (see `core.patches.patch.turn`). shift_x_px and shift_y_px: where the
            left and the top edge of the turned b lie in a. score: normalised cross-correlation of
            the detail that both show, 1 for the same pixels. label_conflict, across_splits,
            across_slides: pandas "boolean", NA where a label, split or slide is not known. Of k
            patches with the same bytes, pixels or views, the first is paired with each of the
            others: k - 1 pairs, not k (k - 1) / 2.
        groups: One row a patch that has a relation: row, group (0, 1, ...: patches that hang
            together), size, and label_conflict for the whole group.

    Raises:
        RunError: A patch that was read before cannot be read any more.
    """
    table = pd.concat([patches[["label", "slide", "split", "sha256"]], signatures], axis=1)
    table = table[(patches["fault"] == Fault.NONE).to_numpy()].reset_index(drop=True)
    rows = table["row"].to_numpy(np.int64)
    matches = _same_bytes(table)
    seen = {match[:2] for match in matches}
    candidates = [one for one in _candidates(table) if one[:2] not in seen] if len(table) else []
    for start in range(0, len(candidates), _BLOCK):
        if should_stop():
            return None
        block = candidates[start : start + _BLOCK]
        places = sorted({place for one in block for place in one[:2]})
        images = {place: _pixels(source, int(rows[place])) for place in places}
        for a, b, compare in block:
            if (a, b) not in seen and (how := compare(images[a], images[b])) is not None:
                matches.append((a, b, *how))
                seen.add((a, b))
        on_progress(min(start + _BLOCK, len(candidates)), len(candidates))
    pairs = _relate(matches, table)
    groups = _groups(pairs, table)
    return {
        "pairs": pairs.assign(row_a=rows[pairs["row_a"]], row_b=rows[pairs["row_b"]]),
        "groups": groups.assign(row=rows[groups["row"]]),
    }


def _pixels(source: PatchSource, row: int) -> ImageU8:
    item = source.read(row)
    if not isinstance(item, Patch):
        raise RunError(
            f"{item.entry.path} could be read before and cannot be now: {item.reason} "
            "Leave the data alone while it is audited, and start again."
        )
    return item.image_rgb_u8


def _same_bytes(table: pd.DataFrame) -> list[Match]:
    """Return the pairs of the same bytes."""
    code, _ = pd.factorize(table["sha256"])  # -1 where not known
    known = np.flatnonzero(code >= 0)
    return [
        (int(known[a]), int(known[b]), RelationKind.SAME_BYTES, 0, 0, 0, 1.0)
        for a, b in _equal_pairs(code[known])
    ]


def _equal_pairs(keys: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield (first, other) for each key that occurs more than once, first < other."""
    order = np.argsort(keys, kind="stable")
    same = keys[order[1:]] == keys[order[:-1]]
    first = -1
    for place in np.flatnonzero(same):
        if place == 0 or not same[place - 1]:
            first = int(order[place])
        yield first, int(order[place + 1])


def _candidates(table: pd.DataFrame) -> Iterator[tuple[int, int, Compare]]:
    """Yield which rows to compare, and how, the closest kinds first."""
    turned = table["turned_hash"].to_numpy(dtype=np.int64)
    for row_a, row_b in _equal_pairs(turned):
        yield row_a, row_b, _same_views
    # Positions of the first of each class of equal patches, in ascending order.
    first = np.sort(np.unique(turned, return_index=True)[1])

    def joined(column: str) -> bytes:
        return b"".join(table[column].to_numpy(dtype=object)[first])

    outlines = np.frombuffer(joined("outline"), np.float32).reshape(len(first), -1)
    for a, b in zip(*alike(outlines), strict=True):
        yield int(first[a]), int(first[b]), _match_near
    placed = placements(np.frombuffer(joined("anchors"), ANCHORS), SIDE_PX)
    for a, b, orientation, shift_y, shift_x in placed.itertuples(index=False, name=None):
        at = partial(_match_placed, orientation=orientation, shift_px=(shift_y, shift_x))
        yield int(first[a]), int(first[b]), at


# Measured on real patches: copies recompressed to JPEG quality 70 score 0.97 and more, flat ones
# 0.77 and more; other tissue, also two that share nothing but their shading, scores about 0.
LEAST_SCORE = 0.5
# Crops that truly overlap score 0.97 and more after JPEG quality 75. Of 12,000 real patches a dozen
# pairs, one thing each on an empty ground, scored up to 0.85 where they were laid on one another.
LEAST_OVERLAP_SCORE = 0.9
LEAST_TEXTURE = 2.0
"""Standard deviation in grey levels below which an area is too flat to be compared."""

_GREY = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_CELL_PX = 2  # recompression changes single pixels more than means of four


def _grey(image_rgb_u8: ImageU8) -> NDArray[np.float32]:
    """Return the grey levels (S, S) of a patch (S, S, 3)."""
    return image_rgb_u8.astype(np.float32) @ _GREY


def _same_views(image_a: ImageU8, image_b: ImageU8) -> How | None:
    """Return the match of two patches that are equal in one of the eight views."""
    for orientation in range(ORIENTATIONS):
        if np.array_equal(image_a, turn(image_b[np.newaxis], orientation)[0]):
            kind = RelationKind.SAME_UNDER_ORIENTATION if orientation else RelationKind.SAME_PIXELS
            return kind, orientation, 0, 0, 1.0
    return None


def _match_near(image_a: ImageU8, image_b: ImageU8) -> How | None:
    """Return the match of two whole patches in the orientation that fits best, if it fits."""
    grey_a, grey_b = _grey(image_a), _grey(image_b)
    turned = [turn(grey_b[np.newaxis], orientation)[0] for orientation in range(ORIENTATIONS)]
    scores = [correlation(grey_a, view) for view in turned]
    best = int(np.argmax(scores))
    if scores[best] < LEAST_SCORE:
        return None
    return RelationKind.NEAR, best, 0, 0, scores[best]


def _match_placed(
    image_a: ImageU8, image_b: ImageU8, *, orientation: int, shift_px: tuple[int, int]
) -> How | None:
    """Return the match of b, turned, at a shift (down, right) or a pixel beside it, if it fits."""
    grey_a, turned = _grey(image_a), turn(_grey(image_b)[np.newaxis], orientation)[0]
    best, best_y, best_x = -1.0, 0, 0
    for step_y, step_x in [(0, 0), (0, -1), (0, 1), (-1, 0), (1, 0)]:
        y, x = shift_px[0] + step_y, shift_px[1] + step_x
        score = correlation(_common(grey_a, y, x), _common(turned, -y, -x))
        if score > best:
            best, best_y, best_x = score, y, x
    kind = RelationKind.OVERLAP if best_y or best_x else RelationKind.NEAR
    if best < (LEAST_OVERLAP_SCORE if kind is RelationKind.OVERLAP else LEAST_SCORE):
        return None
    return kind, orientation, best_x, best_y, best


def correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Return the normalised cross-correlation of the detail of two planes, -1 to 1.

    Detail is the second difference of means over 2 x 2 px: nuclei and fibres, but no shading,
    which unrelated patches share. 0 where one of the planes is too flat to be compared.
    """
    a, b = _cells(a), _cells(b)
    if min(float(a.std()), float(b.std())) < LEAST_TEXTURE:
        return 0.0
    a, b = _detail(a), _detail(b)
    a, b = a - a.mean(), b - b.mean()
    return float(np.vdot(a, b) / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12))


def _detail(cells: NDArray[np.float32]) -> NDArray[np.float32]:
    beside = cells[:-2, 1:-1] + cells[2:, 1:-1] + cells[1:-1, :-2] + cells[1:-1, 2:]
    return 4 * cells[1:-1, 1:-1] - beside


def _common(plane: NDArray[np.float32], y: int, x: int) -> NDArray[np.float32]:
    side = len(plane)
    return plane[max(y, 0) : side + min(y, 0), max(x, 0) : side + min(x, 0)]


def _cells(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width = (length // _CELL_PX * _CELL_PX for length in plane.shape)
    cells = plane[:height, :width].reshape(height // _CELL_PX, _CELL_PX, width // _CELL_PX, -1)
    out: NDArray[np.float32] = cells.mean(axis=(1, 3))
    return out
