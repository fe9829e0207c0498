"""The store's schema, version by version; each step is applied once, with a backup before."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from core.review.connection import sync_folder
from core.review.errors import StoreError

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
    *,
    on_step: Callable[[int], None],
    migrations: Sequence[Statements] = MIGRATIONS,
) -> None:
    """Bring the schema up to date inside the caller's write transaction.

    Args:
        connection: In a transaction that holds the write lock, so that nobody else migrates.
        path: The store's file; an older one is copied beside it first.
        on_step: Called with each version reached, to put it on the record.
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
        on_step(number + 1)


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
