import threading

from core.jobs.runner import BackgroundTask, Runner


class Waiting(BackgroundTask):
    """Works until it is told to stop, then breaks if it should."""

    def __init__(self, *, breaks: bool = False) -> None:
        super().__init__("waiting")
        self.under_way, self.cleared = threading.Event(), False
        self._breaks = breaks

    def work(self) -> None:
        self.under_way.set()
        self.stop.wait(30)
        if self._breaks:
            raise ValueError

    def broke(self) -> None:
        self.cleared = True


def test_a_job_has_one_task_at_a_time_and_another_after_that() -> None:
    runner: Runner[Waiting] = Runner()
    runner.start("a", Waiting)
    first = runner.task("a")
    runner.start("a", Waiting)
    assert runner.task("a") is first
    assert runner.is_running("a")
    assert not runner.is_running("b")
    runner.cancel("a")
    runner.wait("a", 30)
    assert not runner.is_running("a")
    runner.start("a", Waiting)
    assert runner.task("a") is not first
    runner.forget("a")
    assert runner.task("a") is None


def test_what_breaks_is_kept_in_words_and_cleared_up() -> None:
    runner: Runner[Waiting] = Runner()
    runner.start("a", lambda: Waiting(breaks=True))
    runner.cancel("a")
    runner.wait("a", 30)
    task = runner.task("a")
    assert task is not None
    assert (task.error, task.cleared) == ("ValueError", True)
