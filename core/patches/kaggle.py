"""The layout of the Kaggle competition, in a folder or in a ZIP: patches with labels by id."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from core.patches.files import FilesSource, list_files
from core.patches.naming import shown_path, stem
from core.patches.patch import PatchEntry
from core.tables import SLIDE_COLUMNS, KnownById, Table, known_by_id, parse_label, read_table

LABELS_CSV: Final = "train_labels.csv"
SLIDES_CSV: Final = "patch_id_wsi.csv"
SPLIT_CSV: Final = "split.csv"
TABLES: Final = frozenset({LABELS_CSV, SLIDES_CSV, SPLIT_CSV, "sample_submission.csv"})


@dataclass(frozen=True, eq=False)
class KaggleData:
    """Every file of the layout and every labelled id without one, with what the tables say.

    Attributes:
        entries: Each with its path below the root; None where a labelled id has no file.
        notes: What was mended in the tables.
        contradictions: What they say in two ways, or of no patch at all.
    """

    entries: list[tuple[PatchEntry, str | None]]
    notes: tuple[str, ...]
    contradictions: tuple[str, ...]

    @classmethod
    def of(cls, paths: Sequence[str], table: Callable[[str], Table | None]) -> "KaggleData":
        """Return what a layout holds.

        Args:
            paths: Of all files below the root, the tables included or not.
            table: Gives a table by its name, None where there is none.

        Raises:
            SourceError: A table is malformed.
        """
        labels = _known(table(LABELS_CSV), ("label",))
        slides = _known(table(SLIDES_CSV), SLIDE_COLUMNS)
        splits = _known(table(SPLIT_CSV), ("split",))
        entries: list[tuple[PatchEntry, str | None]] = []
        present: set[str] = set()

        def entry(patch_id: str, path: str, label: str, part: str) -> PatchEntry:
            return PatchEntry(
                id=patch_id,
                path=path,
                label=parse_label(label, LABELS_CSV),
                slide=next(filter(None, slides.of(patch_id, path).values()), None),
                split=splits.of(patch_id, path).get("split") or part,
            )

        for path in paths:
            if path in TABLES:
                continue
            shown, label = shown_path(path), ""
            patch_id = stem(shown)
            if path.startswith("train/"):
                key = labels.key_of(patch_id, shown)
                if key is not None:
                    present.add(key)
                    label = labels.rows[key]["label"]
            part = path.split("/", maxsplit=1)[0]
            entries.append((entry(patch_id, shown, label, part), path))
        for key, row in labels.rows.items():
            if key not in present:  # an id may read like a path; it opens nothing
                path = shown_path(f"train/{key}.tif")
                entries.append((entry(shown_path(key), path, row["label"], "train"), None))
        return cls(
            entries,
            (*labels.notes, *slides.notes, *splits.notes),
            (
                *labels.contradictions,
                *slides.contradictions,
                *splits.contradictions,
                *_of_no_patch(SLIDES_CSV, slides, entries),
                *_of_no_patch(SPLIT_CSV, splits, entries),
            ),
        )


def _known(table: Table | None, columns: Sequence[str]) -> KnownById:
    if table is None:
        return KnownById()
    if not set(columns) & set(table.rows.columns):
        table.require(columns[-1])
    return known_by_id(table, columns)


def _of_no_patch(
    name: str, known: KnownById, entries: Sequence[tuple[PatchEntry, str | None]]
) -> Iterator[str]:
    if known.rows and not any(known.of(entry.id, entry.path) for entry, _ in entries):
        yield f"None of the {len(known.rows):,} ids of {name} is of a patch here."


def is_kaggle_layout(root: Path) -> bool:
    """Return whether a folder is laid out like the Kaggle competition's data."""
    return (root / LABELS_CSV).is_file() and (root / "train").is_dir()


def kaggle_source(
    root: Path, *, confine_to: Path | None = None, ignore: frozenset[Path] = frozenset()
) -> FilesSource:
    """Return Kaggle's `train/` and `test/` with labels, splits and slides.

    Args:
        root: Folder with `train/`, `train_labels.csv` (id, label) and, where given, `test/`,
            `patch_id_wsi.csv` (id, wsi) and `split.csv` (id, split). The tables are no inputs.
        confine_to: If given, files outside are refused row by row.
        ignore: Resolved paths that are no inputs.

    Returns:
        Every file, and an entry for each labelled id without a file, so that both kinds of
        mismatch show up as rows.

    Raises:
        SourceError: A table is malformed.
    """

    def table(name: str) -> Table | None:
        return read_table(root / name) if (root / name).is_file() else None

    data = KaggleData.of(
        list_files(root, ignore, confine_to=confine_to and confine_to.resolve()), table
    )
    files = [(entry, root / path if path else None) for entry, path in data.entries]
    source = FilesSource(root.name, "kaggle", files, confine_to=confine_to)
    source.notes, source.contradictions = data.notes, data.contradictions
    return source
