"""One way to open the store's SQLite file: acknowledged means on disk."""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

from core.review.errors import StoreError

BUSY_S: Final = 30.0
_SETTINGS: Final = (
    "PRAGMA secure_delete = ON",  # what is replaced leaves zeros, so the file has no history
    "PRAGMA synchronous = FULL",  # NORMAL may lose acknowledged verdicts at a power cut
    "PRAGMA fullfsync = ON",  # the same on macOS, where fsync alone is not enough
    "PRAGMA checkpoint_fullfsync = ON",
    "PRAGMA journal_size_limit = 0",  # no old frames behind the end of the log
    "PRAGMA trusted_schema = OFF",
)
Connect = Callable[[Path], sqlite3.Connection]


def connect(path: Path) -> sqlite3.Connection:
    """Return a new connection to the store's file, which is made at need."""
    made = not path.exists()
    connection = sqlite3.connect(
        path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
    )
    try:
        prepare(connection)
        if made:
            sync_folder(path.parent)
    except BaseException:
        connection.close()
        raise
    return connection


def prepare(connection: sqlite3.Connection) -> None:
    """Set a fresh connection up: write-ahead log, every commit on disk before it returns.

    Raises:
        StoreError: The file system cannot do it.
    """
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise StoreError(
            f"Found the journal mode '{mode}'; the review store needs 'wal'. Keep it on a local "
            "disk: network file systems cannot share a write-ahead log."
        )
    for statement in _SETTINGS:
        connection.execute(statement)


def sync_folder(folder: Path) -> None:
    """Put a folder's list of files on disk, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
