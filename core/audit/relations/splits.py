"""Whether the splits of a data set are independent: slides, copies, overlaps and stain."""

from collections.abc import Iterator
from itertools import combinations
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.covariance import LedoitWolf

_COLUMNS: Final = {
    "kind": str,
    **dict.fromkeys(("a", "b", "detail"), object),
    **dict.fromkeys(("count", "of", "distance"), float),
}
_STAIN: Final = tuple(
    f"whole_{stain}_{moment}" for stain in ("haematoxylin", "eosin") for moment in ("mean", "sd")
)

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
        *_stain(patches),
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
    ends = np.sort(split.to_numpy(object)[across[["row_a", "row_b"]].to_numpy()], axis=1)
    frame = pd.DataFrame(ends, columns=["a", "b"]).assign(detail=across["kind"].to_numpy())
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


def _stain(patches: pd.DataFrame) -> Iterator[Row]:
    """Yield how far apart the mean stains of splits are, and of each slide from all slides.

    Mahalanobis distances with the (Ledoit-Wolf) covariance within slides, or within splits where no
    slide is known: 1 is about one standard deviation of a patch about its own slide.
    """
    split, slide = patches["split"], patches["slide"]
    values = patches[list(_STAIN)].to_numpy(np.float64)
    whole = np.isfinite(values).all(axis=1) & split.notna().to_numpy()
    with_slides = bool(slide.notna().any())
    within = whole & slide.notna().to_numpy() if with_slides else whole
    if within.sum() < 2:  # nothing has a spread
        return
    group = (slide if with_slides else split)[within].to_numpy()
    frame = pd.DataFrame(values[within])
    centred = frame - frame.groupby(group).transform("mean")
    scale = np.maximum(centred.std().to_numpy(), 1e-9)
    inverse = LedoitWolf(assume_centered=True).fit(centred.to_numpy() / scale).precision_

    def distance(gap: NDArray[np.float64]) -> float:
        gap = gap / scale
        return float(np.sqrt(gap @ inverse @ gap))

    means = pd.DataFrame(values[whole]).groupby(split[whole].to_numpy()).mean()
    for a, b in combinations(means.index, 2):
        gap = means.loc[a].to_numpy() - means.loc[b].to_numpy()
        yield {"kind": "split-stain", "a": a, "b": b, "distance": distance(gap)}
    if with_slides:
        counts, of_slides = frame.groupby(group).size(), frame.groupby(group).mean()
        middle = of_slides.mean().to_numpy()
        rows = [
            {
                "kind": "slide-stain",
                "a": name,
                "count": int(counts[name]),
                "distance": distance(row - middle),
            }
            for name, row in zip(of_slides.index, of_slides.to_numpy(), strict=True)
        ]
        yield from sorted(rows, key=lambda row: -row["distance"])
