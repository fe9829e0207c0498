"""Audits that outlive a page, a browser tab and the process that started them.

The data set is kept as any batch is, as a job; the audit's tables lie in a folder of that job.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from core.audit import AuditFolder, AuditProgress
from core.audit.inputs import Inputs, open_inputs
from core.audit.labelled import label_uploads
from core.audit.run import Scores, Watch, prepare, run_audit
from core.errors import RunError, SourceError
from core.files import replacing
from core.jobs.folder import Job, JobFolder
from core.jobs.runner import BackgroundTask, Runner, State

_AUDIT_FOLDER: Final = "audit"
_SCORES: Final = {"scores.csv": False, "scores-out-of-fold.csv": True}


@dataclass(frozen=True)
class AuditState:
    """How far an audit is.

    Attributes:
        name: Of the state.
        progress: Its steps.
        error: Why it is broken, in words.
    """

    name: State
    progress: AuditProgress
    error: str = ""


class _Auditing(BackgroundTask):
    """One audit under way."""

    def __init__(self, store: "AuditStore", job: Job) -> None:
        super().__init__(f"audit-{job.id[:8]}")
        self.under_way = ("", 0, 0)
        self._store = store
        self._job = job

    def work(self) -> None:
        inputs = self._store.inputs(self._job)
        with inputs.source:
            if not len(inputs.source):
                raise SourceError(
                    "There is no file in this data set. Choose a folder, ZIP, PCam .h5 file or CSV "
                    "that holds patches."
                )
            folder = prepare(inputs, self._store.folder(self._job).path, resume=True)
            watch = Watch(on_progress=self._advance, should_stop=self.stop.is_set)
            run_audit(inputs, folder, watch=watch, scores=self._store.scores(self._job))

    def broke(self) -> None:
        if self.under_way[0] in {"", "labels"}:
            self._store.forget_scores(self._job)  # or the audit could never go on

    def _advance(self, step: str, done: int, total: int) -> None:
        self.under_way = (step, done, total)


class AuditStore:
    """The audits of every owner in one folder; safe to use from several threads."""

    def __init__(self, folder: Path, *, server_roots: Sequence[Path] = ()) -> None:
        """Keep audits below `folder`.

        Args:
            folder: Where to.
            server_roots: Resolved folders, or single files, below which sources on the server may
                lie; checked whenever one is opened.
        """
        self.jobs = JobFolder(folder, server_roots=server_roots)
        self._runner: Runner[_Auditing] = Runner()

    def folder(self, job: Job) -> AuditFolder:
        """Return where the audit's tables are."""
        return AuditFolder(self.jobs.folder / job.id / _AUDIT_FOLDER)

    def inputs(self, job: Job) -> Inputs:
        """Return the patches with the labels, slides and splits that are known of them.

        Raises:
            SourceError: They are gone, not what they claim to be, or outside the allowed folders.
        """
        if job.server_path is None:
            return label_uploads(self.jobs.open(job), self.jobs.uploaded_files(job))
        path, confine_to = self.jobs.place_on_server(job.server_path)
        return open_inputs(path, confine_to=confine_to)

    def keep_scores(self, job: Job, data: bytes, *, out_of_fold: bool) -> None:
        """Keep scores of the patches, for labels worth a second look; `start` uses them.

        Args:
            job: The audit.
            data: A CSV with `id` and `prob_tumour`.
            out_of_fold: Whether no score is of a model that was trained on its patch.
        """
        self.forget_scores(job)
        name = next(name for name, apart in _SCORES.items() if apart is out_of_fold)
        with replacing(self.jobs.folder / job.id / name) as temporary:
            temporary.write_bytes(data)

    def forget_scores(self, job: Job) -> None:
        """Delete the scores that were kept."""
        for name in _SCORES:
            (self.jobs.folder / job.id / name).unlink(missing_ok=True)

    def scores(self, job: Job) -> Scores | None:
        """Return the scores that were kept."""
        for name, out_of_fold in _SCORES.items():
            file = self.jobs.folder / job.id / name
            if file.is_file():
                return Scores(file, out_of_fold)
        return None

    def start(self, job: Job) -> None:
        """Audit the data set, or do the steps that are missing, in a thread; once at a time."""
        self.jobs.require_writable()
        self._runner.start(job.id, lambda: _Auditing(self, job))

    def cancel(self, job: Job) -> None:
        """Ask a running audit to stop soon; the steps that are done stay."""
        self._runner.cancel(job.id)

    def wait(self, job: Job, timeout_s: float | None = None) -> None:
        """Wait until the audit's thread has ended."""
        self._runner.wait(job.id, timeout_s)

    def remove(self, job: Job) -> None:
        """Stop and delete an audit with its uploaded files."""
        self._runner.forget(job.id)
        self.jobs.delete(job)

    def state(self, job: Job) -> AuditState:
        """Return how far the audit is; also for audits of a process that is gone."""
        task = self._runner.task(job.id)
        progress = self.folder(job).read_progress()
        if task is not None and task.is_alive():
            step, done, total = task.under_way
            fresh = replace(progress, step=step, done=done, total=total, updated="")
            return AuditState("running", fresh if step == progress.step else progress)
        if task is not None and task.error:
            return AuditState("broken", progress, task.error)
        if progress.complete:
            return AuditState("done", progress)
        try:
            self.folder(job).read_spec()
        except RunError:
            return AuditState("new", progress)
        return AuditState("stopped", progress)
