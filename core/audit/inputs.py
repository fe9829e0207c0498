"""What is audited: the source with all that is known of each input, and its tables' own faults."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Final

import pandas as pd

from core.audit.folder import AuditSpec
from core.errors import SourceError
from core.patches import PatchEntry, PatchSource, ZipSource, open_source
from core.patches.naming import shown_path, told_by_folders
from core.patches.opening import require_inside
from core.patches.source import SelectedSource
from core.tables import (
    SLIDE_COLUMNS,
    KnownById,
    Table,
    id_key,
    is_table,
    known_by_id,
    parse_label,
    read_table,
    spelled,
)

FAULT_COLUMNS: Final = ("kind", "table", "id", "detail")
NamedFile = tuple[str, Path]
"""What its owner calls a file, and where its bytes are."""


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
    path: Path,
    *,
    confine_to: Path | None = None,
    ignore: Sequence[Path] = (),
    added: Sequence[NamedFile] = (),
) -> Inputs:
    """Open whatever `core.patches.open_source` opens, with the labels that lie beside it.

    A plain folder or ZIP may have CSVs at its top with the column `id` that give `label`, `slide`
    (or `wsi`) and `split`, see `with_tables`.

    Args:
        path: What to open.
        confine_to: If given, tables outside are refused, and patches outside row by row.
        ignore: Files in a folder that are no inputs, such as those of the audit itself.
        added: Tables that were added later.

    Raises:
        SourceError: There is nothing there, or a table is malformed or outside.
    """
    source = open_source(path, confine_to=confine_to, ignore=ignore)
    if source.kind in {"folder", "zip"}:
        beside = [file for file in sorted(path.glob("*")) if is_table(file.name)]
        if confine_to is not None:
            require_inside(beside, confine_to)
        return with_tables(source, [(file.name, file) for file in beside], added)
    if added:
        return with_tables(source, (), added)
    faults = list(_table_faults(source))
    if source.kind == "csv":
        faults += [("conflicting-rows", source.name, "", one) for one in source.contradictions]
    faults += [("mended", source.name, "", note) for note in source.notes]
    return Inputs(source, fault_table(faults))


def with_tables(
    source: PatchSource, files: Sequence[NamedFile], added: Sequence[NamedFile] = ()
) -> Inputs:
    """Return patches with label, slide and split as far as they are told.

    A CSV with the column `id` tells `label`, `slide` (or `wsi`) and `split` of the patches with
    that id or file name, and is no input. Without labels in one, folders named 0 and 1, or normal
    and tumour, give the label; folders named train, valid or test give the split anyhow.

    Args:
        source: The patches.
        files: The files among which are its tables; those in a ZIP are found.
        added: Tables that were added later and are believed rather.

    Raises:
        SourceError: A table holds a label that is none, or two tables give labels.
    """
    tables = dict(_tables(source, files))
    labels = [table for table in tables.values() if "label" in table.rows]
    if len(labels) > 1:
        raise SourceError(
            f"Found {len(labels)} tables with the columns 'id' and 'label' in {source.name} "
            f"({', '.join(table.name for table in labels)}); expected one. Move the others out."
        )
    rows = [at for at, entry in enumerate(source.entries) if entry.path not in tables]
    if not rows:
        raise SourceError(
            f"No patches found in {source.name}. Choose a folder, ZIP, PCam .h5 file or CSV with "
            "patches."
        )
    source = SelectedSource(source, rows) if len(rows) < len(source) else source
    complete = source.kind != "files"  # somebody may upload a part of what a table lists
    told: dict[str, dict[str, str]] = {}
    faults = list(_table_faults(source))
    notes = list(source.notes)
    for table in (*tables.values(), *dict(_tables(None, added)).values()):
        own = known_by_id(table, ("label", *SLIDE_COLUMNS, "split"))
        known = own.placed(entry.path for entry in source.entries)
        for key, row in known.rows.items():
            parse_label(row.get("label", ""), table.name)
            told.setdefault(key, {}).update({name: cell for name, cell in row.items() if cell})
        faults += repeated_ids(table, ("label",))
        if complete and "label" in table.rows:
            faults += _unknown_ids(known, source.entries, table.name, "label-without-patch")
        notes += known.notes + known.contradictions[len(own.contradictions) :]
    everything = KnownById(told)
    by_folder = not any("label" in row for row in told.values())
    by_path = told_by_folders([entry.path for entry in source.entries])
    source.entries = [
        _told(entry, everything, label if by_folder else None, split)
        for entry, (label, split) in zip(source.entries, by_path, strict=True)
    ]
    faults += [("mended", source.name, "", note) for note in notes]
    return Inputs(source, fault_table(faults))


def _tables(source: PatchSource | None, files: Sequence[NamedFile]) -> Iterator[tuple[str, Table]]:
    """Yield the tables that tell something of patches by ids, with their paths among the inputs."""
    readers: list[tuple[str, Callable[[], Table]]] = []
    if isinstance(source, ZipSource) and not source.has_labels:
        readers = [(name, partial(source.table, name)) for name in source.tables()]
    for name, path in files:
        if is_table(name):
            readers.append((name, partial(read_table, path, name=PurePosixPath(name).name)))
    for name, read in readers:
        try:
            table = replace(read(), name=PurePosixPath(name).name)
        except SourceError:
            continue  # a table of something else; it stays in the list of inputs
        columns = set(table.rows.columns)
        if "id" in columns and columns & {"label", *SLIDE_COLUMNS, "split"}:
            yield shown_path(name), table


def _told(entry: PatchEntry, known: KnownById, label: int | None, split: str | None) -> PatchEntry:
    """An entry with what tables know of it, else itself, else its folders."""
    row = known.of(entry.id, entry.path)
    if "label" in row:
        label = parse_label(row["label"], "the table")
    elif entry.label is not None:
        label = entry.label
    return replace(
        entry,
        label=label,
        slide=next((row[name] for name in SLIDE_COLUMNS if name in row), entry.slide),
        split=row.get("split") or entry.split or split,
    )


def fault_table(faults: Sequence[tuple[str, str, str, str]]) -> pd.DataFrame:
    """Return faults of tables as `FAULT_COLUMNS`."""
    return pd.DataFrame(list(faults), columns=list(FAULT_COLUMNS)).astype(str)


def _table_faults(source: PatchSource) -> Iterator[tuple[str, str, str, str]]:
    """What is wrong with the tables of the competition's layout."""
    for table in source.tables_read:
        columns = ("label", *SLIDE_COLUMNS, "split")
        yield from repeated_ids(table, columns)
        if "label" not in table.rows:
            known = known_by_id(table, ()).placed(entry.path for entry in source.entries)
            yield from _unknown_ids(known, source.entries, table.name, "unknown-id")


def _unknown_ids(
    known: KnownById, entries: Sequence[PatchEntry], name: str, kind: str
) -> Iterator[tuple[str, str, str, str]]:
    met = {known.key_of(entry.id, entry.path) for entry in entries}
    for key in known.rows:
        if key not in met:
            yield kind, name, known.ids[key], "no such patch"


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
