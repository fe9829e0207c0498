"""Any source by what it is: a folder, a ZIP, an HDF5 file, a table of paths, one image."""

from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final
from unicodedata import normalize

from core.errors import SourceError
from core.patches.archives import ZipSource
from core.patches.datasets import (
    data_set_below,
    is_pcam_layout,
    own_files,
    pcam_file_source,
    pcam_source,
    require_inside,
)
from core.patches.decoding import PATCH_SUFFIXES
from core.patches.files import csv_source, files_source, folder_source, is_inside
from core.patches.hdf5 import require_unpacked
from core.patches.kaggle import is_kaggle_layout, kaggle_source
from core.patches.naming import shown_path, suffix_of
from core.patches.packed import PackedSource
from core.patches.source import PatchSource
from core.tables import counted

_TABLES: Final = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet")


def open_source(
    path: Path, *, confine_to: Path | None = None, ignore: Collection[Path] = ()
) -> PatchSource:
    """Return the source at a path: folder, ZIP, HDF5, CSV, one image, or a known data set.

    A folder in the layout of the Kaggle competition or of PCam opens with its labels, splits and
    slides; any other folder is read recursively.

    Args:
        path: What to open.
        confine_to: If given, inputs that resolve to a place outside are refused row by row.
        ignore: Files in a folder that are no inputs, such as the output of the run itself.

    Raises:
        SourceError: There is nothing there, nothing in it, or it is not what its name says.
    """
    try:
        if not path.exists():
            raise SourceError(
                f"There is no file or folder {shown_path(str(path))}. Check the path."
            )
        if confine_to is not None:
            require_inside(own_files(path if path.is_dir() else path.parent), confine_to)
        if path.is_dir():
            own = frozenset(file.resolve() for file in ignore)
            source = _open_folder(path, confine_to, own)
        else:
            source = _open_file(path, confine_to)
    except SourceError:
        raise
    except OSError as error:
        raise SourceError(
            f"{shown_path(path.name)} may not be read ({error.strerror or error}). Check the path "
            "and its permissions."
        ) from None
    if not len(source):
        source.close()
        raise SourceError(
            f"No patches found in {shown_path(path.name)}. Name a folder, ZIP, HDF5 file or table "
            "that holds some."
        )
    source.notes = (*source.notes, *_shared_ids(source))
    return source


def _shared_ids(source: PatchSource) -> Iterator[str]:
    counts = Counter(normalize("NFC", entry.id) for entry in source.entries)
    shared = [patch_id for patch_id, count in counts.items() if count > 1]
    if shared:
        yield (
            f"{counted(len(source) - len(counts), 'input')} with the id of another one "
            f"({shared[0]}); tables and submissions cannot tell them apart."
        )


def _open_folder(path: Path, confine_to: Path | None, ignore: frozenset[Path]) -> PatchSource:
    if is_kaggle_layout(path):
        return kaggle_source(path, confine_to=confine_to, ignore=ignore)
    if is_pcam_layout(path):
        return pcam_source(path, confine_to=confine_to)
    source = folder_source(path, confine_to=confine_to, ignore=ignore)
    if any(suffix_of(entry.path) in PATCH_SUFFIXES for entry in source.entries):
        return source
    found = data_set_below(path, [entry.path for entry in source.entries])
    if found is None or (confine_to is not None and not is_inside(found, confine_to.resolve())):
        return source
    if found.is_dir():
        return _open_folder(found, confine_to, ignore)
    return pcam_file_source(found, confine_to=confine_to)


def _open_file(path: Path, confine_to: Path | None) -> PatchSource:
    suffix = path.suffix.lower()
    if suffix == ".zip":
        return ZipSource(path)
    if suffix in {".h5", ".hdf5"}:
        return pcam_file_source(path, confine_to=confine_to)
    if path.name.lower().endswith(_TABLES):
        return csv_source(path, confine_to=confine_to)
    if suffix == ".gz":
        require_unpacked(path)
    if suffix == ".npy":
        return PackedSource(path)
    if suffix in PATCH_SUFFIXES:
        return files_source(path.name, [(path.name, path)])
    raise SourceError(
        f"{shown_path(path.name)} is no source of patches: expected a folder, a .zip, a PCam .h5, "
        "an .npy of bytes (N, 96, 96, 3), a .csv with a column 'path', or one image."
    )
