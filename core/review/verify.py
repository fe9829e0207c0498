"""Is a store, or a log exported from it as JSON lines, what its writers left? Reads only."""

import json
import os
import sqlite3
import sys
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, Final

from core.errors import ReviewError, StoreError
from core.files import replacing
from core.options import VerifyOptions
from core.review.anchors import ANCHORS_NAME, NotedAnchors, clock_remarks, read_anchors
from core.review.chain import START, Anchor, Link, breaks, canonical_json
from core.review.events import read_payload
from core.review.migrations import BUSY_S, MIGRATIONS, Statements, apply, sync_folder
from core.review.record import Record, RecordEntry
from core.review.rules import require_allowed

LIMITS: Final = (
    "What a chain cannot show: anyone who can write the file can write a whole new chain, restore "
    "an older copy or drop the last events. The app therefore notes anchors in a separate file, "
    "but anyone who can write both can change both. Keep that file elsewhere, or note the anchor "
    "above (on paper, in an e-mail) and verify with --anchor later: nothing up to it can then "
    "change unnoticed.",
    "It does not show who sat at the screen, or that the clock was right.",
)

NO_ANCHORS: Final = "No saved anchor was compared: removal of the last events would go unnoticed"


@dataclass(frozen=True, slots=True)
class Breach:
    """Something that is not as its writer left it."""

    place: str
    problem: str

    def __str__(self) -> str:
        """Return place and problem as one sentence."""
        return f"{self.place}: {self.problem}."


@dataclass(frozen=True, slots=True)
class Verification:
    """The outcome.

    Attributes:
        events: How many events it holds.
        head: End of the chain.
        findings: In the order of the file; none if everything is as it was written.
        checked: What was checked, in words.
        noted: Which anchors were compared, in words.
        remarks: What breaks no chain and should be known: a clock that went back.
    """

    name: str
    events: int
    head: Anchor
    findings: tuple[Breach, ...]
    checked: str
    noted: str
    remarks: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def report(self) -> str:
        """Return everything as text for a terminal."""
        verdict = (
            f"OK: {self.checked}"
            if self.ok
            else f"BROKEN: {len(self.findings)} findings; start with the first"
        )
        lines = [f"{self.name}: {self.events} events", verdict]
        lines += [f"  {finding}" for finding in self.findings]
        lines += self.remarks
        lines += [f"{self.noted}.", f"Anchor: {self.head}"]
        return "\n".join([*lines, *LIMITS]) + "\n"


def _outcome(
    name: str,
    links: Sequence[Link],
    findings: Iterable[Breach],
    checked: str,
    noted: NotedAnchors | None,
) -> Verification:
    compared = NO_ANCHORS if noted is None else noted.summary(links)
    end, remarks = _end_of(links), clock_remarks(links)
    return Verification(name, len(links), end, tuple(findings), checked, compared, remarks)


def _record_findings(
    links: Sequence[Link], anchor: Anchor | None, noted: NotedAnchors | None
) -> list[Breach]:
    """Return what is wrong with entries, what anchors tell against them, and with their file."""
    findings = [Breach(f"Event {at}", problem) for at, problem in breaks(links)]
    findings = findings or _events_that_could_not_be(links)
    findings += _anchor_findings(links, [anchor] if anchor else [])
    if noted is not None:
        findings += _anchor_findings(links, noted.anchors)
        findings += [
            Breach(f"{noted.name}, line {number}", "it is not an anchor, so it proves nothing")
            for number in noted.unreadable
        ]
    return findings


def _anchor_findings(links: Sequence[Link], anchors: Iterable[Anchor]) -> list[Breach]:
    """Return the first anchor that the entries contradict: those after it say the same."""
    held = {link.sequence: link.hash for link in links}
    for anchor in anchors:
        place = f"Anchor {anchor.sequence}"
        if anchor == START or held.get(anchor.sequence) == anchor.hash:
            continue
        if anchor.sequence not in held:
            problem = f"the record ends at event {len(links)}; the events up to the anchor are gone"
        else:
            problem = (
                "the event there has a different hash from the one noted; the record was rewritten"
            )
        return [Breach(place, problem)]
    return []


def _events_that_could_not_be(links: Sequence[Link]) -> list[Breach]:
    """Return the first event that the store would not have accepted: the chain was forged."""
    record = Record()
    for link in links:
        try:
            entry = RecordEntry(link.sequence, link.hash, read_payload(link.payload))
            require_allowed(record, entry.payload.event)
            if entry.payload.action in record.actions:
                raise ReviewError("The same action is recorded twice.")
            record.grow(entry)
        except ReviewError as error:
            problem = f"the store would not have accepted it: {error}".rstrip(".")
            return [Breach(f"Event {link.sequence}", problem)]
    return []


def _end_of(links: Sequence[Link]) -> Anchor:
    """Return the anchor at the end of some entries."""
    return Anchor(links[-1].sequence, links[-1].hash) if links else START


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

    It is compared with an end of the chain that was noted earlier, and with those of an anchors
    file; read this before, or an event written meanwhile is taken for a lost one.

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
    findings += _record_findings(links, anchor, noted)
    return _outcome(path.name, links, [*findings, *schema], _CHECKED, noted)


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
    end = _end_of(links)
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
                    f"Line {number}", "it is not an entry in the form in which entries are written"
                )
            )
        else:
            links.append(link)
    if not findings:
        findings += _record_findings(links, anchor, noted)
    if not lines or lines[-1] + b"\n" != _seal(_end_of(links)).encode():
        problem = "the last line does not state the number of events and the hash of the last one"
        findings.append(Breach(f"Line {len(lines)}", problem))
    return _outcome(path.name, links, findings, _LOG_CHECKED, noted)


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
