"""What uploaded tables and folder names say about uploaded patches."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pandas as pd

from core.audit.inputs import FAULT_COLUMNS, SLIDE_COLUMNS, Inputs, told_by_folders
from core.errors import SourceError
from core.patches import PatchEntry, PatchSource
from core.patches.files import parse_label, read_table


def label_uploads(source: PatchSource, files: Sequence[tuple[str, Path]]) -> Inputs:
    """Return uploaded patches with label, slide and split as far as they are told.

    A CSV among the files with a column `id` gives `label`, `slide` (or `wsi`) and `split` of the
    patches with that id or file name. Else folders named 0 and 1 give the label; folders named
    train, valid or test give the split.

    Args:
        source: The upload.
        files: Name as uploaded, and where the bytes are.

    Raises:
        SourceError: A table holds a label other than 0 and 1.
    """
    known: dict[str, dict[str, str]] = {}
    faults: list[tuple[str, str, str, str]] = []
    for name, path in files:
        if not name.lower().endswith(".csv"):
            continue
        try:
            rows = read_table(path, required=["id"])
        except SourceError:
            continue  # a table of something else; it stays in the list of inputs
        table = PurePosixPath(name).name
        if "label" in rows.columns:
            faults += [
                ("repeated-id", table, str(patch_id), "listed more than once")
                for patch_id in rows.loc[rows["id"].duplicated(), "id"].unique()
            ]
        for row in rows.to_dict("records"):
            known.setdefault(str(row["id"]), {}).update(
                {str(key): str(value) for key, value in row.items() if value}
            )
    labelled = any("label" in row for row in known.values())
    source.entries = [_told(entry, known, by_folder=not labelled) for entry in source.entries]
    return Inputs(source, pd.DataFrame(faults, columns=list(FAULT_COLUMNS)).astype(str))


def _told(entry: PatchEntry, known: dict[str, dict[str, str]], *, by_folder: bool) -> PatchEntry:
    path = PurePosixPath(entry.path)
    row = known.get(entry.id) or known.get(path.name) or {}
    by_name, split = told_by_folders(entry.path)
    label = parse_label(row["label"], Path("the uploaded table")) if "label" in row else None
    return replace(
        entry,
        label=by_name if by_folder and by_name is not None else label,
        slide=next((row[name] for name in SLIDE_COLUMNS if name in row), entry.slide),
        split=row.get("split") or split or entry.split,
    )
