"""What a relation between two patches is, and the groups that relations make."""

from dataclasses import astuple, dataclass, fields
from enum import StrEnum

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


class RelationKind(StrEnum):
    """How two patches are related, the closest first."""

    SAME_BYTES = "same-bytes"
    SAME_PIXELS = "same-pixels"
    SAME_UNDER_ORIENTATION = "same-under-orientation"
    NEAR = "near"
    OVERLAP = "overlap"


@dataclass(frozen=True)
class Match:
    """Two patches that were compared on pixels and show the same tissue.

    Attributes:
        row_a: position in the table.
        row_b: position in the table, greater than `row_a`.
        kind: the closest relation that holds.
        orientation: 0 to 7, how b is turned to lie as a does (see `core.patches.patch.turn`).
        shift_x_px: where the left edge of the turned b lies in a.
        shift_y_px: where the top edge of the turned b lies in a.
        score: normalised cross-correlation of the detail that both show, 1 for the same pixels.
    """

    row_a: int
    row_b: int
    kind: RelationKind
    orientation: int
    shift_x_px: int
    shift_y_px: int
    score: float


@dataclass(frozen=True, eq=False)
class Relations:
    """Every relation that was found and confirmed.

    Attributes:
        pairs: one row a pair: row_a, row_b, kind, orientation, shift_x_px, shift_y_px, score
            (see `Match`), label_conflict, across_splits, across_slides (pandas "boolean"; NA where
            a label, split or slide is not known). Of k patches with the same bytes, pixels or
            views, the first is paired with each of the others: k - 1 pairs, not k (k - 1) / 2.
        groups: one row a patch that has a relation: row, group (0, 1, ...: patches that hang
            together), size, and label_conflict for the whole group.
    """

    pairs: pd.DataFrame
    groups: pd.DataFrame


def relate(matches: list[Match], table: pd.DataFrame) -> Relations:
    """Return matches with the conflicts and crossings that the table's columns show on top.

    Args:
        matches: confirmed pairs.
        table: one row a patch; `label`, `split` and `slide` are used where they are there.
    """
    order = {kind: place for place, kind in enumerate(RelationKind)}
    matches = sorted(matches, key=lambda match: (order[match.kind], match.row_a, match.row_b))
    types = {one.name: "int64" for one in fields(Match)} | {"kind": "str", "score": "float64"}
    pairs = pd.DataFrame(list(map(astuple, matches)), columns=list(types)).astype(types)
    first, second = pairs["row_a"].to_numpy(), pairs["row_b"].to_numpy()
    pairs["label_conflict"] = _differ(table, "label", first, second)
    pairs["across_splits"] = _differ(table, "split", first, second)
    pairs["across_slides"] = _differ(table, "slide", first, second)
    return Relations(pairs=pairs, groups=_groups(len(table), pairs, table))


def _differ(
    table: pd.DataFrame, column: str, first: NDArray[np.int64], second: NDArray[np.int64]
) -> pd.Series:
    if column not in table.columns:
        return pd.Series(pd.NA, index=range(len(first)), dtype="boolean")
    code, _ = pd.factorize(table[column])  # -1 where not known
    differ = pd.Series(code[first] != code[second], dtype="boolean")
    return differ.mask((code[first] < 0) | (code[second] < 0))


def _groups(count: int, pairs: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    first, second = pairs["row_a"].to_numpy(), pairs["row_b"].to_numpy()
    graph = coo_array((np.ones(len(first), dtype=np.int8), (first, second)), shape=(count, count))
    _, component = connected_components(graph, directed=False)
    rows = np.unique(np.concatenate([first, second]))
    names, group = np.unique(component[rows], return_inverse=True)
    groups = pd.DataFrame({"row": rows, "group": group.astype(np.int64)})
    groups["size"] = np.bincount(group, minlength=len(names))[group].astype(np.int64)
    if "label" in table.columns:
        label = table["label"].iloc[rows].reset_index(drop=True)
        different = label.groupby(groups["group"]).transform("nunique") > 1
        groups["label_conflict"] = different.astype("boolean")
    else:
        groups["label_conflict"] = pd.Series(pd.NA, index=groups.index, dtype="boolean")
    return groups.sort_values(["group", "row"], ignore_index=True)
