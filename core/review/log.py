"""The record as JSON lines: one event per line, and a last line that seals the file."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from core.errors import StoreError
from core.files import replacing
from core.review.anchors import NotedAnchors
from core.review.chain import Anchor, Link, canonical_json
from core.review.findings import Breach, Verification, end_of, record_findings
from core.review.migrations import sync_folder

_FIELDS: Final = ["hash", "payload", "previous", "sequence"]
_CHECKED: Final = (
    "the chain is unbroken, every event could follow those before it, and every byte of the log "
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
    return Verification.of(path.name, links, findings, _CHECKED, noted)


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
