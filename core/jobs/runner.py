"""Work in the background: one thread a job, which can be stopped, waited for and forgotten."""

import os
import threading
from collections.abc import Callable
from typing import Final, Generic, Literal, TypeVar

_PLACES: Final = threading.BoundedSemaphore(max(3, (os.cpu_count() or 2) // 2))
"""Jobs worked on at once, over all owners; more would only share the same processors."""

State = Literal["new", "running", "stopped", "done", "broken"]
"""How a job is; a stopped one continues when its owner likes."""


class BackgroundTask(threading.Thread):
    """One piece of work; a subclass does it in `work` and looks at `stop` often.

    Attributes:
        stop: Set when it should end soon.
        error: Why it broke, in words; "" while it has not.
    """

    def __init__(self, name: str) -> None:
        """Name the thread; it does not outlive the process."""
        super().__init__(name=name, daemon=True)
        self.stop = threading.Event()
        self.error = ""

    def run(self) -> None:
        """Do the work once there is a place for it, and keep what goes wrong."""
        while not _PLACES.acquire(timeout=0.2):
            if self.stop.is_set():
                return
        try:
            self.work()
        except Exception as error:  # noqa: BLE001 - a thread has no caller; the page shows it
            self.error = str(error) or type(error).__name__
            self.broke()
        finally:
            _PLACES.release()

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
