"""Which of the rows that are looked at pass, and in which order."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from core.audit.browse.shown import Chosen
from core.audit.browse.view import AuditView, Rows, by_measure


class PatchOrder(StrEnum):
    """What comes first among the patches that are shown."""

    AS_FOUND = "most telling first"
    RANDOM = "random"
    LISTED = "as in the data set"
    HIGHEST = "highest measure"
    LOWEST = "lowest measure"


@dataclass(frozen=True)
class PatchFilter:
    """Which of the shown patches pass, and their order.

    Attributes:
        labels: "tumour", "no tumour", "unknown"; all if empty.
        splits: Names; all if empty.
        flags: Quality flags of which one must be set; all patches if empty.
        text: Must be part of id, path or slide.
        order: What comes first.
        measure: What HIGHEST and LOWEST go by.
        seed: Of the random order.
    """

    labels: frozenset[str] = frozenset()
    splits: frozenset[str] = frozenset()
    flags: frozenset[str] = frozenset()
    text: str = ""
    order: PatchOrder = PatchOrder.AS_FOUND
    measure: str = "detail_share"
    seed: int = 0


def listed(view: AuditView, chosen: Chosen, wanted: PatchFilter) -> Rows:
    """Return the chosen rows that pass a filter, in its order."""
    rows = chosen.rows
    patches = view.patches
    if wanted.labels:
        rows = rows[np.isin(view.label_words[rows].astype(str), list(wanted.labels))]
    if wanted.splits:
        rows = rows[patches["split"].isin(wanted.splits).to_numpy()[rows]]
    if wanted.flags:
        rows = rows[view.flags[list(wanted.flags)].any(axis=1).to_numpy(bool)[rows]]
    if wanted.text:
        part = patches.iloc[rows]
        inside = np.zeros(len(part), bool)
        for column in ("id", "path", "slide"):
            text = part[column].fillna("").astype(str)
            inside |= text.str.contains(wanted.text, case=False, regex=False).to_numpy(bool)
        rows = rows[inside]
    if wanted.order is PatchOrder.RANDOM:
        return np.random.default_rng(wanted.seed).permutation(rows)
    if wanted.order is PatchOrder.LISTED:
        return np.sort(rows)
    if wanted.order in {PatchOrder.HIGHEST, PatchOrder.LOWEST}:
        return by_measure(view, rows, wanted.measure, high=wanted.order is PatchOrder.HIGHEST)
    return rows
