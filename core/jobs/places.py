"""Places for work in the background, shared fairly between the people who ask for them."""

import os
import threading
import time
from collections import Counter
from itertools import count
from typing import Final

SLICE_S: Final = 2.0
"""So long a job keeps its place at least while others wait."""


class Places:
    """So many jobs are worked on at once; the others wait.

    The next place goes to whoever has the fewest, and of these to who has waited longest. A job
    that has had its time gives its place to one that waits, so that a large batch keeps nobody
    from a small one.
    """

    def __init__(self, places: int) -> None:
        """Have so many places, all free."""
        self._free = places
        self._changed = threading.Condition()
        self._tickets = count()
        self._waiting: dict[int, str] = {}
        self._having: Counter[str] = Counter()

    def queue(self, owner: str) -> int:
        """Stand in line and return the ticket."""
        with self._changed:
            ticket = next(self._tickets)
            self._waiting[ticket] = owner
            return ticket

    def before(self, ticket: int) -> int | None:
        """Return how many have their turn before a ticket; None if it stands in no line."""
        with self._changed:
            if ticket not in self._waiting:
                return None
            return sum(self._turn(other) < self._turn(ticket) for other in self._waiting)

    def take(self, ticket: int, stop: threading.Event) -> bool:
        """Wait for a place; False if asked to stop before there was one."""
        with self._changed:
            owner = self._waiting[ticket]
            while not (self._free and self._next() == ticket):
                if stop.is_set():
                    del self._waiting[ticket]
                    self._changed.notify_all()
                    return False
                self._changed.wait(0.2)
            del self._waiting[ticket]
            self._free -= 1
            self._having[owner] += 1
            self._changed.notify_all()
            return True

    def leave(self, owner: str) -> None:
        """Give a place back."""
        with self._changed:
            self._free += 1
            self._having[owner] -= 1
            self._changed.notify_all()

    @property
    def wanted(self) -> bool:
        """Whether somebody waits for a place."""
        return bool(self._waiting)

    def _turn(self, ticket: int) -> tuple[int, int]:
        return self._having[self._waiting[ticket]], ticket

    def _next(self) -> int:
        return min(self._waiting, key=self._turn)


class Place:
    """The place that one job has, or waits for."""

    def __init__(self, places: Places, owner: str) -> None:
        """Have none yet."""
        self._places, self._owner = places, owner
        self._since = 0.0
        self._ticket = -1
        self.held = False

    @property
    def before(self) -> int | None:
        """How many jobs have their turn before this one; None while it does not wait."""
        return self._places.before(self._ticket)

    def take(self, stop: threading.Event) -> bool:
        """Wait for the place; False if asked to stop before there was one."""
        self._ticket = self._places.queue(self._owner)
        self.held = self._places.take(self._ticket, stop)
        self._since = time.monotonic()
        return self.held

    def give_way(self, stop: threading.Event) -> None:
        """Let another job have the place and wait for the next, if its time is over."""
        if self._places.wanted and time.monotonic() - self._since > SLICE_S:
            self.leave()
            self.take(stop)

    def leave(self) -> None:
        """Give the place back, if there is one."""
        if self.held:
            self._places.leave(self._owner)
        self.held = False


PLACES: Final = Places(max(3, (os.cpu_count() or 2) // 2))
"""Over all owners; more jobs at once would only share the same processors."""
