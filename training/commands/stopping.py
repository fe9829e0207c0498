"""A clean stop after the step under way, on the first Ctrl-C or SIGTERM."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

STOPPED: Final = 130


def say_loading() -> None:
    """Say that something happens: PyTorch and what goes with it take seconds to load."""
    sys.stderr.write("Loading PyTorch ...\n")
    sys.stderr.flush()


def until_stopped(work: Callable[[Callable[[], bool]], object]) -> int:
    """Do work that asks now and then whether to stop, and return the exit status.

    Args:
        work: Called with the question; raises `Stopped` once it has stopped.
    """
    from training.learning.loop import Stopped

    with _stop_requests() as requests:
        try:
            work(lambda: bool(requests))
        except Stopped:
            sys.stderr.write("Stopped; the same command resumes from here.\n")
            return STOPPED
    return 0


@contextmanager
def _stop_requests() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM; the first asks for a clean stop, the second ends at once."""
    requests: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        if requests:
            raise KeyboardInterrupt
        requests.append(number)
        sys.stderr.write("\nStopping after this step ...\n")

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield requests
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
