"""Any source by what it is: a folder, a ZIP, PCam's HDF5 files, a table of paths, one image."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final
from unicodedata import normalize

from core.errors import SourceError, why
from core.patches.archives import ZipSource
from core.patches.beside import NamedFile, read_class_folders, with_tables
from core.patches.decoding import PATCH_SUFFIXES
from core.patches.files import FilesSource, PackedSource, files_source, folder_source, is_inside
from core.patches.hdf5 import HDF5_SUFFIXES, Hdf5Source, read_labels, require_unpacked
from core.patches.kaggle import is_kaggle_layout, kaggle_source, layout_tables
from core.patches.listed import csv_source
from core.patches.naming import PACKED_SUFFIXES, shown_path, suffix_of
from core.patches.source import ChainedSource, PatchSource
from core.tables import counted, is_table, parse_label, read_table, spelled, split_name


def open_source(
    path: Path,
    *,
    confine_to: Path | None = None,
    ignore: Collection[Path] = (),
    added: Sequence[NamedFile] = (),
    beside: bool = True,
) -> PatchSource:
    """Return the source at a path: folder, ZIP, HDF5, CSV, one image, or a known data set.

    A folder in the layout of the Kaggle competition or of PCam opens with its labels, splits and
    slides; any other folder or ZIP is read recursively, with the tables that lie in it or, where
    these label nothing, the labels that its folders name.

    Args:
        path: What to open.
        confine_to: If given, inputs that resolve to a place outside are refused row by row.
        ignore: Files in a folder that are no inputs, such as the output of the run itself.
        added: Tables of labels; see `with_tables`.
        beside: Whether tables among the patches are read.

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
            source.notes += tuple(_unread_beside(path, source, [file for _, file in added]))
    except SourceError:
        raise
    except OSError as error:
        raise SourceError(
            f"{shown_path(path.name)} cannot be read ({why(error)}). Check the path and its "
            "permissions."
        ) from None
    return complete(source, added, beside=beside, name=shown_path(path.name))


def complete(
    source: PatchSource, added: Sequence[NamedFile] = (), *, beside: bool = True, name: str = ""
) -> PatchSource:
    """Return a source that was just opened with what its tables tell, or close it.

    Args:
        source: The source.
        added: Tables of labels; see `with_tables`.
        beside: Whether tables among the patches are read.
        name: What to call it in a message.

    Raises:
        SourceError: It has no patches, or see `with_tables`.
    """
    try:
        patches = with_tables(source, added, beside=beside)
        if patches.kind in {"folder", "zip", "files", "csv"}:
            read_class_folders(patches)
        if not len(patches):
            raise SourceError(
                f"No patches found in {name or source.name}. Give a folder, ZIP, HDF5 file or "
                "table that contains patches."
            )
    except SourceError:
        source.close()
        raise
    patches.notes = (*patches.notes, *_shared_ids(patches))
    return patches


def _unread_beside(file: Path, source: PatchSource, added: Collection[Path]) -> Iterator[str]:
    """What looks like the labels of patches in one file, and lies beside it instead of within."""
    if source.kind not in {"zip", "hdf5", "packed"}:
        return
    with suppress(OSError):
        for table in sorted(file.parent.iterdir()):
            if is_table(table.name) and "label" in table.name.lower() and table not in added:
                yield (
                    f"{shown_path(table.name)} beside {shown_path(file.name)} is not read. If it "
                    "has the labels of these patches, name it as their table, or put it into a "
                    "folder or archive with them."
                )
                return


