"""Ends of the chain noted in a file of their own, outside the store, so that a cut is found.

Whoever can write both files can cut both. Keep this one where the store's keeper cannot change it:
on another machine's share, or mirrored by a backup that only appends.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Final

from core.errors import ReviewError, StoreError, why
from core.review.chain import Anchor, Link
from core.review.events import read_payload

ANCHORS_NAME: Final = "review_anchors.txt"
EVERY: Final = 10
"""Events between two anchors: so many at most can be cut off unnoticed."""
_LINE: Final = re.compile(r"(\d{1,18}:[0-9a-f]{64}) \S{1,40}", re.ASCII)


class AnchorFile:
    """An append-only text file, one anchor a line with its time."""

    def __init__(self, path: Path, *, every: int = EVERY) -> None:
        """Note anchors in `path`, which is made at need."""
        self.path = path
        self.every = every
        self._last: Anchor | None = None

    def last(self) -> Anchor | None:
        """Return the last anchor noted, None while there is none."""
        if not self.path.is_file():
            return None
        return max(
            read_anchors(self.path).anchors, key=lambda anchor: anchor.sequence, default=None
        )

    def note(self, end: Anchor, at: str) -> None:
        """Append an anchor, on disk when this returns; nothing if it was the last one noted.

        Raises:
            StoreError: The file cannot be written.
        """
        if end == self._last or not end.sequence:
            return
        line = f"{end} {at}\n".encode("ascii")
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
        try:
            descriptor = os.open(self.path, flags, 0o600)
            try:
                os.write(descriptor, line)  # one call, so that lines of two processes do not mix
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise StoreError(
                f"The anchors file {self.path.name} cannot be written: {why(error)}. Verdicts are "
                "still recorded; until this is fixed, removed events cannot be detected."
            ) from error
        self._last = end


@dataclass(frozen=True, slots=True)
class NotedAnchors:
    """What an anchors file holds.

    Attributes:
        anchors: In the order of the file.
        unreadable: Numbers of the lines that are none.
    """

    name: str
    anchors: tuple[Anchor, ...]
    unreadable: tuple[int, ...]

    def summary(self, links: Sequence[Link]) -> str:
        """Return which part of a record they fix, in words."""
        last = max((anchor.sequence for anchor in self.anchors), default=0)
        later = max(0, len(links) - last)
        return (
            f"{len(self.anchors)} anchors of {self.name} were compared, the last at event {last}; "
            f"{later} later events could be removed unnoticed"
        )


def read_anchors(path: Path) -> NotedAnchors:
    """Return the anchors of a file.

    Raises:
        StoreError: There is no such file.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError:
        raise StoreError(f"There is no anchors file {path}. Check the path.") from None
    anchors: list[Anchor] = []
    unreadable: list[int] = []
    for number, line in enumerate(lines[:-1] if not lines[-1] else lines, start=1):
        match = _LINE.fullmatch(line.decode("ascii", "replace"))
        if match is None:
            unreadable.append(number)
        else:
            anchors.append(Anchor.parse(match[1]))
    return NotedAnchors(path.name, tuple(anchors), tuple(unreadable))


_SLACK: Final = timedelta(minutes=2)
"""Machines put their clocks right by so much."""
_SHOWN: Final = 5


def clock_remarks(links: Sequence[Link]) -> tuple[str, ...]:
    """Return where an event is dated before the one that it follows, in sentences.

    Such an event is no forgery by itself: somebody put the clock right, or wrong.
    """
    try:
        times = [
            (link.sequence, datetime.fromisoformat(read_payload(link.payload).at)) for link in links
        ]
    except (ReviewError, ValueError):  # the findings say so
        return ()
    back = [(one, two) for one, two in pairwise(times) if two[1] < one[1] - _SLACK]
    remarks = [
        f"Event {number} is dated {at:%Y-%m-%d %H:%M}, before the preceding event "
        f"({before:%Y-%m-%d %H:%M}): the clock was set back or had been wrong."
        for (_, before), (number, at) in back[:_SHOWN]
    ]
    if len(back) > _SHOWN:
        remarks.append(f"The same applies to {len(back) - _SHOWN} further events.")
    return tuple(remarks)
