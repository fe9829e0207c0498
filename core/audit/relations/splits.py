"""Whether the splits of a data set are independent: slides, copies, overlaps and stain."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.covariance import LedoitWolf

from core.audit.relations.relation import Relations
from core.errors import EvidenceError


@dataclass(frozen=True, eq=False)
class SplitAudit:
    """What the splits have in common.

    Attributes:
        common_slides: one row a slide with patches in more than one split: slide, splits, patches.
        patches_without_slide: patches of which the slide is not known, so that `common_slides`
            cannot tell.
        crossings: one row for each two splits and each kind of relation: split_a, split_b, kind,
            pairs.
        patches_touched: one row a split: split, patches, touched (patches with a relation into
            another split, directly or through their group).
        split_stain: one row for each two splits: split_a, split_b, distance; empty without stain
            measures.
        slide_stain: one row a slide: slide, patches, distance of its mean from the mean of all
            slides, farthest first; empty without stain measures or slides.
    """

    common_slides: pd.DataFrame
    patches_without_slide: int
    crossings: pd.DataFrame
    patches_touched: pd.DataFrame
    split_stain: pd.DataFrame
    slide_stain: pd.DataFrame


def split_audit(
    table: pd.DataFrame, relations: Relations, stain: pd.DataFrame | None = None
) -> SplitAudit:
    """Return what the splits have in common.

    Args:
        table: one row a patch with `split`, and `slide` where known.
        relations: found over the same table.
        stain: numeric stain measures, one row a patch in the same order; missing rows are left
            out. Distances are Mahalanobis distances between means with the (Ledoit-Wolf)
            covariance within slides (within splits where no slide is known): 1 is about one
            standard deviation of a patch about its own slide.

    Raises:
        EvidenceError: no splits, or tables of different lengths.
    """
    if "split" not in table.columns or not table["split"].notna().any():
        raise EvidenceError("The table names no split; expected a column split. Add it.")
    if len(table) != relations.patches or (stain is not None and len(stain) != len(table)):
        raise EvidenceError(
            f"Table of {len(table)}, relations of {relations.patches} and stain of "
            f"{len(table) if stain is None else len(stain)} patches; expected the same patches. "
            "Compute them from one table."
        )
    split = table["split"].reset_index(drop=True)
    slide = (
        table["slide"].reset_index(drop=True)
        if "slide" in table.columns
        else pd.Series(pd.NA, index=split.index, dtype="object")
    )
    split_stain, slide_stain = _stain(stain, split, slide)
    return SplitAudit(
        common_slides=_common_slides(split, slide),
        patches_without_slide=int(slide.isna().sum()),
        crossings=_crossings(split, relations),
        patches_touched=_touched(split, relations),
        split_stain=split_stain,
        slide_stain=slide_stain,
    )


def _common_slides(split: pd.Series, slide: pd.Series) -> pd.DataFrame:
    known = pd.DataFrame({"slide": slide, "split": split}).dropna()
    rows = [
        (name, ", ".join(sorted(map(str, set(part["split"])))), len(part))
        for name, part in known.groupby("slide")
        if len(set(part["split"])) > 1
    ]
    return pd.DataFrame(rows, columns=["slide", "splits", "patches"])


def _crossings(split: pd.Series, relations: Relations) -> pd.DataFrame:
    pairs = relations.pairs[relations.pairs["across_splits"].fillna(False).astype(bool)]
    first = split.iloc[pairs["row_a"]].astype(str).to_numpy(dtype=object)
    second = split.iloc[pairs["row_b"]].astype(str).to_numpy(dtype=object)
    frame = pd.DataFrame(
        {
            "split_a": np.where(first < second, first, second),
            "split_b": np.where(first < second, second, first),
            "kind": pairs["kind"].to_numpy(),
        }
    )
    return frame.groupby(["split_a", "split_b", "kind"]).size().reset_index(name="pairs")


def _touched(split: pd.Series, relations: Relations) -> pd.DataFrame:
    groups = relations.groups.assign(split=split.iloc[relations.groups["row"]].to_numpy())
    splits_in_group = groups.groupby("group")["split"].transform("nunique")
    touched = groups[(splits_in_group > 1) & groups["split"].notna()]
    return pd.DataFrame(
        [
            (name, int((split == name).sum()), int((touched["split"] == name).sum()))
            for name in sorted(split.dropna().unique())
        ],
        columns=["split", "patches", "touched"],
    )


def _stain(
    stain: pd.DataFrame | None, split: pd.Series, slide: pd.Series
) -> tuple[pd.DataFrame, pd.DataFrame]:
    split_columns, slide_columns = (
        ["split_a", "split_b", "distance"],
        ["slide", "patches", "distance"],
    )
    if stain is None:
        return pd.DataFrame(columns=split_columns), pd.DataFrame(columns=slide_columns)
    values = stain.to_numpy(dtype=np.float64)
    whole = np.isfinite(values).all(axis=1) & split.notna().to_numpy()
    within = (whole & slide.notna().to_numpy()) if slide.notna().any() else whole
    group = (slide if slide.notna().any() else split)[within]
    frame = pd.DataFrame(values[within])
    centred = frame - frame.groupby(group.to_numpy()).transform("mean")
    scale = np.maximum(centred.std().to_numpy(), 1e-9)
    inverse = LedoitWolf(assume_centered=True).fit(centred.to_numpy() / scale).precision_

    def distance(gap: NDArray[np.float64]) -> float:
        gap = gap / scale
        return float(np.sqrt(gap @ inverse @ gap))

    means = pd.DataFrame(values[whole]).groupby(split[whole].to_numpy()).mean()
    split_rows = [
        (a, b, distance(means.loc[a].to_numpy() - means.loc[b].to_numpy()))
        for a, b in combinations(means.index, 2)
    ]
    slide_rows: list[tuple[object, int, float]] = []
    if slide.notna().any():
        parts = frame.groupby(group.to_numpy())
        of_slides = parts.mean()
        middle, counts = of_slides.mean().to_numpy(), parts.size()
        slide_rows = [
            (name, int(count), distance(row - middle))
            for name, count, row in zip(of_slides.index, counts, of_slides.to_numpy(), strict=True)
        ]
    slide_frame = pd.DataFrame(slide_rows, columns=slide_columns)
    return (
        pd.DataFrame(split_rows, columns=split_columns),
        slide_frame.sort_values("distance", ascending=False, ignore_index=True),
    )
