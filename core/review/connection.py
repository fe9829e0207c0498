"""One way to open the store's SQLite file: acknowledged means on disk."""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol

from core.review.errors import StoreError

BUSY_S: Final = 30.0
PAGE_BYTES: Final = 32_768
"""Large, so that a tree page splits once in about 100,000 events; see `core.review.image`."""
LAYOUT: Final = (
    f"PRAGMA page_size = {PAGE_BYTES}",
    "PRAGMA secure_delete = ON",  # what is replaced leaves zeros, so the file has no history
)
_DURABLE: Final = (
    "PRAGMA synchronous = FULL",  # NORMAL may lose acknowledged verdicts at a power cut
    "PRAGMA fullfsync = ON",  # the same on macOS, where fsync alone is not enough
    "PRAGMA checkpoint_fullfsync = ON",
    "PRAGMA journal_size_limit = 0",  # no old frames behind the end of the log
    "PRAGMA trusted_schema = OFF",
)


class Cursor(Protocol):
    """What a statement returns."""

    def fetchone(self) -> Any:  # noqa: ANN401 - rows are tuples of what was selected
        """Return the next row, None at the end."""
        ...

    def fetchall(self) -> list[Any]:
        """Return all remaining rows."""
        ...


class Connection(Protocol):
    """The little of a database connection that the store uses; `sqlite3` has it."""

    def execute(self, sql: str, parameters: Any = (), /) -> Cursor:  # noqa: ANN401
        """Run one statement."""
        ...

    def close(self) -> None:
        """Give it back."""
        ...


Connect = Callable[[Path], Connection]


def connect(path: Path) -> Connection:
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


def prepare(connection: Connection) -> None:
    """Set a fresh connection up: write-ahead log, every commit on disk before it returns.

    Raises:
        StoreError: The file system cannot do it.
    """
    for statement in LAYOUT:
        connection.execute(statement)
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise StoreError(
            f"Found the journal mode '{mode}'; the review store needs 'wal'. Keep it on a local "
            "disk: network file systems cannot share a write-ahead log."
        )
    for statement in _DURABLE:
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
