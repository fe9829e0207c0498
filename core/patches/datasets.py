"""The two published layouts of this task, opened with labels, splits and slides where known."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from core.errors import SourceError
from core.patches.files import FilesSource, list_files, parse_label, read_table
from core.patches.hdf5 import Hdf5Source, open_hdf5, own_dataset
from core.patches.naming import shown_path, stem
from core.patches.patch import PatchEntry
from core.patches.source import ChainedSource

LABELS_CSV: Final = "train_labels.csv"
SLIDES_CSV: Final = "patch_id_wsi.csv"
SPLIT_CSV: Final = "split.csv"
_TABLES: Final = frozenset({LABELS_CSV, SLIDES_CSV, SPLIT_CSV, "sample_submission.csv"})
_PCAM_FILE: Final = "camelyonpatch_level_2_split_{split}_{part}"


def own_files(folder: Path) -> list[Path]:
    """Return the tables and HDF5 files that a data set in a folder would be opened by."""
    return [
        *(folder / name for name in _TABLES),
        *folder.glob(_PCAM_FILE.format(split="*", part="*")),
    ]


def require_inside(files: Iterable[Path], confine_to: Path) -> None:
    """Raise unless files that are opened by their names lie below `confine_to`.

    Raises:
        SourceError: One of them is a link to a place outside.
    """
    for file in files:
        if not file.resolve().is_relative_to(confine_to.resolve()):
            raise SourceError(
                f"{shown_path(file.name)} is a link to a place that this installation may not "
                "read. Put the file itself into the folder."
            )


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
    labels_table = root / LABELS_CSV
    labels = {
        row["id"]: parse_label(row["label"], labels_table)
        for row in read_table(labels_table, required=["id", "label"]).to_dict("records")
    }
    slides = _column(root / SLIDES_CSV, "wsi")
    splits = _column(root / SPLIT_CSV, "split")
    files: list[tuple[PatchEntry, Path | None]] = []
    for path in list_files(root, ignore):
        if path in _TABLES:
            continue
        patch_id = stem(path)
        in_train = path.startswith("train/")
        entry = PatchEntry(
            id=patch_id,
            path=shown_path(path),
            label=labels.get(patch_id) if in_train else None,
            slide=slides.get(patch_id),
            split=splits.get(patch_id) or path.split("/", maxsplit=1)[0],
        )
        files.append((entry, root / path))
    present = {entry.id for entry, _ in files if entry.path.startswith("train/")}
    for patch_id, label in labels.items():
        if patch_id not in present:
            path = f"train/{patch_id}.tif"
            slide, split = slides.get(patch_id), splits.get(patch_id) or "train"
            entry = PatchEntry(shown_path(patch_id), shown_path(path), label, slide, split)
            files.append((entry, None))  # an id may read like a path; it opens nothing
    return FilesSource(root.name, "kaggle", files, confine_to=confine_to)


def _column(table: Path, column: str) -> dict[str, str]:
    if not table.is_file():
        return {}
    rows = read_table(table, required=["id", column])
    return {key: value for key, value in zip(rows["id"], rows[column], strict=True) if value}


def is_pcam_layout(root: Path) -> bool:
    """Return whether a folder holds PCam's HDF5 files."""
    return any(root.glob(_PCAM_FILE.format(split="*", part="x") + ".h5"))


def pcam_file_source(file: Path) -> Hdf5Source:
    """Return one PCam image file, with labels and slides from the files beside it.

    `..._y.h5` gives the labels, `..._meta.csv` (column `wsi`) the slides, where they exist.

    Raises:
        SourceError: A file is malformed, or the files do not belong together.
    """
    split = next(
        (name for name in ("train", "valid", "test") if f"_split_{name}_x" in file.name), None
    )
    labels: Sequence[int] | None = None
    slides: Sequence[str] | None = None
    if file.stem.endswith("_x"):
        base = file.stem.removesuffix("_x")
        labels_file = file.with_name(f"{base}_y.h5")
        if labels_file.is_file():
            with open_hdf5(labels_file) as opened:
                values = np.asarray(own_dataset(opened, "y", labels_file.name)).reshape(-1)
            if not np.isin(values, (0, 1)).all():
                raise SourceError(f"{labels_file.name} has labels other than 0 and 1.")
            labels = values.astype(int).tolist()
        meta = file.with_name(f"{base}_meta.csv")
        if meta.is_file():
            slides = read_table(meta, required=["wsi"])["wsi"].tolist()
    return Hdf5Source(file, labels=labels, slides=slides, split=split)


def pcam_source(root: Path) -> ChainedSource:
    """Return PCam's splits one after the other: train, valid, test, as far as they are there.

    Raises:
        SourceError: A file is malformed.
    """
    parts = [
        pcam_file_source(file)
        for split in ("train", "valid", "test")
        if (file := root / (_PCAM_FILE.format(split=split, part="x") + ".h5")).is_file()
    ]
    return ChainedSource(root.name, "pcam", parts)
