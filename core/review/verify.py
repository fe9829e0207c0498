"""Is a store, byte by byte, what its writers left? Reads only, and leaves no trace.

The file and its write-ahead log are read as bytes and opened in memory. In the app use
`verify_apart`: a process that closes a file which it also has open in SQLite loses its locks on it.
"""

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from core.review.anchors import NotedAnchors
from core.review.chain import Anchor, Link
from core.review.connection import PAGE_BYTES
from core.review.errors import StoreError
from core.review.findings import (
    NO_ANCHORS,
    Finding,
    Verification,
    anchor_findings,
    chain_findings,
    end_of,
    noted_findings,
)
from core.review.image import (
    CHANGE_COUNTER,
    JOURNAL_MODE,
    LIBRARY_VERSION,
    VALID_FOR,
    as_readable,
    masked,
    pages,
    rebuild,
)
from core.review.migrations import MIGRATIONS, Statements
from core.review.wal import WriteAheadLog, read_wal

_MAGIC: Final = b"SQLite format 3\x00"
_TRIES: Final = 50
_CHECKED: Final = (
    "the chain is unbroken, every event could follow the ones before it, and every byte of the "
    "file is as these events give it"
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
        StoreError: There is no such file, or it is being written all the time.
    """
    main, log = _read_quietly(path)
    wal = read_wal(log, PAGE_BYTES)
    findings = _file_findings(main, wal)
    if path.with_name(path.name + "-journal").exists():
        findings.append(
            Finding("Journal", "the making of the store was interrupted; open it in the app once")
        )
    image = _composed(main, wal)
    links: list[Link] = []
    try:
        links, damage = _read_image(image)
        findings += damage
    except (sqlite3.Error, UnicodeDecodeError) as error:
        findings.append(Finding("File", f"SQLite cannot read it: {error}"))
    chain = chain_findings(links)
    findings += chain
    findings += anchor_findings(links, [anchor] if anchor else [])
    findings += noted_findings(links, noted)
    if not chain:
        findings += _layout_findings(main, wal, image, links, migrations)
    told = NO_ANCHORS if noted is None else noted.told(links)
    return Verification(path.name, len(links), end_of(links), tuple(findings), _CHECKED, told)


def verify_apart(
    path: Path, anchor: Anchor | None = None, *, anchors_file: Path | None = None
) -> Verification:
    """Return what `verify_store` finds, in a process of its own; safe beside open connections."""
    command = [sys.executable, "-m", "core.review", str(path), "--json"]
    if anchor is not None:
        command += ["--anchor", str(anchor)]
    if anchors_file is not None:
        command += ["--anchors", str(anchors_file)]
    done = subprocess.run(  # noqa: S603 - our own module with a path
        command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2]
    )
    if done.returncode not in (0, 1):
        raise StoreError(done.stderr.strip() or f"The verification of {path.name} did not run.")
    content = json.loads(done.stdout)
    return Verification(
        name=content["name"],
        events=content["events"],
        head=Anchor.parse(content["head"]),
        findings=tuple(Finding(**found) for found in content["findings"]),
        checked=content["checked"],
        noted=content["noted"],
    )


def _read_quietly(path: Path) -> tuple[bytes, bytes]:
    """Return file and write-ahead log as of one moment; read again while somebody writes."""
    log_path = path.with_name(path.name + "-wal")
    for _ in range(_TRIES):
        try:
            before = _stamp(path), _stamp(log_path)
            log = log_path.read_bytes() if before[1] else b""
            main = path.read_bytes()
            if (_stamp(path), _stamp(log_path)) == before and before[0]:
                return main, log
        except FileNotFoundError:
            pass  # the log goes when the last connection closes
        if not path.exists():
            raise StoreError(f"There is no review store {path}. Check the path.")
        time.sleep(0.02)
    raise StoreError(f"{path.name} is being written all the time. Verify it when readers pause.")


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ino


def _file_findings(main: bytes, wal: WriteAheadLog) -> list[Finding]:
    findings = []
    if wal.problem:
        findings.append(
            Finding(
                "Write-ahead log",
                f"{wal.problem}: either the machine stopped in the middle of an event that was "
                "never acknowledged, or the log was changed. Open the store in the app once, "
                "then verify against a noted anchor",
            )
        )
    if len(main) % PAGE_BYTES or not main:
        findings.append(Finding("File", f"{len(main)} bytes are not whole pages of {PAGE_BYTES}"))
    return findings


def _composed(main: bytes, wal: WriteAheadLog) -> bytes:
    """Return the image that a reader sees: the file with the log's pages over it."""
    parts = pages(main)
    for frame in wal.frames:
        parts += [bytes(PAGE_BYTES)] * (frame.page - len(parts))
        parts[frame.page - 1] = frame.content
    return b"".join(parts)


def _read_image(image: bytes) -> tuple[list[Link], list[Finding]]:
    if not image.startswith(_MAGIC):
        return [], [Finding("File", "it does not begin as an SQLite file does")]
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.deserialize(as_readable(image))
        damage = [
            Finding("File", f"SQLite's own check says: {row[0]}")
            for row in connection.execute("PRAGMA integrity_check(5)")
            if row[0] != "ok"
        ]
        rows = connection.execute(
            "SELECT sequence, previous, payload, hash FROM events NOT INDEXED ORDER BY sequence"
        )
        links = [Link(*row) for row in rows]
        if any(_types(link) != (int, str, str, str) for link in links):
            damage.append(Finding("File", "an event holds bytes where text belongs"))
            return [], damage
        return links, damage


def _types(link: Link) -> tuple[type, ...]:
    return tuple(type(value) for value in (link.sequence, link.previous, link.payload, link.hash))


def _layout_findings(
    main: bytes,
    wal: WriteAheadLog,
    image: bytes,
    links: Sequence[Link],
    migrations: Sequence[Statements],
) -> Iterator[Finding]:
    """Yield what differs between the bytes and those that the events give."""
    for header in {image[:100], main[:100]}:
        yield from _header_findings(header, links)
    try:
        expected = pages(rebuild(links, migrations))
        # One event is one commit, so this is what the file was when the log began.
        before = pages(rebuild(links[: max(len(links) - wal.commits, 0)], migrations))
    except (sqlite3.Error, IndexError) as error:
        yield Finding("File", f"its events cannot be laid out again: {error}")
        return
    found = pages(masked(image))
    if len(found) != len(expected):
        yield Finding("File", f"it has {len(found)} pages; its events give {len(expected)}")
    doubt = _version_doubt(links)
    for number, (page, rebuilt) in enumerate(zip(found, expected, strict=False), start=1):
        yield from _page_findings(number, page, [rebuilt], doubt)
    replaced: dict[int, list[bytes]] = {}
    for frame in wal.frames:
        replaced.setdefault(frame.page, []).append(_masked_page(frame.page, frame.content))
    for number, page in enumerate(pages(main), start=1):
        if number in replaced:
            allowed = [*before[number - 1 : number], *replaced[number]]
            yield from _page_findings(number, _masked_page(number, page), allowed, doubt)


def _masked_page(number: int, content: bytes) -> bytes:
    return masked(content) if number == 1 else content


def _page_findings(
    number: int, page: bytes, allowed: Sequence[bytes], doubt: str
) -> Iterator[Finding]:
    if page in allowed:
        return
    offset = next(
        (place for place, (a, b) in enumerate(zip(page, allowed[0], strict=False)) if a != b),
        min(len(page), len(allowed[0])),
    )
    yield Finding(
        f"Byte {(number - 1) * PAGE_BYTES + offset}",
        f"page {number} of the file is not as its events give it{doubt}",
    )


def _header_findings(header: bytes, links: Sequence[Link]) -> Iterator[Finding]:
    if header[JOURNAL_MODE] != b"\x02\x02":
        yield Finding(f"Byte {JOURNAL_MODE.start}", "the journal mode is not write-ahead logging")
    if header[CHANGE_COUNTER] != header[VALID_FOR]:
        yield Finding(f"Byte {CHANGE_COUNTER.start}", "the two change counters differ")
    writers = _writers(links)
    last = _library(header)
    if last not in writers:
        yield Finding(
            f"Byte {LIBRARY_VERSION.start}",
            f"the file names {last} as its last writer; no event was written by it",
        )


def _library(header: bytes) -> str:
    number = int.from_bytes(header[LIBRARY_VERSION], "big")
    return f"SQLite {number // 1_000_000}.{number // 1_000 % 1_000}.{number % 1_000}"


def _writers(links: Sequence[Link]) -> set[str]:
    return {json.loads(link.payload)["written_by"] for link in links}


def _version_doubt(links: Sequence[Link]) -> str:
    others = _writers(links) - {f"SQLite {sqlite3.sqlite_version}"}
    if not others:
        return ""
    return (
        f"; it was written by {', '.join(sorted(others))} and this is SQLite "
        f"{sqlite3.sqlite_version}, so verify with the former before you call it damage"
    )
