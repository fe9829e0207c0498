"""Work in the background: one thread a job, which can be stopped, waited for and forgotten."""

import threading
import time
from collections.abc import Callable
from typing import Generic, Literal, TypeVar

from core.jobs.places import PLACES, Place, Places
from core.log import event, where

State = Literal["new", "running", "stopped", "done", "broken"]
"""How a job is; a stopped one continues when its owner likes."""


class BackgroundTask(threading.Thread):
    """One piece of work; a subclass does it in `work`, looks at `stop` often, and gives way.

    Attributes:
        stop: Set when it should end soon.
        error: Why it broke, in words; "" while it has not.
    """

    def __init__(self, name: str, owner: str = "", places: Places = PLACES) -> None:
        """Name the thread; it does not outlive the process.

        Args:
            name: Of the thread; the log has it.
            owner: For whom; places are shared fairly between owners.
            places: Where it waits for its turn.
        """
        super().__init__(name=name, daemon=True)
        self.stop = threading.Event()
        self.error = ""
        self._place = Place(places, owner)

    @property
    def before(self) -> int | None:
        """How many jobs have their turn before it; None while it does not wait."""
        return self._place.before

    def run(self) -> None:
        """Do the work once there is a place for it, and keep what goes wrong."""
        if not self._place.take(self.stop):
            return
        clock = time.monotonic()
        event("job.began", job=self.name)
        try:
            self.work()
        except Exception as error:  # noqa: BLE001 - a thread has no caller; the page shows it
            self.error = str(error) or type(error).__name__
            event("job.broke", job=self.name, error=where(error))
            self.broke()
        finally:
            self._place.leave()
            event("job.ended", job=self.name, seconds=round(time.monotonic() - clock, 3))

    def give_way(self) -> None:
        """Let another task have a turn if one waits; returns when it is this one's again."""
        self._place.give_way(self.stop)

    def work(self) -> None:
        """Do the work."""
        raise NotImplementedError

    def broke(self) -> None:
        """Clear up after work that broke."""


T = TypeVar("T", bound=BackgroundTask)


class Runner(Generic[T]):
    """The last task of each job; safe to use from several threads."""

    def __init__(self) -> None:
        """Hold no task yet."""
        self._tasks: dict[str, T] = {}
        self._lock = threading.Lock()

    def task(self, key: str) -> T | None:
        """Return the last task of a job, ended or not; None without one."""
        with self._lock:
            return self._tasks.get(key)

    def is_running(self, key: str) -> bool:
        """Return whether a job is being worked on."""
        task = self.task(key)
        return task is not None and task.is_alive()

    def start(self, key: str, make: Callable[[], T]) -> None:
        """Start a job's task unless one is running."""
        with self._lock:
            task = self._tasks.get(key)
            if task is None or not task.is_alive():
                self._tasks[key] = make()
                self._tasks[key].start()

    def cancel(self, key: str) -> None:
        """Ask a running task to end soon; what it has done stays."""
        if task := self.task(key):
            task.stop.set()

    def wait(self, key: str, timeout_s: float | None = None) -> None:
        """Wait until a job's task has ended."""
        if task := self.task(key):
            task.join(timeout_s)

    def forget(self, key: str) -> None:
        """End a job's task and drop it."""
        self.cancel(key)
        self.wait(key)
        with self._lock:
            self._tasks.pop(key, None)
