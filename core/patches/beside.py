"""Tables of labels that lie beside patches or come with them: read, and never taken for patches."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, Final

from core.errors import SourceError
from core.patches.kaggle import SAMPLE_CSV, table_of_layout
from core.patches.naming import told_by_folders
from core.patches.source import PatchSource, SelectedSource
from core.tables import (
    SLIDE_COLUMNS,
    KnownById,
    Table,
    counted,
    facts_in,
    is_table,
    labels_in,
    read_table,
    slide_key,
)

_MOST_TABLES: Final = 100
"""Read beside one set of patches; more say something of each patch, not labels of all."""
_SHOWN, _LONGEST = 6, 160
"""Columns that a note names, and its characters for them."""
_OF_SCORES: Final = frozenset({"prob_tumour", "model_id"})
_TELLING: Final = frozenset({"label", *SLIDE_COLUMNS, "split"})
NamedFile = tuple[str, Path]
"""What its owner calls a file, and where its bytes are."""


def with_tables(
    source: PatchSource, added: Sequence[NamedFile] = (), *, beside: bool = True
) -> PatchSource:
    """Return patches with label, slide and split as far as tables beside them tell.

    A table with the column `id` tells `label`, `slide` (or `wsi`) and `split` of the patches with
    that id, file name or path, in its own folder or the next one above that has patches. No table
    is an input; why one is not used is said in the notes.

    Args:
        source: The patches, with the tables among them.
        added: Tables that were named for themselves, and are believed rather.
        beside: Whether the tables among the patches are read; if not, those that were added must
            be of use.

    Raises:
        SourceError: They are not.
    """
    readers = source.tables()
    if not (readers or added):
        return source
    patches = SelectedSource(source, [at for at in range(len(source)) if at not in readers])
    annotations = _Annotations(patches)
    if readers and not (beside and len(readers) <= _MOST_TABLES):
        why = f"expected at most {_MOST_TABLES}" if beside else "other labels are given"
        first = source.entries[min(readers)].path
        patches.notes += (f"{counted(len(readers), 'table')} not read ({first}): {why}.",)
        readers = {}
    names = Counter(PurePosixPath(source.entries[at].path).name for at in readers)
    for at, read in readers.items():
        path = source.entries[at].path
        name = PurePosixPath(path).name
        try:
            table = replace(read(), name=name if names[name] == 1 else path)
        except SourceError as error:
            annotations.refuse(str(error), meant=is_table(path))
            continue
        if why := _no_labels(table):
            patches.unused_tables += (why,)
            continue
        if "id" in table.rows:
            patches.tables_read += (table,)
        try:
            annotations.take(labels_in(table), annotations.folder_of(path))
        except SourceError as error:
            annotations.refuse(str(error))
    for name, file in added:
        try:
            annotations.take(labels_in(read_table(file, name=name)), believed=True)
        except SourceError as error:
            if not beside:
                raise
            annotations.refuse(str(error))
    patches.entries = annotations.entries
    patches.notes += patches.unused_tables
    patches.contradictions += tuple(annotations.contradictions())
    return patches


def read_class_folders(source: PatchSource) -> None:
    """Give the patches the label that their folders name, if nothing else labels any.

    Folders named train, valid or test give the split where no table does; see `told_by_folders`.
    """
    unlabelled = all(entry.label is None for entry in source.entries)
    annotations = told_by_folders([entry.path for entry in source.entries])
    source.entries = [
        replace(entry, label=label if unlabelled else entry.label, split=entry.split or split)
        if label is not None or split
        else entry
        for entry, (label, split) in zip(source.entries, annotations, strict=True)
    ]
    labelled = [place for place, (label, _) in enumerate(annotations) if label is not None]
    if unlabelled and labelled:
        folder = source.entries[labelled[0]].path.rpartition("/")[0]
        source.coverage += (
            f"Labels from the names of folders, such as {folder}: {len(labelled):,} of "
            f"{counted(len(source), 'input')}. If they are of slides and not of each centre, give "
            "a table of labels.",
        )


def _no_labels(table: Table) -> str:
    """Why a table is none of labels; "" where it is meant as one."""
    columns, why = set(table.rows.columns), ""
    if columns >= _OF_SCORES:
        why = "it has the scores of a model"
    elif table_of_layout(table.name.rpartition("/")[2]) == SAMPLE_CSV:
        why = "its labels are placeholders"
    elif not columns & _TELLING:
        headings = ", ".join(map(repr, table.spellings()[:_SHOWN]))
        why = (
            f"it has the columns {headings[:_LONGEST]}; expected 'label', 'slide' or 'split' among "
            "them, and 'id'. Rename the columns if it labels these patches"
        )
    return why and f"{table.name} is not used as labels: {why}."


class _Annotations:
    """What tables tell of some patches; how well they do goes into the source."""

    def __init__(self, patches: PatchSource) -> None:
        self._patches, self.entries = patches, list(patches.entries)
        self._unlike: dict[str, dict[str, str]] = {}

    def refuse(self, why: str, *, meant: bool = True) -> None:
        """Note why a table, or what may be one, is not used."""
        reason = f"Not used as labels: {why}"
        self._patches.unused_tables += (reason,)
        self._patches.refused_tables += (reason,) * meant

    def folder_of(self, path: str) -> str:
        """Return the nearest folder above a table that has patches below it; "" for all."""
        while path := path.rpartition("/")[0]:
            if any(entry.path.startswith(f"{path}/") for entry in self.entries):
                return f"{path}/"
        return ""

    def take(self, known: KnownById, folder: str = "", *, believed: bool = False) -> None:
        """Take what a table tells of the patches in a folder.

        Raises:
            SourceError: It tells nothing of any of them.
        """
        here = [at for at, entry in enumerate(self.entries) if entry.path.startswith(folder)]
        known = known.placed(self.entries[at].path for at in here)
        if known.contradictions:
            raise SourceError(f"{known.contradictions[0]} Write the names of the files here.")
        met: dict[str, list[int]] = {}
        for at in here:
            key = known.key_of(self.entries[at].id, self.entries[at].path)
            if key is not None:
                met.setdefault(key, []).append(at)
        if not met:
            raise SourceError(f"{known.of_no_patch()} The column id must hold the file names.")
        labelled, unclear = 0, []
        for key, places in met.items():
            paths = list(dict.fromkeys(self.entries[at].path for at in places))
            if len(paths) > 1:
                unclear.append(f"{paths[0]} and {paths[1]}")
                continue
            facts = facts_in(known.rows[key])
            labelled += len(places) * ("label" in facts)
            for at in places:
                self._keep(at, facts, known.name, believed=believed)
        ids = [self.entries[at].id for at in here]
        self._patches.notes += (*known.notes, *known.without_zeros(ids))
        if unclear:
            self._patches.notes += (
                f"{known.name}: {counted(len(unclear), 'id')} of more than one patch, which get "
                f"nothing from it ({unclear[0]}). Write their paths in the column id.",
            )
        lost = [known.ids[key] for key in known.rows if key not in met]
        if labelled == len(here) and not lost:
            return  # which the count of labels says
        self._patches.coverage += (
            f"{known.name}: {labelled:,} of {counted(len(here), 'input')} with a label"
            + (f"; {counted(len(lost), 'id')} of no input here ({lost[0]})." if lost else "."),
        )

    def _keep(self, at: int, facts: Mapping[str, Any], name: str, *, believed: bool) -> None:
        entry, new = self.entries[at], dict(facts)
        for column, cell in facts.items():
            before = getattr(entry, column)
            if before in {None, ""}:
                continue
            if (slide_key(before) == slide_key(cell)) if column == "slide" else before == cell:
                new[column] = before
            elif not believed:
                self._unlike.setdefault(column, {})[entry.path] = name
        self.entries[at] = replace(entry, **new)

    def contradictions(self) -> Iterator[str]:
        """Yield what two tables say differently of the same patches."""
        for column, paths in self._unlike.items():
            path, name = next(iter(paths.items()))
            yield (
                f"{name} gives {counted(len(paths), 'input')} another {column} than the table "
                f"before it ({path})."
            )
