"""The store's file and schema: acknowledged means on disk; versions come once, after a backup."""

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from core.errors import StoreError

APPLICATION_ID: Final = 0x4E4C5256  # "NLRV"

Statements = tuple[str, ...]

MIGRATIONS: Final[tuple[Statements, ...]] = (
    (
        f"PRAGMA application_id = {APPLICATION_ID}",
        "CREATE TABLE events ("
        "sequence INTEGER PRIMARY KEY, "
        "previous TEXT NOT NULL, "
        "payload TEXT NOT NULL, "
        "hash TEXT NOT NULL"
        ") STRICT",
        "CREATE TRIGGER events_are_not_changed BEFORE UPDATE ON events "
        "BEGIN SELECT RAISE(ABORT, 'events are never changed'); END",
        "CREATE TRIGGER events_are_not_deleted BEFORE DELETE ON events "
        "BEGIN SELECT RAISE(ABORT, 'events are never deleted'); END",
        "CREATE TRIGGER events_follow_the_last BEFORE INSERT ON events "
        "WHEN NEW.sequence <> (SELECT coalesce(max(sequence), 0) + 1 FROM events) "
        "OR NEW.previous <> coalesce((SELECT hash FROM events ORDER BY sequence DESC LIMIT 1), "
        "'" + "0" * 64 + "') "
        "BEGIN SELECT RAISE(ABORT, 'an event follows the last one'); END",
    ),
)


def migrate(
    connection: sqlite3.Connection,
    path: Path,
    migrations: Sequence[Statements] = MIGRATIONS,
) -> Iterator[int]:
    """Bring the schema up to date inside the caller's write transaction; yield each new version.

    Args:
        connection: In a transaction that holds the write lock, so that nobody else migrates.
        path: The store's file; an older one is copied beside it first.
        migrations: The statements of version 1, 2, ….

    Raises:
        StoreError: The file is another program's, or a newer version's.
    """
    version = user_version(connection)
    _require_ours(connection, path, version, len(migrations))
    if 0 < version < len(migrations):
        back_up(path, path.with_name(f"{path.stem}.before-v{version + 1}{path.suffix}"))
    for number in range(version, len(migrations)):
        apply(connection, number + 1, migrations[number])
        yield number + 1


def apply(connection: sqlite3.Connection, version: int, statements: Statements) -> None:
    """Run the statements of one version and note the version."""
    for statement in statements:
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {version}")


def user_version(connection: sqlite3.Connection) -> int:
    """Return the schema version that a file says it has, 0 for an empty one."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _require_ours(connection: sqlite3.Connection, path: Path, version: int, known: int) -> None:
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    if (tables or version) and application != APPLICATION_ID:
        raise StoreError(
            f"{path.name} is an SQLite file of another program. Choose another path for the "
            "review store."
        )
    if version > known:
        raise StoreError(
            f"{path.name} has schema version {version}; this program knows up to {known}. "
            "Use the newer program that wrote it."
        )


def back_up(path: Path, target: Path) -> None:
    """Copy a store as it is now to another file, whole and on disk, unless that file exists."""
    if target.exists():
        return
    temporary = target.with_name(f".{target.name}.part")
    temporary.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(temporary)) as copy:
        copy.execute("PRAGMA synchronous = FULL")
        source.backup(copy)
    temporary.replace(target)
    sync_folder(target.parent)


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
