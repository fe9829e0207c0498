"""Names of inputs: which count as inputs, and how hostile text is made safe to show."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Final

from core.errors import Fault, PatchError
from core.patches.decoding import PATCH_SUFFIXES
from core.tables import plain_text

_LITTER: Final = frozenset({
    "__macosx", "icon\r", "icon\ufffd", "desktop db", "desktop df", "network trash folder",
    "temporary items", "thevolumesettingsfolder",
    "thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "$recycle.bin", "recycler",
    "system volume information", "found.000", "zbthumbnail.info", "picasa.ini",
    "@eadir", "#recycle", "@recycle", "@tmp", "lost+found", "sync.ffs_db", "cvs", "__pycache__",
})  # fmt: skip
"""What operating systems, network drives and programs leave in folders."""
_LITTER_STARTS: Final = (".", "~$")
_LITTER_ENDS: Final = (".aux.xml", "~", ".csv.run.json", ".parquet.run.json")
"""Sidecars, those of our own tables included, and editors' copies."""
_STREAM: Final = re.compile(r"\.[a-z][a-z0-9]{1,4}[:\uf03a]|[:\uf03a]zone\.identifier$")
"""What Windows and macOS keep with a file, such as where it came from, as it arrives elsewhere."""
PACKED_SUFFIXES: Final = frozenset(
    {".zip", ".7z", ".rar", ".tar", ".tgz", ".gz", ".xz", ".bz2", ".zst", ".iso", ".dmg"}
)
"""Of archives; a ZIP is read where it is named itself, the others are not."""
_LONGEST_PATH: Final = 1024
_KEPT_END: Final = 512
_SPLITS: Final = frozenset({"train", "valid", "val", "validation", "test"})
_NO_TUMOUR: Final = ("0", "normal", "negative", "no_tumor", "no_tumour", "non_tumor", "non_tumour")
_TUMOUR: Final = ("1", "tumor", "tumour", "positive", "metastasis")
_BOTH: Final = frozenset({"0", "1"})
_LABELS: Final = {**dict.fromkeys(_NO_TUMOUR, 0), **dict.fromkeys(_TUMOUR, 1)}


def is_hidden(path: str) -> bool:
    """Return whether a relative path is a hidden file, or litter that an operating system left."""
    parts = (part.lower() for part in path.split("/") if part not in {"", ".", ".."})
    return any(
        part in _LITTER
        or part.startswith(_LITTER_STARTS)
        or part.endswith(_LITTER_ENDS)
        or (_STREAM.search(part) and suffix_of(part) not in PATCH_SUFFIXES)
        for part in parts
    )


def shown_path(name: str) -> str:
    """Return a path as it may be shown: forward slashes, no control or direction characters.

    A very long one is cut in its middle, so that the file's name stays.
    """
    text = plain_text(name.replace("\\", "/"))
    if len(text) <= _LONGEST_PATH:
        return text
    return f"{text[: _LONGEST_PATH - _KEPT_END - 1]}…{text[-_KEPT_END:]}"


def stem(path: str) -> str:
    """Return the id of a patch file: its name without folder and last suffix."""
    return PurePosixPath(path).stem


def suffix_of(path: str) -> str:
    """Return the last suffix of a path in small letters, with its dot; "" without one."""
    return PurePosixPath(path).suffix.lower()


def told_by_folders(paths: Sequence[str]) -> list[tuple[int | None, str | None]]:
    """Return the label and the split that the folders of each path name, None where they do not.

    The numbers 0 and 1 are labels where both are, and no other number is, so far above the files;
    else they count slides, folds or patients.
    """
    parents = [path.lower().replace("-", "_").rpartition("/")[0] for path in paths]
    folders = {parent: PurePosixPath(parent).parts[::-1] for parent in dict.fromkeys(parents)}
    numbers: dict[int, set[str]] = {}
    for names in folders.values():
        for place, name in enumerate(names):
            if name.isdecimal():
                numbers.setdefault(place, set()).add(name)
    annotations: dict[str, tuple[int | None, str | None]] = {}
    for parent, names in folders.items():
        labels = (
            _LABELS[name]
            for place, name in enumerate(names)
            if name in _LABELS and (name not in _BOTH or numbers[place] == _BOTH)
        )
        splits = [name for name in names if name in _SPLITS]
        annotations[parent] = next(labels, None), splits[-1] if splits else None
    return [annotations[parent] for parent in parents]


def require_patch_suffix(path: str) -> None:
    """Raise unless the file's name ends like a patch image.

    Raises:
        PatchError: It ends in something else.
    """
    suffix = suffix_of(path)
    if suffix not in PATCH_SUFFIXES:
        kind = f"a {suffix} file" if suffix else "a file without a suffix"
        remedy = "Leave it out, or export the patch as an image."
        if suffix in {".h5", ".hdf5", ".npy"}:
            remedy = "To read patches from it, name that file itself."
        elif suffix in PACKED_SUFFIXES:
            remedy = "Unpack it, so that each patch is a file."
        raise PatchError(
            f"Not a patch image: found {kind}, expected .tif, .png, .jpg, .bmp or .webp. " + remedy,
            Fault.NOT_AN_IMAGE,
        )
