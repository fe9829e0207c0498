"""Which process may change a data folder."""

from pathlib import Path
from typing import Final

from core.files import FolderLock

_LOCKS: Final[dict[Path, FolderLock]] = {}


def folder_lock(data_dir: Path) -> FolderLock:
    """Return the lock of a data folder; one for all sessions of this process."""
    return _LOCKS.setdefault(data_dir.absolute(), FolderLock(data_dir))
