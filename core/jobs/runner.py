"""Work in the background: one thread a job, which can be stopped, and fair places for them."""

import contextlib
import ctypes
import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Final, Generic, Literal, TypeVar

from core.jobs.folder import Job
from core.log import event, where

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
            while not (self._free and min(self._waiting, key=self._turn) == ticket):
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
    def has_waiting(self) -> bool:
        """Whether somebody waits for a place."""
        return bool(self._waiting)

    def _turn(self, ticket: int) -> tuple[int, int]:
        return self._having[self._waiting[ticket]], ticket


PLACES: Final = Places(max(3, (os.cpu_count() or 2) // 2))
"""Over all owners; more jobs at once would only share the same processors."""


State = Literal["new", "running", "stopped", "done", "broken"]
"""How a job is; a stopped one continues when its owner likes."""


@dataclass(frozen=True)
class JobProgress:
    """How far a job is.

    Attributes:
        state: Of the job.
        done: What is done of it: inputs with a row, cells scored, parts looked at.
        total: Of how many; 0 while not yet known.
        error: Why it is broken, in words.
        rate_per_s: How many a second since it was started here; 0 while not running.
        stopping: Whether it was asked to stop, and ends with the block that it is at.
        before: How many jobs have their turn before it, because as many run as may; None while
            it does not wait.
        step: What is done now, where a job has several steps.
    """

    state: State
    done: int = 0
    total: int = 0
    error: str = ""
    rate_per_s: float = 0.0
    stopping: bool = False
    before: int | None = None
    step: str = ""

    @property
    def seconds_left(self) -> float | None:
        """How long the rest takes at this rate; None while nobody can know."""
        return (self.total - self.done) / self.rate_per_s if self.rate_per_s > 0 else None


class BackgroundTask(threading.Thread):
    """One piece of work; what does it looks at `stop` often, and gives way.

    Attributes:
        stop: Set when it should end soon.
        error: Why it broke, in words; "" while it has not.
        finished: Whether the work said that all is done.
        step, done, total: See `JobProgress`.
    """

    def __init__(
        self,
        name: str,
        owner: str = "",
        places: Places = PLACES,
        work: "Callable[[BackgroundTask], object] | None" = None,
    ) -> None:
        """Name the thread; it does not outlive the process.

        Args:
            name: Of the thread; the log has it.
            owner: For whom; places are shared fairly between owners.
            places: Where it waits for its turn.
            work: Does the work and returns whether all is done; None where a subclass does.
        """
        super().__init__(name=name, daemon=True)
        self.stop = threading.Event()
        self.error, self.finished = "", False
        self.step, self.done, self.total = "", 0, 0
        self._kept, self._clock = 0, 0.0
        self._places, self._owner = places, owner
        self._ticket, self._has_place, self._since = -1, False, 0.0
        self._work = work

    @property
    def before(self) -> int | None:
        """How many jobs have their turn before it; None while it does not wait."""
        return self._places.before(self._ticket)

    def run(self) -> None:
        """Do the work once there is a place for it, and keep what goes wrong."""
        if not self._take_place():
            return
        clock = time.monotonic()
        event("job.began", job=self.name)
        try:
            self.finished = self.work() is True
        except Exception as error:  # noqa: BLE001 - a thread has no caller; the page shows it
            self.error = str(error) or type(error).__name__
            event("job.broke", job=self.name, error=where(error))
        finally:
            _give_back_memory()
            self._leave_place()
            event("job.ended", job=self.name, seconds=round(time.monotonic() - clock, 3))

    def _take_place(self) -> bool:
        """Wait for a place; False if asked to stop before there was one."""
        self._ticket = self._places.queue(self._owner)
        self._has_place = self._places.take(self._ticket, self.stop)
        self._since = time.monotonic()
        return self._has_place

    def _leave_place(self) -> None:
        if self._has_place:
            self._places.leave(self._owner)
        self._has_place = False

    def count_from(self, kept: int, total: int = 0, step: str = "") -> None:
        """Note where the work begins, with what was done before; the rate counts from here."""
        self.step, self.done, self.total = step, kept, total
        self._kept, self._clock = kept, time.perf_counter()

    def advance(self, done: int, total: int | None = None) -> None:
        """Note how far the work is, and let another task have a turn if one waits."""
        self.done, self.total = done, self.total if total is None else total
        if self._places.has_waiting and time.monotonic() - self._since > SLICE_S:
            self._leave_place()
            self._take_place()

    @property
    def rate_per_s(self) -> float:
        """How many a second so far; 0 before the first."""
        if self.done <= self._kept:
            return 0.0
        return (self.done - self._kept) / max(time.perf_counter() - self._clock, 1e-6)

    def progress(self) -> JobProgress:
        """Return how far it is, under way or ended."""
        if not self.is_alive():
            state: State = "broken" if self.error else "done" if self.finished else "stopped"
            return JobProgress(state, self.done, self.total, self.error)
        return JobProgress(
            "running",
            self.done,
            self.total,
            rate_per_s=self.rate_per_s if self._clock else 0.0,
            stopping=self.stop.is_set(),
            before=self.before,
            step=self.step,
        )

    def work(self) -> object:
        """Do the work and return whether all is done."""
        return None if self._work is None else self._work(self)


def _give_back_memory() -> None:
    """Let the system have what the work has freed.

    glibc keeps freed blocks below 128 KiB and more for each thread's arena; six slides one after
    another left 1.1 GB with a server that needs 0.7.
    """
    with contextlib.suppress(AttributeError, OSError, TypeError):  # no glibc
        ctypes.CDLL(None).malloc_trim(0)


T = TypeVar("T", bound=BackgroundTask)


class Runner(Generic[T]):
    """The last task of each job; safe to use from several threads."""

    def __init__(self) -> None:
        """Hold no task yet."""
        self._tasks: dict[str, T] = {}
        self._lock = threading.Lock()

    def task(self, job: Job) -> T | None:
        """Return the last task of a job in this process, ended or not; None without one."""
        with self._lock:
            return self._tasks.get(job.id)

    def is_running(self, job: Job) -> bool:
        """Return whether a job is being worked on."""
        task = self.task(job)
        return task is not None and task.is_alive()

    def begin(self, job: Job, make: Callable[[], T]) -> None:
        """Start a job's task unless one is running."""
        with self._lock:
            task = self._tasks.get(job.id)
            if task is None or not task.is_alive():
                self._tasks[job.id] = make()
                self._tasks[job.id].start()

    def cancel(self, job: Job) -> None:
        """Ask a running task to end soon; what it has done stays."""
        if task := self.task(job):
            task.stop.set()

    def wait(self, job: Job, timeout_s: float | None = None) -> None:
        """Wait until a job's task has ended."""
        if task := self.task(job):
            task.join(timeout_s)

    def forget(self, job: Job) -> None:
        """End a job's task and drop it."""
        self.cancel(job)
        self.wait(job)
        with self._lock:
            self._tasks.pop(job.id, None)
