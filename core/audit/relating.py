"""The steps that set patches against each other, from and to tables by row of the source."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.audit.columns import STATISTICS
from core.audit.relations import (
    Relations,
    embedding,
    find_relations,
    label_candidates,
    probes,
    split_audit,
)
from core.errors import Fault, RunError
from core.patches import ImageU8, Patch, PatchSource
from core.scoring.outputs import scores_by_id
from core.tables import id_key

STAIN: Final = tuple(
    f"whole_{stain}_{moment}" for stain in ("haematoxylin", "eosin") for moment in ("mean", "sd")
)


def related(
    patches: pd.DataFrame,
    signatures: pd.DataFrame,
    source: PatchSource,
    on_progress: Callable[[int, int], None],
    should_stop: Callable[[], bool],
) -> tuple[pd.DataFrame, pd.DataFrame] | None:
    """Return the pairs and the groups of related patches by row of the source; None if stopped."""
    table = patches[["label", "slide", "split"]].assign(file_sha256=patches["sha256"])
    table = pd.concat([table, signatures], axis=1)
    table = table[(patches["fault"] == Fault.NONE).to_numpy()].reset_index(drop=True)
    rows = table["row"].to_numpy(np.int64)

    def load(places: "list[int] | NDArray[np.int64]") -> ImageU8:
        return _pixels(source, rows[list(places)])

    found = find_relations(table, lambda places: load(list(places)), on_progress, should_stop)
    if found.stopped:
        return None
    pairs, groups = found.pairs, found.groups
    return (
        pairs.assign(row_a=rows[pairs["row_a"]], row_b=rows[pairs["row_b"]]),
        groups.assign(row=rows[groups["row"]]),
    )


def _pixels(source: PatchSource, rows: NDArray[np.int64]) -> ImageU8:
    """Return the pixels (N, 96, 96, 3) of rows that could be read before."""
    images = []
    for row in rows.tolist():
        item = source.read(row)
        if not isinstance(item, Patch):
            raise RunError(
                f"{item.entry.path} could be read before and cannot be now: {item.reason} "
                "Leave the data alone while it is audited, and start anew."
            )
        images.append(item.image_rgb_u8)
    return np.stack(images)


def split_table(
    patches: pd.DataFrame, pairs: pd.DataFrame, groups: pd.DataFrame
) -> pd.DataFrame | None:
    """Return what the splits have in common; see `columns.TABLES`. None without splits."""
    if not patches["split"].notna().any():
        return None
    relations = Relations(len(patches), pairs, groups, stopped=False, refused=0)
    stain = patches[list(STAIN)] if patches[STAIN[0]].notna().any() else None
    found = split_audit(patches, relations, stain)
    parts = [
        found.common_slides.rename(columns={"slide": "a", "splits": "detail", "patches": "count"}),
        found.crossings.rename(columns={"split_a": "a", "split_b": "b", "kind": "detail",
                                        "pairs": "count"}),
        found.patches_touched.rename(columns={"split": "a", "touched": "count",
                                              "patches": "of"}),
        found.split_stain.rename(columns={"split_a": "a", "split_b": "b"}),
        found.slide_stain.rename(columns={"slide": "a", "patches": "count"}),
    ]  # fmt: skip
    kinds = ("common-slide", "crossing", "touched", "split-stain", "slide-stain")
    columns = {"kind": str, "a": object, "b": object, "detail": object,
               "count": float, "of": float, "distance": float}  # fmt: skip
    rows = [
        {"kind": kind, **row}
        for kind, part in zip(kinds, parts, strict=True)
        for row in part.to_dict("records")
    ]
    return pd.DataFrame(rows, columns=list(columns)).astype(columns)


def probe_table(patches: pd.DataFrame) -> pd.DataFrame:
    """Return what a logistic regression tells from plain colours; one row a `Probe`."""
    known = patches[patches["fault"] == Fault.NONE]
    ring, centre = (
        known[[name for name in STATISTICS if name.startswith(region) and "hue" not in name]]
        for region in ("ring", "centre")
    )
    found = probes(
        ring.to_numpy(np.float32),
        centre.to_numpy(np.float32),
        known["slide"].reset_index(drop=True),
        known["split"].reset_index(drop=True),
        known["label"].reset_index(drop=True),
    )
    return pd.DataFrame([asdict(probe) for probe in found])


def embedding_table(patches: pd.DataFrame) -> pd.DataFrame | None:
    """Return the readable patches on the two main axes of their plain statistics.

    Columns row, x, y, share_x, share_y (of the variance that the axis shows), method. None with
    fewer than three patches.
    """
    known = patches[patches["fault"] == Fault.NONE]
    if len(known) < 3:
        return None
    names = [name for name in STATISTICS if "hue" not in name]
    values = known[names].to_numpy(np.float32)
    values = (values - values.mean(axis=0)) / np.maximum(values.std(axis=0), 1e-6)
    found = embedding(values)
    return pd.DataFrame(
        {
            "row": known["row"].to_numpy(),
            "x": found.xy[:, 0],
            "y": found.xy[:, 1],
            "share_x": found.explained_share[0],
            "share_y": found.explained_share[1],
            "method": f"{found.method} of plain statistics",
        }
    )


def candidate_table(patches: pd.DataFrame, scores: Path, *, out_of_fold: bool) -> pd.DataFrame:
    """Return labels that scores contradict, the most doubtful first, with their rows.

    Args:
        patches: Rows of `patches`.
        scores: Output of `python -m core score`, or any CSV with `id` and `prob_tumour`.
        out_of_fold: Whether no score is of a model that was trained on the patch.

    Raises:
        RunError: No labelled patch has a score.
    """
    known = patches[patches["label"].notna() & (patches["fault"] == Fault.NONE)]
    probability = scores_by_id(scores)
    known = known.assign(prob=known["id"].map(id_key).map(probability)).dropna(subset=["prob"])
    if known.empty:
        raise RunError(
            f"{scores.name} has a score for none of the labelled patches; expected their ids in "
            "its column 'id'. Score this data set first: python -m core score."
        )
    found = label_candidates(
        known["id"].to_numpy(str),
        known["label"].to_numpy(np.int64),
        known["prob"].to_numpy(np.float64),
        out_of_fold=out_of_fold,
        slide=known["slide"].reset_index(drop=True),
    )
    first = known.drop_duplicates("id").set_index("id")["row"]
    table = found.assign(row=found["id"].map(first), out_of_fold=out_of_fold)
    table.attrs = {}  # they would be written as metadata that says the same
    return table
