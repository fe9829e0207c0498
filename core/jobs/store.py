"""Scoring jobs that outlive a page, a browser tab and the process that started them."""

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from core.errors import RunError, SourceError
from core.jobs.folder import Job, JobFolder
from core.jobs.preflight import InputReport, inspect_source
from core.jobs.runner import BackgroundTask, Places, Runner, State
from core.patches import PatchSource
from core.patches.colours import colour_notes
from core.scoring import (
    DEFAULT_BATCH_SIZE,
    Classifier,
    ScoreRow,
    TestTimeAugmentation,
    open_journal,
    read_rows,
    read_spec,
    run_metadata,
    run_scoring,
    specify,
)

INSPECTED_INPUTS: Final = 5_000
"""How many inputs are read before scoring."""
INSPECTED_S: Final = 10.0
"""After so long the report covers what was read by then: odd files may take seconds each."""
_AT_ONCE_S: Final = 1.5
_LOOKS: Final = Places(4)
"""Places of their own: nobody waits for somebody's scoring to see what they have brought."""


@dataclass(frozen=True)
class JobProgress:
    """How far a job is.

    Attributes:
        state: Of the job.
        done: Inputs with a row.
        total: Inputs in all; 0 while not yet known.
        error: Why it is broken, in words.
        rate_per_s: Inputs a second since it was started here; 0 while not running.
        stopping: Whether it was asked to stop, and ends with the block that it is at.
        before: How many jobs have their turn before it, because as many run as may; None while
            it does not wait.
    """

    state: State
    done: int
    total: int
    error: str = ""
    rate_per_s: float = 0.0
    stopping: bool = False
    before: int | None = None

    @property
    def seconds_left(self) -> float | None:
        """How long the rest takes at this rate; None while nobody can know."""
        return (self.total - self.done) / self.rate_per_s if self.rate_per_s > 0 else None


class _Scoring(BackgroundTask):
    """One job being scored."""

    def __init__(self, store: "JobStore", job: Job, classifier: Classifier) -> None:
        super().__init__(f"score-{job.id[:8]}", job.owner)
        self.done = 0
        self.total = 0
        self.finished = False
        self._resumed_at = 0
        self._clock: float | None = None
        self._store = store
        self._job = job
        self._classifier = classifier

    @property
    def rate_per_s(self) -> float:
        """Inputs a second so far."""
        if self._clock is None or self.done == self._resumed_at:
            return 0.0
        return (self.done - self._resumed_at) / max(time.perf_counter() - self._clock, 1e-6)

    def work(self) -> None:
        with self._store.open(self._job) as source:
            source.require_consistent()
            self.total = len(source)
            spec = specify(
                source,
                self._classifier,
                tta=TestTimeAugmentation(self._job.tta),
                batch_size=DEFAULT_BATCH_SIZE,
            )
            journal = open_journal(self._store.journal(self._job), spec, source, resume=True)
            self.done = self._resumed_at = journal.rows_done
            started = datetime.now(UTC)
            self._clock = time.perf_counter()
            with closing(journal):
                self.finished = run_scoring(
                    source, self._classifier, journal, on_rows=self._advance, stop=self.stop
                )
            self._store.write_run(
                self._job,
                run_metadata(self._classifier, spec, {})
                | {
                    "started": started.isoformat(),
                    "finished": datetime.now(UTC).isoformat(),
                    "resumed_at_row": self._resumed_at,
                    "seconds": round(time.perf_counter() - self._clock, 3),
                    "patches_per_second": round(self.rate_per_s, 1),
                    "notes": [*source.notes, *(colour_notes(source) if self.finished else ())],
                },
            )

    def _advance(self, rows: Iterable[ScoreRow]) -> None:
        self.done += sum(1 for _ in rows)
        self.give_way()


class Look(BackgroundTask):
    """A job's input being looked at before it is scored.

    Attributes:
        done: Inputs read so far.
        report: What is known once it ended; of what was read, if it was stopped.
    """

    def __init__(self, job: Job, opened: Callable[[], PatchSource]) -> None:
        """Look once started; `opened` gives the source."""
        super().__init__(f"look-{job.id[:8]}", job.owner, _LOOKS)
        self.done = 0
        self.report: InputReport | None = None
        self._opened = opened

    def work(self) -> None:
        """Read the first inputs."""
        self.report = inspect_source(
            self._opened(),
            limit=INSPECTED_INPUTS,
            on_progress=self._advance,
            stop=self.stop,
            seconds=INSPECTED_S,
        )

    def _advance(self, done: int) -> None:
        self.done = done


class JobStore(JobFolder, Runner[_Scoring]):
    """The jobs of every owner in one folder, scored by threads; safe to use from several."""

    def __init__(self, folder: Path, *, server_roots: Sequence[Path] | None = None) -> None:
        """Keep jobs below `folder`; see `JobFolder`."""
        JobFolder.__init__(self, folder, server_roots=server_roots)
        Runner.__init__(self)
        self._looks: Runner[Look] = Runner()

    def look(self, job: Job, opened: Callable[[], PatchSource] | None = None) -> Look:
        """Return the look at a job's input: begun at need, and ended soon if it is a small one.

        Args:
            job: The job.
            opened: Gives its source; None opens it.

        Raises:
            SourceError: The source cannot be opened.
        """
        if self._looks.task(job) is None:
            self._looks.begin(job, lambda: Look(job, opened or partial(self.open, job)))
            self._looks.wait(job, _AT_ONCE_S)
        look = self._looks.task(job)
        if look is None or look.error:
            self._looks.forget(job)  # the next visit looks again
            raise SourceError(look.error if look is not None else "The batch was deleted.")
        return look

    def start(self, job: Job, classifier: Classifier) -> None:
        """Score the job, or what it still lacks, in a thread of its own; once at a time."""
        self.require_writable()
        self.begin(job, lambda: _Scoring(self, job, classifier))

    def restart(self, job: Job) -> Job:
        """Forget the job's rows, so that it can be scored anew, and return it."""
        self.require_writable()
        if self.is_running(job):
            raise RunError("The job is being scored. Stop it first.")
        self.forget(job)
        self.forget_rows(job)
        return job

    def with_choices(self, job: Job, tta: TestTimeAugmentation, precision: str = "") -> Job:
        """Return the job with what was chosen for its scoring, its rows forgotten."""
        return self.write(replace(self.restart(job), tta=str(tta), precision=precision))

    def remove(self, job: Job) -> None:
        """Stop and delete the job with its uploads and rows."""
        self.require_writable()
        self.forget(job)
        self._looks.forget(job)
        self.delete(job)

    def progress(self, job: Job) -> JobProgress:
        """Return how far the job is; also for jobs of a process that is gone."""
        task = self.task(job)
        if task is None:
            return self._progress_on_disk(job)
        if task.is_alive():
            return JobProgress(
                "running",
                task.done,
                task.total,
                rate_per_s=task.rate_per_s,
                stopping=task.stop.is_set(),
                before=task.before,
            )
        if task.error:
            return JobProgress("broken", task.done, task.total, task.error)
        return JobProgress("done" if task.finished else "stopped", task.done, task.total)

    def _progress_on_disk(self, job: Job) -> JobProgress:
        path = self.journal(job)
        if not path.exists():
            return JobProgress("new", 0, 0)
        try:
            total = read_spec(path).inputs
        except RunError as error:
            return JobProgress("broken", 0, 0, str(error))
        done = sum(1 for _ in read_rows(path))
        return JobProgress("done" if done >= total else "stopped", done, total)
