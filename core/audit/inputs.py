"""What is audited: the source with all that is known of each input, and its tables' own faults."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from core.audit.folder import AuditSpec
from core.patches import PatchEntry, PatchSource
from core.tables import SLIDE_COLUMNS, KnownById, Table, id_key, known_by_id, spelled

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


def inputs_of(source: PatchSource) -> Inputs:
    """Return a source to audit, with how well its tables do.

    Raises:
        SourceError: A table of labels beside the patches cannot be used.
    """
    faults = list(_table_faults(source))
    if source.kind == "csv":
        faults += [("conflicting-rows", source.name, "", one) for one in source.contradictions]
    elif not any(kind == "conflicting-rows" for kind, *_ in faults):  # of its tables, one by one
        source.require_tables()
        faults += [("contradicts", source.name, "", one) for one in source.contradictions]
    faults += [("mended", source.name, "", note) for note in source.notes]
    return Inputs(source, fault_table(faults))


def fault_table(faults: Sequence[tuple[str, str, str, str]]) -> pd.DataFrame:
    """Return faults of tables as `FAULT_COLUMNS`."""
    return pd.DataFrame(list(faults), columns=list(FAULT_COLUMNS)).astype(str)


def _table_faults(source: PatchSource) -> Iterator[tuple[str, str, str, str]]:
    """What is wrong with the tables of the competition's layout, or beside the patches."""
    for table in source.tables_read:
        yield from repeated_ids(table, ("label", *SLIDE_COLUMNS, "split"))
        if source.kind != "files":  # a part of what is listed may be uploaded
            known = known_by_id(table, ()).placed(entry.path for entry in source.entries)
            kind = "label-without-patch" if "label" in table.rows else "unknown-id"
            yield from _unknown_ids(known, source.entries, table.name, kind)


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
            variants = sorted(set(cell[rows]))
            kind = "repeated-id" if len(variants) == 1 else "conflicting-rows"
            yield kind, table.name, str(key), f"{len(rows)} rows: {column} {', '.join(variants)}"
