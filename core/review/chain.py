"""The hash chain: each entry carries the hash of the one before."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from core.errors import ReviewError

GENESIS: Final = "0" * 64
_ANCHOR: Final = re.compile(r"^(\d{1,18}):([0-9a-f]{64})$", re.ASCII)


@dataclass(frozen=True, slots=True)
class Link:
    """One entry as it is stored.

    Attributes:
        sequence: 1, 2, 3, … without a gap.
        previous: Hash of the entry before; zeros for the first.
        payload: Canonical JSON.
        hash: SHA-256 over `previous` and `payload`.
    """

    sequence: int
    previous: str
    payload: str
    hash: str


@dataclass(frozen=True, slots=True)
class Anchor:
    """The end of a chain at some time, to be noted where the store's keeper cannot change it."""

    sequence: int
    hash: str

    def __str__(self) -> str:
        """Return `SEQUENCE:HASH`, the form that `verify --anchor` takes."""
        return f"{self.sequence}:{self.hash}"

    @classmethod
    def parse(cls, text: str) -> "Anchor":
        """Return the anchor that a text names. ReviewError if it names none."""
        match = _ANCHOR.match(text.strip())
        if match is None:
            raise ReviewError(
                f"Found the anchor {text!r}; expected SEQUENCE:HASH, such as 120: and 64 "
                "hexadecimal digits, as `verify` prints it."
            )
        return cls(int(match[1]), match[2])


def canonical_json(value: object) -> str:
    """Return the one JSON text of a value: sorted keys, no spaces, ASCII, no NaN."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    )


def link_hash(previous: str, payload: str) -> str:
    """Return the SHA-256 of the previous hash followed by the payload's bytes."""
    return hashlib.sha256(previous.encode() + payload.encode()).hexdigest()


def next_link(end: Anchor, payload: str) -> Link:
    """Return the link that puts a canonical payload after the end of a chain."""
    return Link(end.sequence + 1, end.hash, payload, link_hash(end.hash, payload))


START: Final = Anchor(0, GENESIS)


def breaks(links: Iterable[Link]) -> Iterator[tuple[int, str]]:
    """Yield the sequence of every broken link, judged from the entry before it, and its fault."""
    end = START
    for link in links:
        for problem in _problems(end, link):
            yield link.sequence, problem
        end = Anchor(link.sequence, link.hash)


def _problems(end: Anchor, link: Link) -> Iterator[str]:
    if link.sequence != end.sequence + 1:
        yield f"it follows event {end.sequence}: one or more events between them are missing"
    if link.previous != end.hash:
        yield "it does not contain the hash of the event before it"
    if link.hash != link_hash(link.previous, link.payload):
        yield "its content does not match its hash: one of them was changed"
    if not _is_canonical(link.payload):
        yield "its content is not in the form in which it was written"


def _is_canonical(payload: str) -> bool:
    try:
        return canonical_json(json.loads(payload)) == payload
    except (ValueError, RecursionError):
        return False
