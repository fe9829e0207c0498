"""Is a store, or a log exported from it as JSON lines, what its writers left? Reads only."""

import json
import os
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import astuple
from pathlib import Path
from typing import Any, Final

from core.errors import StoreError
from core.files import replacing
from core.options import VerifyOptions
from core.review.anchors import ANCHORS_NAME, NotedAnchors, read_anchors
from core.review.chain import Anchor, Link, canonical_json
from core.review.findings import Breach, Verification, end_of, record_findings
from core.review.migrations import BUSY_S, MIGRATIONS, Statements, apply, sync_folder

_CHECKED: Final = (
    "the chain is unbroken, every event is valid after those before it, the schema is this "
    "version's, and SQLite finds no damage in the file"
)


def verify_store(
    path: Path,
    anchor: Anchor | None = None,
    *,
    noted: NotedAnchors | None = None,
    migrations: Sequence[Statements] = MIGRATIONS,
) -> Verification:
    """Return what is wrong with a store; see `Verification.ok`.

    Args:
        path: The store.
        anchor: An end of the chain that was noted earlier.
        noted: Those of an anchors file; to be read before this is called, or an event written
            meanwhile is taken for a lost one.
        migrations: Of the schema.

    Raises:
        StoreError: There is no such file, or this user may not read it: nothing is known then.
    """
    if not path.is_file():
        raise StoreError(f"There is no review store {path}. Check the path.")
    if not os.access(path, os.R_OK):
        raise StoreError(f"{path} may not be read by this user. Use the account of the app.")
    links: list[Link] = []
    findings: list[Breach] = []
    schema: list[Breach] = []
    try:
        with closing(_opened(path)) as connection:
            connection.execute("BEGIN")  # file and events as of one moment
            damage = [row[0] for row in connection.execute("PRAGMA integrity_check(5)")]
            findings += [
                Breach("File", f"SQLite's own check says: {one}") for one in damage if one != "ok"
            ]
            schema = _schema_findings(connection, migrations)
            links, unreadable = _links(connection)
            findings += unreadable
    except (sqlite3.Error, UnicodeDecodeError) as error:
        findings.append(Breach("File", f"SQLite cannot read it: {error}"))
    findings += record_findings(links, anchor, noted)
    return Verification.of(path.name, links, [*findings, *schema], _CHECKED, noted)


def _opened(path: Path) -> sqlite3.Connection:
    # Even a reader of a write-ahead log needs a side file for its locks; where none can be made,
    # nobody else can be writing either.
    mode = "mode=rw" if os.access(path.parent, os.W_OK) else "immutable=1"
    connection = sqlite3.connect(
        f"{path.resolve().as_uri()}?{mode}", uri=True, timeout=BUSY_S, isolation_level=None
    )
    connection.execute("PRAGMA query_only = ON")
    return connection


def _schema_findings(
    connection: sqlite3.Connection, migrations: Sequence[Statements]
) -> list[Breach]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as new:
        for version, statements in enumerate(migrations, start=1):
            apply(new, version, statements)
        stored, expected = _schema(connection), _schema(new)
    return [
        Breach("Schema", f"{name} is not as this version of the program creates it")
        for name in sorted(stored.keys() | expected.keys())
        if stored.get(name) != expected.get(name)
    ]


def _schema(connection: sqlite3.Connection) -> dict[str, object]:
    """Return each table, index and trigger with its SQL, and the numbers in the file's header."""
    rows = connection.execute("SELECT type || ' ' || name, tbl_name, sql FROM sqlite_schema")
    schema: dict[str, object] = {str(name): definition for name, *definition in rows}
    for number in ("user_version", "application_id"):
        schema[number] = connection.execute(f"PRAGMA {number}").fetchone()[0]
    return schema


def _links(connection: sqlite3.Connection) -> tuple[list[Link], list[Breach]]:
    rows = connection.execute(
        "SELECT sequence, previous, payload, hash FROM events NOT INDEXED ORDER BY sequence"
    )
    links = [Link(*row) for row in rows]
    if any([*map(type, astuple(link))] != [int, str, str, str] for link in links):
        return [], [Breach("File", "an event contains bytes instead of text")]
    return links, []


UNBROKEN: Final = 0
BROKEN: Final = 1


def verify_command(options: VerifyOptions) -> int:
    """Run the command and return the exit status.

    Raises:
        NodelensError: No such file, or an anchor that is none.
    """
    anchor = None if options.anchor is None else Anchor.parse(options.anchor)
    check = verify_log if options.path.suffix == ".jsonl" else verify_store
    beside = options.path.with_name(ANCHORS_NAME)
    file = options.anchors or (beside if beside.is_file() else None)
    noted = None if file is None else read_anchors(file)
    outcome = check(options.path, anchor, noted=noted)
    sys.stdout.write(outcome.report())
    return UNBROKEN if outcome.ok else BROKEN


_FIELDS: Final = ["hash", "payload", "previous", "sequence"]
_LOG_CHECKED: Final = (
    "the chain is unbroken, every event is valid after those before it, and every byte of the log "
    "is as written"
)


def export_log(path: Path, links: Sequence[Link]) -> Anchor:
    """Write all entries of a store to a file that `verify` can check; return the chain's end."""
    end = end_of(links)
    with replacing(path) as temporary, temporary.open("w", encoding="ascii", newline="\n") as file:
        file.writelines(_line(link) for link in links)
        file.write(_seal(end))
    sync_folder(path.parent)
    return end


def _line(link: Link) -> str:
    content = {
        "sequence": link.sequence,
        "previous": link.previous,
        "payload": json.loads(link.payload),
        "hash": link.hash,
    }
    return canonical_json(content) + "\n"


def _seal(end: Anchor) -> str:
    return canonical_json({"events": end.sequence, "head": end.hash}) + "\n"


def verify_log(
    path: Path, anchor: Anchor | None = None, noted: NotedAnchors | None = None
) -> Verification:
    """Return what is wrong with an exported log; see `Verification.ok`.

    Raises:
        StoreError: There is no such file.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise StoreError(f"There is no log {path}. Check the path.") from None
    links: list[Link] = []
    findings: list[Breach] = []
    *lines, rest = data.split(b"\n")
    if rest:
        findings.append(Breach("End", "the last line is cut off"))
    for number, line in enumerate(lines[:-1], start=1):
        link = _read_line(line)
        if link is None:
            findings.append(
                Breach(
                    f"Line {number}",
                    ("it is not an entry in the form in which entries are written"),
                )
            )
        else:
            links.append(link)
    if not findings:
        findings += record_findings(links, anchor, noted)
    findings += _seal_findings(lines, end_of(links))
    return Verification.of(path.name, links, findings, _LOG_CHECKED, noted)


def _seal_findings(lines: Sequence[bytes], end: Anchor) -> Iterator[Breach]:
    if not lines or lines[-1] + b"\n" != _seal(end).encode():
        yield Breach(
            f"Line {len(lines)}",
            "the last line does not state the number of events and the hash of the last one",
        )


def _read_line(line: bytes) -> Link | None:
    """Return the entry, or None unless the line is exactly as `export_log` writes it."""
    try:
        content: Any = json.loads(line.decode("ascii"))
        if not isinstance(content, dict) or sorted(content) != _FIELDS:
            return None
        link = Link(
            sequence=content["sequence"],
            previous=content["previous"],
            payload=canonical_json(content["payload"]),
            hash=content["hash"],
        )
        plain = type(link.sequence) is int and type(link.previous) is type(link.hash) is str
        return link if plain and _line(link).encode() == line + b"\n" else None
    except (ValueError, RecursionError):
        return None
