"""The layout of the Kaggle competition, in a folder or in a ZIP: patches with labels by id."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from core.errors import SourceError
from core.patches.files import FilesSource, list_files
from core.patches.naming import shown_path, stem
from core.patches.patch import PatchEntry
from core.patches.source import PatchSource
from core.tables import (
    SLIDE_COLUMNS,
    TABLE_SUFFIXES,
    KnownById,
    Table,
    counted,
    known_by_id,
    lies_beside,
    parse_label,
    read_table,
)

LABELS_CSV, SLIDES_CSV, SPLIT_CSV = "train_labels.csv", "patch_id_wsi.csv", "split.csv"
SAMPLE_CSV: Final = "sample_submission.csv"
_COLUMNS: Final = {LABELS_CSV: ("label",), SLIDES_CSV: SLIDE_COLUMNS, SPLIT_CSV: ("split",)}
_TABLES: Final = (*_COLUMNS, SAMPLE_CSV)
TRAIN: Final = "train"


def part_of(path: str) -> str:
    """Return the folder at the top that a path is in, in small letters; "" without one."""
    folder, slash, _ = path.partition("/")
    return folder.lower() if slash else ""


def table_of_layout(name: str) -> str:
    """Return which table of the layout a file at the top is, in any capitals and form; "" if none.

    A table that is passed over says nothing: patches declared as test would train.
    """
    folded = name.lower()
    stem = next((folded.removesuffix(s) for s in TABLE_SUFFIXES if folded.endswith(s)), "")
    return f"{stem}.csv" if f"{stem}.csv" in _TABLES else ""


def take_layout(
    source: PatchSource, paths: Sequence[str], read: Callable[[str], Table]
) -> list[str | None]:
    """Give a source all that a layout holds: entries, and what its tables say of them.

    Args:
        source: Gets an entry for every file of the layout and every labelled id without one.
        paths: Of all files below the root, tables included.
        read: Reads the table at a path.

    Returns:
        The path of each entry below the root; None where a labelled id has no file.

    Raises:
        SourceError: A table is malformed, or there are two of a kind.
    """
    tables = _tables(paths, read)
    files = [path for path in paths if not lies_beside(path)]
    here = [shown_path(path) for path in files]
    labels, slides, splits = (_known(tables, name) for name in _COLUMNS)
    labels = labels.placed(path for path in here if part_of(path) == TRAIN)
    slides, splits = slides.placed(here), splits.placed(here)
    present: dict[str, list[str]] = {}
    unlabelled: list[str] = []

    def entry(patch_id: str, path: str, label: str, part: str) -> PatchEntry:
        return PatchEntry(
            id=patch_id,
            path=path,
            label=parse_label(label, LABELS_CSV),
            slide=next(filter(None, slides.of(patch_id, path).values()), None),
            split=splits.of(patch_id, path).get("split") or part,
        )

    entries: list[PatchEntry] = []
    for path, shown in zip(files, here, strict=True):
        patch_id, label = stem(shown), ""
        if part_of(path) == TRAIN:
            key = labels.key_of(patch_id, shown)
            if key is not None:
                present.setdefault(key, []).append(shown)
                label = labels.rows[key]["label"]
            if not label:
                unlabelled.append(shown)
        entries.append(entry(patch_id, shown, label, part_of(path) or path))
    missing = [key for key in labels.rows if key not in present]
    for key in missing:
        path = shown_path(f"train/{key}.tif")  # an id may read like a path; it opens nothing
        entries.append(entry(shown_path(key), path, labels.rows[key]["label"], "train"))
    unmet = tuple(_unmet(labels, missing, unlabelled))
    nothing = not present and bool(missing and unlabelled)
    ids = [stem(path) for path in here]
    source.entries, source.tables_read = entries, tuple(tables.values())
    source.notes = _once(
        *(note for known in (labels, slides, splits) for note in known.without_zeros(ids)),
        *_unread(paths),
        *labels.notes,
        *slides.notes,
        *splits.notes,
        *(() if nothing else unmet),
        *(_partly_listed(splits, files, here) if SPLIT_CSV in tables else ()),
    )
    source.contradictions = _once(
        *labels.contradictions,
        *_ambiguous(present),
        *(unmet if nothing else ()),
        *slides.contradictions,
        *splits.contradictions,
        *_of_no_patch(slides, entries),
        *_of_no_patch(splits, entries),
    )
    return [*files, *[None] * len(missing)]


def _once(*sentences: str) -> tuple[str, ...]:
    """Sentences without repeats: slides and splits may stand in the table of labels."""
    return tuple(dict.fromkeys(sentences))


def _tables(paths: Sequence[str], read: Callable[[str], Table]) -> dict[str, Table]:
    """The tables of the layout by their usual names."""
    tables: dict[str, Table] = {}
    for path in paths:
        name = "" if "/" in path else table_of_layout(path)
        if name not in _COLUMNS:
            continue
        if name in tables:
            raise SourceError(
                f"There are two tables {name} ({tables[name].name} and {path}); expected one. Move "
                "the other one out."
            )
        tables[name] = replace(read(path), name=path)
    return tables


def _known(tables: Mapping[str, Table], name: str) -> KnownById:
    """What a table says; slides and splits may stand beside the labels."""
    columns = _COLUMNS[name]
    table = tables.get(name)
    if table is None and name != LABELS_CSV and LABELS_CSV in tables:
        beside = tables[LABELS_CSV]
        if set(columns) & set(beside.rows.columns):
            return replace(known_by_id(beside, columns), notes=())
    if table is None:
        return KnownById()
    if not set(columns) & set(table.rows.columns):
        table.require(columns[-1])
    return known_by_id(table, columns)


def _unread(paths: Sequence[str]) -> Iterator[str]:
    others = [path for path in paths if lies_beside(path) and not table_of_layout(path)]
    if others:
        yield (
            f"{counted(len(others), 'table')} besides the known ones not read ({others[0]}); "
            f"expected {', '.join(_COLUMNS)}."
        )


def _unmet(labels: KnownById, missing: Sequence[str], unlabelled: Sequence[str]) -> Iterator[str]:
    """Labels without a file and files without a label; an example of each shows why."""
    if missing:
        yield (
            f"{LABELS_CSV}: {counted(len(missing), 'id')} of {len(labels.rows):,} without a file "
            f"in train ({labels.ids[missing[0]]})."
        )
    if unlabelled:
        yield (
            f"{counted(len(unlabelled), 'file')} in train without a label in {LABELS_CSV} "
            f"({unlabelled[0]})."
        )


def _ambiguous(files: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """One label for two files: nobody can say of which it is."""
    both = [paths for paths in files.values() if len(paths) > 1]
    if both:
        yield (
            f"{LABELS_CSV}: {counted(len(both), 'id')} of more than one file in train "
            f"({' and '.join(both[0][:2])})."
        )


def _of_no_patch(known: KnownById, entries: Sequence[PatchEntry]) -> Iterator[str]:
    if known.rows and not any(known.of(entry.id, entry.path) for entry in entries):
        yield known.of_no_patch()


def _partly_listed(splits: KnownById, files: Sequence[str], shown: Sequence[str]) -> Iterator[str]:
    """Files without a declared part and ids without a file: a misspelt id lets a patch train."""
    keys = [splits.key_of(stem(path), path) for path in shown]
    unlisted = [
        path
        for path, file, key in zip(shown, files, keys, strict=True)
        if key is None and part_of(file) == TRAIN
    ]
    lost = splits.rows.keys() - set(keys)
    if unlisted and any(keys):
        yield (
            f"{SPLIT_CSV}: {counted(len(unlisted), 'file')} in train not listed "
            f"({unlisted[0]}); they count as train."
        )
    if lost and any(keys):
        yield (
            f"{SPLIT_CSV}: {counted(len(lost), 'id')} of {len(splits.rows):,} without a file here "
            f"({splits.ids[min(lost)]})."
        )


def is_kaggle_layout(root: Path) -> bool:
    """Return whether a folder is laid out like the Kaggle competition's data."""
    return any(table_of_layout(file.name) == LABELS_CSV for file in layout_tables(root)) and any(
        child.name.lower() == TRAIN and child.is_dir() for child in root.iterdir()
    )


def layout_tables(root: Path) -> list[Path]:
    """Return the tables of the layout that lie in a folder."""
    return [file for file in root.iterdir() if table_of_layout(file.name) and file.is_file()]


def kaggle_source(
    root: Path, *, confine_to: Path | None = None, ignore: frozenset[Path] = frozenset()
) -> FilesSource:
    """Return Kaggle's `train/` and `test/` with labels, splits and slides.

    Args:
        root: Folder with `train/`, `train_labels.csv` (id, label) and, where given, `test/`,
            `patch_id_wsi.csv` (id, wsi) and `split.csv` (id, split); slides and splits may also
            stand in the table of labels. The tables are no inputs.
        confine_to: If given, files outside are refused row by row.
        ignore: Resolved paths that are no inputs.

    Returns:
        Every file, and an entry for each labelled id without a file, so that both kinds of
        mismatch show up as rows.

    Raises:
        SourceError: A table is malformed.
    """
    source = FilesSource(root.name, "kaggle", [], confine_to=confine_to)
    paths = list_files(root, ignore, confine_to=confine_to and confine_to.resolve())
    places = take_layout(source, paths, lambda path: read_table(root / path))
    source.files = [root / path if path else None for path in places]
    return source
