"""PCam's HDF5 files with labels and slides, and what may be opened by its name."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from core.errors import SourceError
from core.patches.files import is_inside
from core.patches.hdf5 import HDF5_SUFFIXES, Hdf5Source, read_labels, require_unpacked
from core.patches.kaggle import TABLES, is_kaggle_layout
from core.patches.naming import shown_path, suffix_of
from core.patches.source import ChainedSource
from core.tables import read_table

_PCAM_FILE: Final = "camelyonpatch_level_2_split_{split}_{part}"


def own_files(folder: Path) -> list[Path]:
    """Return the tables and HDF5 files that a data set in a folder would be opened by."""
    return [
        *(folder / name for name in TABLES),
        *folder.glob(_PCAM_FILE.format(split="*", part="*")),
    ]


def require_inside(files: Iterable[Path], confine_to: Path) -> None:
    """Raise unless files that are opened by their names lie below `confine_to`.

    Raises:
        SourceError: One of them is a link to a place outside.
    """
    for file in files:
        if not is_inside(file, confine_to.resolve()):
            raise SourceError(
                f"{shown_path(file.name)} is a link to a place that this installation may not "
                "read. Put the file itself into the folder."
            )


def is_pcam_layout(root: Path) -> bool:
    """Return whether a folder holds PCam's HDF5 files."""
    return any(root.glob(_PCAM_FILE.format(split="*", part="x") + ".h5"))


def data_set_below(root: Path, paths: Sequence[str]) -> Path | None:
    """Return the data set that a folder without images holds: a folder, or one HDF5 file.

    Args:
        root: The folder.
        paths: Of the files below it.

    Raises:
        SourceError: There are several, or they are still compressed.
    """
    folders = [
        child
        for child in sorted(root.iterdir())
        if child.is_dir() and (is_kaggle_layout(child) or is_pcam_layout(child))
    ]
    files = [] if folders else [root / path for path in paths if suffix_of(path) in HDF5_SUFFIXES]
    images = [file for file in files if not file.stem.endswith("_y")]
    found = folders or images
    if len(found) > 1:
        names = ", ".join(shown_path(one.name) for one in found[:3])
        raise SourceError(
            f"{shown_path(root.name)} holds {len(found)} data sets ({names}). Name one of them."
        )
    for path in paths:
        if not found and path.lower().endswith((".h5.gz", ".hdf5.gz")):
            require_unpacked(root / path)
    return found[0] if found else None


def pcam_file_source(file: Path, *, confine_to: Path | None = None) -> Hdf5Source:
    """Return one PCam image file, with labels and slides from the files beside it.

    `..._y.h5` gives the labels, `..._meta.csv` (column `wsi`) the slides, where they exist; else
    the dataset `y` of the file itself.

    Args:
        file: The images.
        confine_to: If given, the files beside it must resolve to places below.

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
        labels_file, meta = file.with_name(f"{base}_y.h5"), file.with_name(f"{base}_meta.csv")
        if confine_to is not None:
            require_inside([labels_file, meta], confine_to)
        if labels_file.is_file():
            labels = read_labels(labels_file)
        if meta.is_file():
            slides = read_table(meta, required=["wsi"]).rows["wsi"].tolist()
    return Hdf5Source(file, labels=labels, slides=slides, split=split)


def pcam_source(root: Path, *, confine_to: Path | None = None) -> ChainedSource:
    """Return PCam's splits one after the other: train, valid, test, as far as they are there.

    Raises:
        SourceError: A file is malformed.
    """
    parts = [
        pcam_file_source(file, confine_to=confine_to)
        for split in ("train", "valid", "test")
        if (file := root / (_PCAM_FILE.format(split=split, part="x") + ".h5")).is_file()
    ]
    return ChainedSource(root.name, "pcam", parts)
