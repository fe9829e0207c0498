"""What is audited: the source with all that is known of each input, and its tables' own faults."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Final

import pandas as pd

from core.audit.folder import AuditSpec
from core.errors import SourceError
from core.patches import PatchEntry, PatchSource, open_source
from core.patches.datasets import LABELS_CSV, SLIDES_CSV, SPLIT_CSV, require_inside
from core.patches.files import parse_label, read_table

FAULT_COLUMNS: Final = ("kind", "table", "id", "detail")
SLIDE_COLUMNS: Final = ("slide", "wsi")
_SPLITS: Final = frozenset({"train", "valid", "val", "validation", "test"})
_LABELS: Final = {"0": 0, "1": 1}


@dataclass(frozen=True, eq=False)
class Inputs:
    """A source to audit. Close the source afterwards.

    Attributes:
        source: The patches; its entries carry label, slide and split as far as they are known.
        table_faults: One row per fault of the tables: `FAULT_COLUMNS`.
    """

    source: PatchSource
    table_faults: pd.DataFrame

    def spec(self) -> AuditSpec:
        """Return what decides the rows of an audit of these inputs."""
        digest = hashlib.sha256(self.source.fingerprint().encode())
        for entry in self.source.entries:
            digest.update(repr((entry.id, entry.label, entry.slide, entry.split)).encode())
        return AuditSpec(
            source=self.source.name,
            source_kind=self.source.kind,
            source_fingerprint=digest.hexdigest(),
            inputs=len(self.source),
        )


def open_inputs(
    path: Path, *, confine_to: Path | None = None, ignore: Sequence[Path] = ()
) -> Inputs:
    """Open whatever `core.patches.open_source` opens, with the labels that lie beside it.

    A plain folder may have one CSV in it with the columns `id` and `label` (and `slide` or `wsi`,
    and `split`); without one, folders named 0 and 1 give the label and folders named train, valid
    or test the split.

    Args:
        path: What to open.
        confine_to: If given, tables outside are refused, and patches outside row by row.
        ignore: Files in a folder that are no inputs, such as those of the audit itself.

    Raises:
        SourceError: There is nothing there, or a table is malformed or outside.
    """
    source = open_source(path, confine_to=confine_to, ignore=ignore)
    faults: list[tuple[str, str, str, str]] = []
    if source.kind == "kaggle":
        faults += _kaggle_faults(path, source.entries)
    elif source.kind == "folder":
        tables = _label_tables(path, confine_to)
        if len(tables) > 1:
            raise SourceError(
                f"Found {len(tables)} tables with the columns 'id' and 'label' in {path.name} "
                f"({', '.join(table.name for table in tables)}); expected one. Move the others out."
            )
        if tables:
            faults += _with_table(source, tables[0])
        else:
            source.entries = [_from_folders(entry) for entry in source.entries]
    return Inputs(source, pd.DataFrame(faults, columns=list(FAULT_COLUMNS)).astype(str))


def _kaggle_faults(
    root: Path, entries: Sequence[PatchEntry]
) -> Iterator[tuple[str, str, str, str]]:
    known = {entry.id for entry in entries}
    yield from _column_faults(root / LABELS_CSV, "label", None)
    yield from _column_faults(root / SLIDES_CSV, "wsi", known)
    yield from _column_faults(root / SPLIT_CSV, "split", known)


def _column_faults(
    table: Path, column: str, known: set[str] | None
) -> Iterator[tuple[str, str, str, str]]:
    """Yield ids that come twice, twice with different values, or are nobody's."""
    if not table.is_file():
        return
    rows = read_table(table, required=["id", column])
    if empty := int((rows["id"].str.strip() == "").sum()):
        yield "empty-id", table.name, "", f"{empty} rows without an id"
    twice = rows[rows["id"].duplicated(keep=False)]
    for patch_id, group in twice.groupby("id"):
        values = sorted(set(group[column]))
        kind = "repeated-id" if len(values) == 1 else "conflicting-rows"
        yield kind, table.name, str(patch_id), f"{len(group)} rows: {column} {', '.join(values)}"
    if known is not None:
        for patch_id in rows.loc[~rows["id"].isin(known), "id"]:
            yield "unknown-id", table.name, str(patch_id), "no such patch"


def _label_tables(root: Path, confine_to: Path | None) -> list[Path]:
    tables = []
    for table in sorted(root.glob("*.csv")):
        if confine_to is not None:
            require_inside([table], confine_to)
        with table.open(encoding="utf-8-sig", errors="replace") as file:
            columns = {name.strip().strip('"') for name in file.readline().split(",")}
        if {"id", "label"} <= columns:
            tables.append(table)
    return tables


def _with_table(source: PatchSource, table: Path) -> list[tuple[str, str, str, str]]:
    """Give a folder's entries what its table says; return the table's faults."""
    rows = read_table(table, required=["id", "label"])
    slide = next((name for name in SLIDE_COLUMNS if name in rows.columns), None)
    known = {row["id"]: row for row in rows.to_dict("records")}
    entries, used = [], set()
    for entry in source.entries:
        row = known.get(entry.id) or known.get(PurePosixPath(entry.path).name)
        if row is None:
            entries.append(_from_folders(replace(entry, label=None), label=False))
            continue
        used.add(row["id"])
        entries.append(
            replace(
                _from_folders(entry, label=False),
                label=parse_label(row["label"], table),
                slide=(row[slide] or None) if slide else None,
                **({"split": row["split"]} if row.get("split") else {}),
            )
        )
    source.entries = entries
    faults = list(_column_faults(table, "label", None))
    faults += [
        ("label-without-patch", table.name, patch_id, "no such patch")
        for patch_id in known
        if patch_id not in used
    ]
    return faults


def told_by_folders(path: str) -> tuple[int | None, str | None]:
    """Return the label and the split that the folders of a path name, None where they do not."""
    folders = PurePosixPath(path).parts[:-1]
    labels = [_LABELS[name] for name in folders if name in _LABELS]
    splits = [name.lower() for name in folders if name.lower() in _SPLITS]
    return labels[-1] if labels else None, splits[0] if splits else None


def _from_folders(entry: PatchEntry, *, label: bool = True) -> PatchEntry:
    """Return an entry with the label and split that its folders name."""
    told, split = told_by_folders(entry.path)
    return replace(entry, label=told if label else None, split=split or entry.split)
