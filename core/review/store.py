"""The review store: append-only events in one SQLite file, safe for several readers at once."""

import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from core.errors import ReviewError, StoreError
from core.review import migrations as schema
from core.review.anchors import AnchorFile
from core.review.chain import Anchor, Link, canonical_json, next_link
from core.review.events import (
    CaseOpened,
    Event,
    Payload,
    StoreMigrated,
    payload_as_json,
    read_payload,
)
from core.review.migrations import BUSY_S, Connect, connect
from core.review.record import Record, RecordEntry
from core.review.rules import require_allowed

_SELECT: Final = "SELECT sequence, previous, payload, hash FROM events "
INSERT: Final = "INSERT INTO events (sequence, previous, payload, hash) VALUES (?, ?, ?, ?)"


def _lost(path: Path, what: str, noted: Anchor) -> StoreError:
    return StoreError(
        f"The record of verdicts is not whole: its anchors include event {noted.sequence}, but "
        f"{path.name} {what}. Restore {path.name} from a backup. To start a new record instead, "
        "move the anchors file elsewhere and keep it."
    )


class ReviewStore:
    """Events in a file; each write is one transaction on a connection of its own.

    When `append` returns, the event is on disk. Safe to use from several threads and processes.

    Attributes:
        path: The file.
        anchor_problem: Why the last anchor could not be noted, "" if it could: no verdict is lost
            for that, but somebody should know.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        connect: Connect = connect,
        migrations: Sequence[schema.Statements] = schema.MIGRATIONS,
        anchors: AnchorFile | None = None,
    ) -> None:
        """Open the store at `path`; make it, or bring its schema up to date, if need be.

        `clock` gives the time, aware; the chain's end is noted in `anchors`, None notes it nowhere.

        Raises:
            StoreError: The folder is missing, the file is not a review store, or it lacks what its
                anchors know.
        """
        self.path = path
        self.anchor_problem = ""
        self._anchors = anchors
        self._clock = clock
        self._connect = connect
        self._record = Record()
        self._lock = threading.Lock()
        if not path.parent.is_dir():
            raise StoreError("There is no folder for the review store. Tell the operator.")
        noted = anchors.last() if anchors is not None else None
        if noted is not None and (not path.exists() or not path.stat().st_size):
            raise _lost(path, "is gone or empty", noted)
        with self._connection() as connection:
            if schema.user_version(connection) != len(migrations):
                with _write_lock(connection):
                    self._migrate(connection, migrations)
            if noted is not None and not _holds(connection, noted):
                raise _lost(path, "does not contain this event", noted)

    def append(self, event: Event, *then: Event, action: str | None = None) -> RecordEntry:
        """Write an event, all that follows or nothing, and return its entry; it is on disk then.

        Args:
            event: What happened.
            then: What it led to at once.
            action: The caller's token for this action. If an event with it has been written, that
                one comes back and nothing is written, so a repeated call does no harm.

        Raises:
            ReviewError: The event may not follow what is recorded; nothing is written.
            StoreError: The file cannot be written; nothing is acknowledged.
        """
        token = action or secrets.token_hex(16)
        entries: list[RecordEntry] = []
        with self._lock, self._connection() as connection, _write_lock(connection):
            record = self._caught_up(connection)
            if token in record.actions:
                return self._written(connection, record.actions[token], event)
            for each in (event, *then):
                require_allowed(record, each)
                entries.append(self._insert(connection, record.end, each, token))
                record = record.extended(entries[-1:])
                token = secrets.token_hex(16)
        for entry in entries:
            if self._anchors is not None and (
                entry.sequence % self._anchors.every == 0 or isinstance(event, CaseOpened)
            ):
                self._note(Anchor(entry.sequence, entry.hash))
        return entries[0]

    def record(self) -> Record:
        """Return what all events so far amount to."""
        with self._lock, self._connection() as connection:
            return self._caught_up(connection)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the log of writes open meanwhile.

        The last connection to close folds the log into the file, and that waits for the disk again.
        Whoever answers somebody who waits lets go when the answer is out.

        Raises:
            StoreError: The file cannot be read.
        """
        with self._connection() as connection:
            connection.execute("SELECT hash FROM events LIMIT 1").fetchall()
            yield

    def links(self, start: int = 1) -> list[Link]:
        """Return the stored entries from a sequence on."""
        with self._connection() as connection:
            return _links(connection, start)

    def entries(self, start: int = 1) -> list[RecordEntry]:
        """Return the events from a sequence on: the record's history."""
        return [_entry(link) for link in self.links(start)]

    def head(self) -> Anchor:
        """Return the end of the chain; noted elsewhere, it shows a later truncation."""
        return self.record().end

    def note_end(self) -> None:
        """Note the end of the chain in the anchors file, as when somebody is through."""
        self._note(self.head())

    def _note(self, end: Anchor) -> None:
        if self._anchors is None:
            return
        try:
            self._anchors.note(end, self._clock().astimezone(UTC).isoformat(timespec="seconds"))
            self.anchor_problem = ""
        except StoreError as error:
            self.anchor_problem = str(error)

    def _caught_up(self, connection: sqlite3.Connection) -> Record:
        end = self._record.end
        if end.sequence and not _holds(connection, end):
            raise StoreError(
                f"{self.path.name} no longer contains event {end.sequence} as it was read: the "
                "file was replaced or changed. Run `python -m core verify` on it."
            )
        new = [_entry(link) for link in _links(connection, end.sequence + 1)]
        if new:
            self._record = self._record.extended(new)
        return self._record

    def _insert(
        self, connection: sqlite3.Connection, end: Anchor, event: Event, action: str
    ) -> RecordEntry:
        payload = Payload(
            action=action,
            at=self._clock().astimezone(UTC).isoformat(timespec="microseconds"),
            written_by=f"SQLite {sqlite3.sqlite_version}",
            event=event,
        )
        link = next_link(end, canonical_json(payload_as_json(payload)))
        entry = _entry(link)  # reads back, so that nothing unreadable is ever written
        connection.execute(INSERT, (link.sequence, link.previous, link.payload, link.hash))
        return entry

    def _written(self, connection: sqlite3.Connection, sequence: int, event: Event) -> RecordEntry:
        entry = _entry(_links(connection, sequence)[0])
        if entry.payload.event != event:
            raise ReviewError(
                f"The action {entry.payload.action} was recorded as another event ({sequence}). "
                "Give each action its own token."
            )
        return entry

    def _migrate(self, connection: sqlite3.Connection, steps: Sequence[schema.Statements]) -> None:
        for version in schema.migrate(connection, self.path, steps):
            ends = connection.execute(
                "SELECT sequence, hash FROM events ORDER BY sequence DESC LIMIT 1"
            ).fetchone()
            end, event = Anchor(*ends) if ends else Record().end, StoreMigrated(version=version)
            self._insert(connection, end, event, f"schema version {version}")

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(self._open()) as connection:
                yield connection
        except sqlite3.Error as error:
            raise StoreError(
                f"The review store {self.path.name} cannot be used: {error}. Earlier verdicts are "
                "not affected; free the disk or the file and try again."
            ) from error

    def _open(self) -> sqlite3.Connection:
        """Return a connection, waiting while another process makes or cleans up the file."""
        deadline = time.monotonic() + BUSY_S
        while True:
            try:
                return self._connect(self.path)
            except sqlite3.OperationalError as error:
                busy = error.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
                if not busy or time.monotonic() > deadline:
                    raise
                time.sleep(0.005)


@contextmanager
def _write_lock(connection: sqlite3.Connection) -> Iterator[None]:
    """Hold the write lock; commit at the end, or roll back at an error."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _holds(connection: sqlite3.Connection, anchor: Anchor) -> bool:
    cursor = connection.execute("SELECT hash FROM events WHERE sequence = ?", (anchor.sequence,))
    return bool(cursor.fetchone() == (anchor.hash,))


def _links(connection: sqlite3.Connection, start: int) -> list[Link]:
    rows = connection.execute(_SELECT + "WHERE sequence >= ? ORDER BY sequence", (start,))
    return [Link(*row) for row in rows.fetchall()]


def _entry(link: Link) -> RecordEntry:
    return RecordEntry(link.sequence, link.hash, read_payload(link.payload))
