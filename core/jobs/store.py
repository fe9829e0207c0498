"""Scoring jobs that outlive a page, a browser tab and the process that started them."""

import contextlib
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from core import scoring
from core.errors import RunError, SourceError
from core.jobs.folder import Job, JobFolder
from core.jobs.preflight import InputReport, inspect_source
from core.jobs.runner import BackgroundTask, JobProgress, Places, Runner
from core.patches import PatchSource
from core.patches.colours import colour_notes

INSPECTED_INPUTS: Final = 5_000
"""How many inputs are read before scoring."""
INSPECTED_S: Final = 10.0
"""After so long the report covers what was read by then: odd files may take seconds each."""
_AT_ONCE_S: Final = 1.5
_LOOKS: Final = Places(4)
"""Places of their own: nobody waits for somebody's scoring to see what they have brought."""


class Look(BackgroundTask):
    """A job's input being looked at before it is scored.

    Attributes:
        report: What is known once it ended; of what was read, if it was stopped.
    """

    def __init__(self, job: Job, opened: Callable[[], PatchSource]) -> None:
        """Look once started; `opened` gives the source."""
        super().__init__(f"look-{job.id[:8]}", job.owner, _LOOKS)
        self.report: InputReport | None = None
        self._opened = opened

    def work(self) -> None:
        """Read the first inputs."""
        self.report = inspect_source(
            self._opened(),
            limit=INSPECTED_INPUTS,
            on_progress=self.advance,
            stop=self.stop,
            seconds=INSPECTED_S,
        )


class JobStore(JobFolder, Runner[BackgroundTask]):
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
        if look.report is not None and self.is_writable:
            with contextlib.suppress(OSError):  # deleted meanwhile, or no room: known until then
                if look.report.nothing_readable:
                    self._in_vain(job).touch()
                else:
                    self._in_vain(job).unlink(missing_ok=True)
        return look

    def nothing_readable(self, job: Job) -> bool:
        """Return whether the last look at the job's input found nothing to score."""
        look = self._looks.task(job)
        if look is not None and look.report is not None:
            return look.report.nothing_readable
        return self._in_vain(job).exists()

    def _in_vain(self, job: Job) -> Path:
        return self.folder / job.id / "nothing-readable"

    def start(self, job: Job, classifier: scoring.Classifier) -> None:
        """Score the job, or what it still lacks, in a thread of its own; once at a time."""
        self.require_writable()
        work = partial(self._score, job, classifier)
        self.begin(job, lambda: BackgroundTask(f"score-{job.id[:8]}", job.owner, work=work))

    def _score(self, job: Job, classifier: scoring.Classifier, task: BackgroundTask) -> bool:
        with self.open(job) as source:
            source.require_consistent()
            spec = scoring.specify(
                source,
                classifier,
                tta=scoring.TestTimeAugmentation(job.tta),
                batch_size=scoring.DEFAULT_BATCH_SIZE,
            )
            journal = scoring.open_journal(self.journal(job), spec, source, resume=True)
            resumed_at, started, clock = journal.rows_done, datetime.now(UTC), time.perf_counter()
            task.count_from(resumed_at, len(source))
            with closing(journal):
                finished = scoring.run_scoring(
                    source,
                    classifier,
                    journal,
                    on_rows=lambda rows: task.advance(task.done + len(rows)),
                    stop=task.stop,
                )
            colours = colour_notes(source) if finished else ()
            self.write_run(
                job,
                scoring.run_metadata(classifier, spec, {})
                | {
                    "started": started.isoformat(),
                    "finished": datetime.now(UTC).isoformat(),
                    "resumed_at_row": resumed_at,
                    "seconds": round(time.perf_counter() - clock, 3),
                    "patches_per_second": round(task.rate_per_s, 1),
                    "notes": [*source.remarks, *colours],
                    "colours_swapped": bool(colours),
                },
            )
        return finished

    def restart(self, job: Job) -> Job:
        """Forget the job's rows, so that it can be scored anew, and return it."""
        self.require_writable()
        if self.is_running(job):
            raise RunError("The job is being scored. Stop it first.")
        self.forget(job)
        self.forget_rows(job)
        return job

    def with_choices(self, job: Job, tta: scoring.TestTimeAugmentation, precision: str = "") -> Job:
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
        if task := self.task(job):
            return task.progress()
        path = self.journal(job)
        if not path.exists():
            return JobProgress("new")
        try:
            total = scoring.read_spec(path).inputs
        except RunError as error:
            return JobProgress("broken", error=str(error))
        done = sum(1 for _ in scoring.read_rows(path))
        return JobProgress("done" if done >= total else "stopped", done, total)
