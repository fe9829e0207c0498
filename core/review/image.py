"""The one byte image that a store's events give, to find changes where no event is stored.

A hash chain covers events, not the unused parts of a file. But a store only ever grows by one row
per transaction, so SQLite lays the same events out in the same bytes; rebuilding the file in
memory and comparing finds any byte that differs. What may differ is masked: the file format's
change counters, its journal mode, and the number of the SQLite version that wrote last, which
`core.review.verify` checks by other means. SQLite versions agree in the layout as long as no
inner page of the tree has split (about 100,000 events); after that, two unused bytes per split
were seen to differ between 3.40 and 3.54.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from typing import Final

from core.review.chain import Link
from core.review.connection import LAYOUT, PAGE_BYTES
from core.review.errors import ReviewError
from core.review.events import StoreMigrated, read_payload
from core.review.migrations import MIGRATIONS, Statements, apply
from core.review.store import INSERT

JOURNAL_MODE: Final = slice(18, 20)
CHANGE_COUNTER: Final = slice(24, 28)
VALID_FOR: Final = slice(92, 96)
LIBRARY_VERSION: Final = slice(96, 100)
_MASKED: Final = (JOURNAL_MODE, CHANGE_COUNTER, VALID_FOR, LIBRARY_VERSION)


def rebuild(links: Sequence[Link], migrations: Sequence[Statements] = MIGRATIONS) -> bytes:
    """Return the masked image of a store that holds these entries and no others."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        for statement in LAYOUT:
            connection.execute(statement)
        connection.execute("BEGIN")
        for link in links:
            version = _migrated_to(link)
            if version:
                apply(connection, version, migrations[version - 1])
            connection.execute(INSERT, (link.sequence, link.previous, link.payload, link.hash))
        connection.execute("COMMIT")
        return masked(connection.serialize())


def _migrated_to(link: Link) -> int:
    if '"kind":"store migrated"' not in link.payload:
        return 0
    try:
        event = read_payload(link.payload).event
    except ReviewError:
        return 0
    return event.version if isinstance(event, StoreMigrated) else 0


def masked(image: bytes) -> bytes:
    """Return an image with zeros where the same events may give different bytes."""
    changed = bytearray(image)
    for part in _MASKED:
        changed[part] = bytes(part.stop - part.start)
    return bytes(changed)


def pages(image: bytes) -> list[bytes]:
    """Return an image page by page; the last one may be short if the file was cut."""
    return [image[start : start + PAGE_BYTES] for start in range(0, len(image), PAGE_BYTES)]


def as_readable(image: bytes) -> bytes:
    """Return an image that SQLite can open from memory, where there is no write-ahead log."""
    changed = bytearray(image)
    changed[JOURNAL_MODE] = b"\x01\x01"
    return bytes(changed)
