"""This installation: what its operator decided, and which process may change its data folder."""

import os
from pathlib import Path
from typing import Final

from core.files import FolderLock
from core.jobs.folder import JobFolder
from core.settings import Settings

_LOCKS: Final[dict[Path, FolderLock]] = {}


def settings() -> Settings:
    """Return what the operator decided; read anew each time, because it costs nothing."""
    return Settings.from_environment(os.environ)


def folder_lock(data_dir: Path) -> FolderLock:
    """Return the lock of a data folder; one for all sessions of this process."""
    return _LOCKS.setdefault(data_dir.absolute(), FolderLock(data_dir))


def guard_jobs(jobs: JobFolder, keep_days: int | None) -> None:
    """Make a folder of jobs, let one process change it, and delete those past their time."""
    lock = folder_lock(jobs.folder.parent)
    jobs.only_while(lock.held)
    if not lock.held():
        return
    jobs.folder.mkdir(exist_ok=True, mode=0o700)
    if keep_days is not None:
        jobs.expire(keep_days)
