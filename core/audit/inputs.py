"""What is audited: the source with all that is known of each input, and its tables' own faults."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import pandas as pd

from core.audit.folder import AuditSpec
from core.errors import SourceError
from core.patches import PatchEntry, PatchSource, ZipSource, open_source
from core.patches.datasets import require_inside
from core.patches.kaggle import LABELS_CSV, SLIDES_CSV, SPLIT_CSV
from core.patches.naming import told_by_folders
from core.tables import (
    SLIDE_COLUMNS,
    KnownById,
    Table,
    id_key,
    known_by_id,
    parse_label,
    read_table,
    spelled,
)

FAULT_COLUMNS: Final = ("kind", "table", "id", "detail")


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

    def changed_since(self, measured: pd.DataFrame) -> int | None:
        """Return the first measured row whose input has other contents now, None if there is none.

        Args:
            measured: Rows of `patches` with `row` and `sha256`.
        """
        rows = measured["row"].tolist()
        now = self.source.digests(rows)
        try:
            for row, before, digest in zip(rows, measured["sha256"], now, strict=True):
                if digest != before:
                    return int(row)
        finally:
            now.close()
        return None


def open_inputs(
    path: Path, *, confine_to: Path | None = None, ignore: Sequence[Path] = ()
) -> Inputs:
    """Open whatever `core.patches.open_source` opens, with the labels that lie beside it.

    A plain folder may have one CSV in it with the columns `id` and `label` (and `slide` or `wsi`,
    and `split`); without one, folders named 0 and 1, or normal and tumour, give the label and
    folders named train, valid or test the split.

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
    elif source.kind == "folder" or (isinstance(source, ZipSource) and not source.has_labels):
        tables = _label_tables(path, source, confine_to)
        if len(tables) > 1:
            raise SourceError(
                f"Found {len(tables)} tables with the columns 'id' and 'label' in {path.name} "
                f"({', '.join(table.name for table in tables)}); expected one. Move the others out."
            )
        if tables:
            faults += _with_table(source, tables[0])
        else:
            source.entries = [_from_folders(entry) for entry in source.entries]
    faults += [("mended", source.name, "", note) for note in source.notes]
    return Inputs(source, fault_table(faults))


def fault_table(faults: Sequence[tuple[str, str, str, str]]) -> pd.DataFrame:
    """Return faults of tables as `FAULT_COLUMNS`."""
    return pd.DataFrame(list(faults), columns=list(FAULT_COLUMNS)).astype(str)


def _kaggle_faults(
    root: Path, entries: Sequence[PatchEntry]
) -> Iterator[tuple[str, str, str, str]]:
    for name, columns in (
        (LABELS_CSV, ("label",)),
        (SLIDES_CSV, SLIDE_COLUMNS),
        (SPLIT_CSV, ("split",)),
    ):
        if (root / name).is_file():
            table = read_table(root / name, required=["id"])
            yield from repeated_ids(table, columns)
            if name != LABELS_CSV:
                yield from _unknown_ids(known_by_id(table, ()), entries, name)


def _unknown_ids(
    known: KnownById, entries: Sequence[PatchEntry], name: str
) -> Iterator[tuple[str, str, str, str]]:
    met = {known.key_of(entry.id, entry.path) for entry in entries}
    for key in known.rows:
        if key not in met:
            yield "unknown-id", name, known.ids[key], "no such patch"


def repeated_ids(table: Table, columns: Sequence[str]) -> Iterator[tuple[str, str, str, str]]:
    """Yield ids that are empty, come twice, or come twice with different values."""
    ids = table.rows["id"]
    if empty := int((ids == "").sum()):
        yield "empty-id", table.name, "", f"{empty} rows without an id"
    values, _ = spelled(table, columns)
    for column, cells in values.items():
        keys = pd.Series([id_key(patch_id) for patch_id in ids])
        twice = keys.duplicated(keep=False) & (keys != "")
        cell = pd.Series(cells)
        for key, rows in keys[twice].groupby(keys[twice]).groups.items():
            found = sorted(set(cell[rows]))
            kind = "repeated-id" if len(found) == 1 else "conflicting-rows"
            yield kind, table.name, str(key), f"{len(rows)} rows: {column} {', '.join(found)}"


def _label_tables(root: Path, source: PatchSource, confine_to: Path | None) -> list[Table]:
    """The tables in a folder, or in a ZIP, that give labels by id."""
    read: list[Callable[[], Table]] = []
    if isinstance(source, ZipSource):
        read = [partial(source.table, name) for name in source.tables()]
    else:
        files = sorted(root.glob("*.csv"))
        if confine_to is not None:
            require_inside(files, confine_to)
        read = [partial(read_table, file) for file in files]
    tables = []
    for one in read:
        try:
            table = one()
        except SourceError:
            continue  # a table of something else; it stays in the list of inputs
        if {"id", "label"} <= set(table.rows.columns):
            tables.append(table)
    return tables


def _with_table(source: PatchSource, table: Table) -> list[tuple[str, str, str, str]]:
    """Give a source's entries what a table says; return the table's faults."""
    known = known_by_id(table, ("label", *SLIDE_COLUMNS, "split"))
    entries, used = [], set()
    for entry in source.entries:
        key = known.key_of(entry.id, entry.path)
        by_folder = _from_folders(replace(entry, label=None), label=False)
        if key is None:
            entries.append(by_folder)
            continue
        used.add(key)
        entries.append(told_by_row(by_folder, known.rows[key], table.name))
    source.entries = entries
    source.notes, source.contradictions = known.notes, known.contradictions
    return [
        *repeated_ids(table, ("label",)),
        *(
            ("label-without-patch", table.name, known.ids[key], "no such patch")
            for key in known.rows
            if key not in used
        ),
    ]


def told_by_row(entry: PatchEntry, row: Mapping[str, str], name: str) -> PatchEntry:
    """Return an entry with the label, slide and split that a row of a table gives.

    Raises:
        SourceError: The label is neither 0 nor 1.
    """
    slides = (row[column] for column in SLIDE_COLUMNS if column in row)
    return replace(
        entry,
        label=parse_label(row["label"], name) if "label" in row else entry.label,
        slide=next(filter(None, slides), entry.slide),
        split=row.get("split") or entry.split,
    )


def _from_folders(entry: PatchEntry, *, label: bool = True) -> PatchEntry:
    """Return an entry with the label and split that its folders name."""
    told, split = told_by_folders(entry.path)
    return replace(entry, label=told if label else None, split=split or entry.split)
