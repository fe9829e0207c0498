"""What uploaded tables and folder names say about uploaded patches."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from core.audit.inputs import Inputs, fault_table, repeated_ids, told_by_row
from core.errors import SourceError
from core.patches import PatchEntry, PatchSource
from core.patches.naming import told_by_folders
from core.tables import SLIDE_COLUMNS, KnownById, known_by_id, read_table


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
    merged: dict[str, dict[str, str]] = {}
    faults: list[tuple[str, str, str, str]] = []
    for name, path in files:
        if not name.lower().endswith(".csv"):
            continue
        try:
            table = replace(read_table(path, required=["id"]), name=PurePosixPath(name).name)
        except SourceError:
            continue  # a table of something else; it stays in the list of inputs
        known = known_by_id(table, ("label", *SLIDE_COLUMNS, "split"))
        for key, row in known.rows.items():
            given = {column: cell for column, cell in row.items() if cell}
            merged.setdefault(key, {}).update(given)
        faults += repeated_ids(table, ("label",))
        faults += [("mended", table.name, "", note) for note in known.notes]
    everything = KnownById(merged)
    labelled = any("label" in row for row in merged.values())
    source.entries = [_told(entry, everything, by_folder=not labelled) for entry in source.entries]
    return Inputs(source, fault_table(faults))


def _told(entry: PatchEntry, known: KnownById, *, by_folder: bool) -> PatchEntry:
    label, split = told_by_folders(entry.path)
    if by_folder and entry.label is None:
        entry = replace(entry, label=label)
    entry = replace(entry, split=split or entry.split)
    return told_by_row(entry, known.of(entry.id, entry.path), "the uploaded table")
