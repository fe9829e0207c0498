import ctypes
import logging
import re
import threading
import time
from pathlib import Path

import pytest

from core.jobs import Job
from core.jobs.runner import BackgroundTask, Places, Runner

ONE, OTHER = (Job(id, "", "", "", server_path=None, uploads=()) for id in "ab")


class Waiting(BackgroundTask):
    """Works until it is told to stop, then breaks if it should."""

    def __init__(self, *, breaks: bool = False) -> None:
        super().__init__("waiting")
        self.under_way = threading.Event()
        self._breaks = breaks

    def work(self) -> None:
        self.under_way.set()
        self.stop.wait(30)
        if self._breaks:
            raise ValueError


def test_a_job_has_one_task_at_a_time_and_another_after_that() -> None:
    runner: Runner[Waiting] = Runner()
    runner.begin(ONE, Waiting)
    first = runner.task(ONE)
    runner.begin(ONE, Waiting)
    assert runner.task(ONE) is first
    assert runner.is_running(ONE)
    assert not runner.is_running(OTHER)
    runner.cancel(ONE)
    runner.wait(ONE, 30)
    assert not runner.is_running(ONE)
    runner.begin(ONE, Waiting)
    assert runner.task(ONE) is not first
    runner.forget(ONE)
    assert runner.task(ONE) is None


def test_what_breaks_is_kept_in_words() -> None:
    runner: Runner[Waiting] = Runner()
    runner.begin(ONE, lambda: Waiting(breaks=True))
    runner.cancel(ONE)
    runner.wait(ONE, 30)
    task = runner.task(ONE)
    assert task is not None
    assert task.error == "ValueError"


class Long(BackgroundTask):
    """Steps until it is told to stop; says in a list who had a turn."""

    def __init__(self, name: str, owner: str, shared: Places, turns: list[str], steps: int) -> None:
        super().__init__(name, owner, shared)
        self._turns, self._steps = turns, steps

    def work(self) -> None:
        for _ in range(self._steps):
            self._turns.append(self.name)
            time.sleep(0.01)
            if self.stop.is_set():
                return
            self.advance(self.done + 1)


def test_a_large_batch_keeps_nobody_from_a_small_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.jobs.runner.SLICE_S", 0.05)
    shared, turns = Places(1), list[str]()
    large = [Long(f"large{n}", "a", shared, turns, 100_000) for n in range(4)]
    for task in large:
        task.start()
    while not turns:
        time.sleep(0.01)
    small = Long("small", "b", shared, turns, 3)
    small.start()
    small.join(30)
    assert not small.is_alive()
    assert not any(task.error for task in large)
    for task in large:
        task.stop.set()
        task.join(30)


def test_so_many_run_at_once_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.jobs.runner.SLICE_S", 0.0)
    shared, turns = Places(2), list[str]()
    tasks = [Long(str(n), str(n % 3), shared, turns, 20) for n in range(8)]
    for task in tasks:
        task.start()
    most = 0
    while any(task.is_alive() for task in tasks):
        most = max(most, sum(task.is_alive() and task.before is None for task in tasks))
        time.sleep(0.002)
    assert most <= 2
    assert sorted(turns) == sorted(str(n) for n in range(8) for _ in range(20))


def test_a_task_that_waits_can_be_stopped() -> None:
    shared, turns = Places(0), list[str]()
    task = Long("a", "a", shared, turns, 1)
    task.start()
    while task.before is None:
        time.sleep(0.01)
    assert task.before == 0
    task.stop.set()
    task.join(30)
    assert not task.is_alive()
    assert not turns


def test_the_log_tells_where_work_broke_and_no_message(caplog: pytest.LogCaptureFixture) -> None:
    class Breaks(BackgroundTask):
        def work(self) -> None:
            raise ValueError("PATIENT_JONES.tif is odd")

    with caplog.at_level(logging.INFO, "nodelens"):
        task = Breaks("breaks")
        task.run()
    events = [record.__dict__["nodelens_facts"] for record in caplog.records]
    assert [record.msg for record in caplog.records] == ["job.began", "job.broke", "job.ended"]
    assert events[1]["error"].startswith("ValueError at test_runner.py:")
    assert "JONES" not in str(events)


def test_a_task_in_line_knows_how_many_are_before_it() -> None:
    shared = Places(1)
    stop = threading.Event()
    assert shared.take(shared.queue("a"), stop)
    tickets = [shared.queue(owner) for owner in ("a", "a", "b")]
    assert [shared.before(ticket) for ticket in tickets] == [1, 2, 0]  # "a" has a place, "b" none
    shared.leave("a")
    assert shared.take(tickets[0], stop) is True
    assert [shared.before(ticket) for ticket in tickets] == [None, 1, 0]


def resident_mib() -> int:
    match = re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text("utf-8"))
    assert match is not None
    return int(match[1]) // 1024


class Littering(BackgroundTask):
    """Frees nineteen of twenty blocks, so that what is free lies between what is kept."""

    def work(self) -> None:
        blocks = [b"x" * 100_000 for _ in range(2_000)]
        self.kept = blocks[::20]
        del blocks
        self.before_mib = resident_mib()


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="glibc's memory only")
def test_what_a_job_freed_is_given_back() -> None:
    task = Littering("littering")
    task.start()
    task.join(60)
    assert resident_mib() < task.before_mib - 100
