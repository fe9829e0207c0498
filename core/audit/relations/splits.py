"""Whether the splits of a data set are independent: slides, copies and overlaps."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pandas as pd

_COLUMNS: Final = {
    "kind": str,
    "a": object,
    "b": object,
    "detail": object,
    "count": float,
    "of": float,
}

Row = dict[str, Any]


def split_table(
    patches: pd.DataFrame, pairs: pd.DataFrame, groups: pd.DataFrame
) -> pd.DataFrame | None:
    """Return what the splits have in common; see `columns.TABLES`. None without splits."""
    if not patches["split"].notna().any():
        return None
    rows = [
        *_common_slides(patches),
        *_crossings(patches["split"], pairs),
        *_touched(patches["split"], groups),
    ]
    return pd.DataFrame(rows, columns=list(_COLUMNS)).astype(_COLUMNS)


def _common_slides(patches: pd.DataFrame) -> Iterator[Row]:
    """Yield the slides with patches in more than one split."""
    for name, part in patches[["slide", "split"]].dropna().groupby("slide"):
        splits = sorted(map(str, set(part["split"])))
        if len(splits) > 1:
            yield {
                "kind": "common-slide",
                "a": name,
                "detail": ", ".join(splits),
                "count": len(part),
            }


def _crossings(split: pd.Series, pairs: pd.DataFrame) -> Iterator[Row]:
    """Yield how many pairs of each kind two splits share."""
    across = pairs[pairs["across_splits"].fillna(False).astype(bool)]
    first = split.iloc[across["row_a"]].astype(str).to_numpy(dtype=object)
    second = split.iloc[across["row_b"]].astype(str).to_numpy(dtype=object)
    frame = pd.DataFrame(
        {
            "a": np.where(first < second, first, second),
            "b": np.where(first < second, second, first),
            "detail": across["kind"].to_numpy(),
        }
    )
    counts = frame.groupby(["a", "b", "detail"]).size().reset_index(name="count")
    for a, b, kind, count in counts.itertuples(index=False):
        yield {"kind": "crossing", "a": a, "b": b, "detail": kind, "count": count}


def _touched(split: pd.Series, groups: pd.DataFrame) -> Iterator[Row]:
    """Yield how many patches of each split have a relative in another, also through their group."""
    named = groups.assign(split=split.iloc[groups["row"]].to_numpy())
    splits_in_group = named.groupby("group")["split"].transform("nunique")
    touched = named[(splits_in_group > 1) & named["split"].notna()]
    for name in sorted(split.dropna().unique()):
        count, whole = int((touched["split"] == name).sum()), int((split == name).sum())
        yield {"kind": "touched", "a": name, "count": count, "of": whole}
