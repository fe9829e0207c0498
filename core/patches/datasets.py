"""PCam's HDF5 files with labels and slides, and what may be opened by its name."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from core.errors import SourceError
from core.patches.hdf5 import Hdf5Source, open_hdf5, own_dataset
from core.patches.kaggle import TABLES
from core.patches.naming import shown_path
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
        if not file.resolve().is_relative_to(confine_to.resolve()):
            raise SourceError(
                f"{shown_path(file.name)} is a link to a place that this installation may not "
                "read. Put the file itself into the folder."
            )


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
            slides = read_table(meta, required=["wsi"]).rows["wsi"].tolist()
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