def _shared_ids(source: PatchSource) -> Iterator[str]:
    counts = Counter(normalize("NFC", entry.id) for entry in source.entries)
    shared = [patch_id for patch_id, count in counts.items() if count > 1]
    if shared:
        yield (
            f"{counted(len(source) - len(counts), 'input')} with the same id as another "
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
    data_set = data_set_below(path, [entry.path for entry in source.entries])
    if data_set is None or (
        confine_to is not None and not is_inside(data_set, confine_to.resolve())
    ):
        return source
    if data_set.is_dir():
        return _open_folder(data_set, confine_to, ignore)
    return _with_its_tables(source, pcam_file_source(data_set, confine_to=confine_to))


def _with_its_tables(folder: FilesSource, patches: PatchSource) -> PatchSource:
    """Return patches in one file of a folder with the tables in that folder; PCam's is read."""
    tables = [at for at in folder.tables() if not folder.entries[at].path.endswith("_meta.csv")]
    if not tables:
        return patches
    beside = folder.selected(tables)
    return ChainedSource(folder.name, patches.kind, [patches, beside])


def _open_file(path: Path, confine_to: Path | None) -> PatchSource:
    suffix = path.suffix.lower()
    if suffix == ".zip":
        return ZipSource(path)
    if suffix in {".h5", ".hdf5"}:
        return pcam_file_source(path, confine_to=confine_to)
    if is_table(path.name):
        return csv_source(path, confine_to=confine_to)
    if suffix == ".gz":
        require_unpacked(path)
    if suffix == ".npy":
        return PackedSource(path)
    if suffix in PATCH_SUFFIXES:
        return files_source(path.name, [(path.name, path)])
    if suffix in PACKED_SUFFIXES:
        raise SourceError(
            f"{shown_path(path.name)} is an archive of a kind that cannot be read. Unpack it and "
            "name the folder, or pack the patches as .zip."
        )
    raise SourceError(
        f"{shown_path(path.name)} is not a source of patches: expected a folder, a .zip, a PCam "
        ".h5, an .npy of bytes (N, 96, 96, 3), a .csv with a column 'path', or one image."
    )


_PCAM: Final = "camelyonpatch_level_2_split_"
_PCAM_IMAGES: Final = re.compile(_PCAM + r"([a-z]+)_x\.(?:h5|hdf5)(\.gz)?", re.IGNORECASE)
_META_LABEL: Final = "center_tumor_patch"
"""PCam's own column of the label, beside the slide."""
_PARTS: Final = ("train", "val", "test")


def own_files(folder: Path) -> list[Path]:
    """Return the tables and HDF5 files that a data set in a folder would be opened by."""
    return [
        *layout_tables(folder),
        *(file for file in folder.iterdir() if file.name.lower().startswith(_PCAM)),
    ]


def require_inside(files: Iterable[Path], confine_to: Path) -> None:
    """Raise unless files that are opened by their names lie below `confine_to`.

    Raises:
        SourceError: One of them is a link to a place outside.
    """
    for file in files:
        if not is_inside(file, confine_to.resolve()):
            raise SourceError(
                f"{shown_path(file.name)} links to a place that this installation may not read. "
                "Put the file itself into the folder."
            )


def is_pcam_layout(root: Path) -> bool:
    """Return whether a folder holds PCam's HDF5 files."""
    return any(not packed for _, packed in _pcam_images(root))


def _pcam_images(root: Path) -> Iterator[tuple[Path, bool]]:
    """PCam's files of images, train, valid and test, and whether they are packed as a whole."""
    numbered_files = [
        (_PARTS.index(part) if (part := split_name(match[1])) in _PARTS else len(_PARTS), file)
        for file in sorted(root.iterdir())
        if (match := _PCAM_IMAGES.fullmatch(file.name)) and file.is_file()
    ]
    for _, file in sorted(numbered_files):
        packed = file.suffix.lower() == ".gz"
        if not packed or not file.with_suffix("").is_file():
            yield file, packed


def data_set_below(root: Path, paths: Sequence[str]) -> Path | None:
    """Return the data set that a folder without images holds: a folder, or one HDF5 file.

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
    data_sets = folders or images
    if len(data_sets) > 1:
        names = ", ".join(shown_path(one.name) for one in data_sets[:3])
        raise SourceError(
            f"{shown_path(root.name)} contains {len(data_sets)} data sets ({names}). "
            "Name one of them."
        )
    for path in paths:
        if not data_sets and path.lower().endswith((".h5.gz", ".hdf5.gz")):
            require_unpacked(root / path)
    return data_sets[0] if data_sets else None


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
    match = _PCAM_IMAGES.fullmatch(file.name)
    part = split_name(match[1]) if match else None
    split = "valid" if part == "val" else part  # as PCam calls it
    labels: Sequence[int] | None = None
    slides: Sequence[str] | None = None
    notes: tuple[str, ...] = ()
    if file.stem.lower().endswith("_x"):
        base = file.stem[:-2]
        meta = file.with_name(f"{base}_meta.csv")
        suffixes = (file.suffix, ".h5", ".hdf5", f"{file.suffix}.gz")
        beside = [file.with_name(f"{base}_y{suffix}") for suffix in suffixes]
        if confine_to is not None:
            require_inside([*beside, meta], confine_to)
        labels_file = next((one for one in beside if one.is_file()), None)
        if labels_file is not None:
            labels = read_labels(labels_file)
        if meta.is_file():
            table = read_table(meta, required=["wsi"])
            values, spelling_notes = spelled(table, ["wsi", _META_LABEL])
            slides, notes = values["wsi"], (*table.notes, *spelling_notes)
            meta_labels = [parse_label(cell, meta.name) for cell in values.get(_META_LABEL, ())]
            if labels is None and meta_labels and None not in meta_labels:
                labels = [int(bool(label)) for label in meta_labels]
                notes += (f"{file.name}: labels from {_META_LABEL} in {meta.name}.",)
            elif labels is not None and len(meta_labels) == len(labels):
                unlike = sum(a != b for a, b in zip(meta_labels, labels, strict=True))
                if unlike:
                    notes += (
                        f"{meta.name}: {counted(unlike, 'row')} in {_META_LABEL} of "
                        f"{len(meta_labels):,} unlike the labels in y. "
                        "Check that the files belong together.",
                    )
    source = Hdf5Source(file, labels=labels, slides=slides, split=split)
    source.notes += notes
    return source


def pcam_source(root: Path, *, confine_to: Path | None = None) -> ChainedSource:
    """Return PCam's splits one after the other: train, valid, test, as far as they are there.

    Raises:
        SourceError: A file is malformed.
    """
    parts, packed = [], []
    for file, is_packed in _pcam_images(root):
        if is_packed:
            packed.append(file.name)
        else:
            parts.append(pcam_file_source(file, confine_to=confine_to))
    source = ChainedSource(root.name, "pcam", parts)
    if packed:
        source.notes += (
            f"{counted(len(packed), 'file')} of patches left out, still compressed ({packed[0]}). "
            "Unpack with gunzip.",
        )
    return source
