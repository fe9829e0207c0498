"""Names of inputs: which count as inputs, and how hostile text is made safe to show."""

from pathlib import PurePosixPath
from typing import Final

from core.errors import Fault, PatchError
from core.patches.decoding import PATCH_SUFFIXES
from core.tables import plain_text

_SYSTEM_NAMES: Final = frozenset({"__macosx", "thumbs.db", "desktop.ini"})
_LONGEST_PATH: Final = 1024


def is_hidden(path: str) -> bool:
    """Return whether a relative path is a hidden file, or litter that an operating system left."""
    return any(
        part.startswith(".") or part.lower() in _SYSTEM_NAMES
        for part in path.split("/")
        if part not in {"", ".", ".."}
    )


def shown_path(name: str) -> str:
    """Return a path as it may be shown: forward slashes, no control or direction characters."""
    text = plain_text(name.replace("\\", "/"))
    return text if len(text) <= _LONGEST_PATH else text[: _LONGEST_PATH - 1] + "…"


def stem(path: str) -> str:
    """Return the id of a patch file: its name without folder and last suffix."""
    return PurePosixPath(path).stem


def require_patch_suffix(path: str) -> None:
    """Raise unless the file's name ends like a patch image.

    Raises:
        PatchError: It ends in something else.
    """
    suffix = PurePosixPath(path).suffix.lower()
    if suffix not in PATCH_SUFFIXES:
        found = f"a {suffix} file" if suffix else "a file without a suffix"
        raise PatchError(
            f"Not a patch image: found {found}, expected .tif, .png, .jpg, .bmp or .webp. "
            "Leave it out, or export the patch as an image.",
            Fault.NOT_AN_IMAGE,
        )
