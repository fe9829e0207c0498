"""Audits that outlive a page, a browser tab and the process that started them.

The data set is kept as any batch is, as a job; the audit's tables lie in a folder of that job.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import pandas as pd

from core.audit import AuditFolder
from core.audit.folder import open_audit
from core.audit.run import Inputs, inputs_of, prepare, run_audit
from core.audit.scores import batch_scores, judge, scores_of
from core.errors import RunError
from core.jobs.folder import Job, JobFolder
from core.jobs.runner import BackgroundTask, JobProgress, Runner
from core.patches.naming import shown_path
from core.scoring import Classifier
from core.tables import parse_table

_AUDIT_FOLDER: Final = "audit"


class AuditStore(Runner[BackgroundTask]):
    """The audits of every owner in one folder; safe to use from several threads."""

    def __init__(self, folder: Path, *, server_roots: Sequence[Path] = ()) -> None:
        """Keep audits below `folder`.

        Args:
            folder: Where to.
            server_roots: Resolved folders, or single files, below which sources on the server may
                lie; checked whenever one is opened.
        """
        super().__init__()
        self.jobs = JobFolder(folder, server_roots=server_roots)

    def folder(self, job: Job) -> AuditFolder:
        """Return where the audit's tables are."""
        return AuditFolder(self.jobs.folder / job.id / _AUDIT_FOLDER)

    def inputs(self, job: Job) -> Inputs:
        """Return the patches with the labels, slides and splits that are known of them.

        Raises:
            SourceError: They are gone, not what they claim to be, or outside the allowed folders.
        """
        later = self.jobs.added_labels(job)
        added = [(later.name, later)] if later.is_file() else []
        return inputs_of(self.jobs.open(job, added))

    def add_labels(
        self, job: Job, name: str, data: bytes, called: Mapping[str, str] | None = None
    ) -> None:
        """Keep a table of labels, slides or splits of the patches; `start` audits them anew.

        Args:
            job: The audit.
            name: Of the table, for messages.
            data: Its bytes.
            called: See `parse_table`; such a table is kept under our names.

        Raises:
            SourceError: It is no such table, or none of its ids is of a patch.
        """
        with self.jobs.open(job) as source:
            self.jobs.add_labels(job, name, data, called, entries=source.entries)

    def use_batch(self, owner: str, batches: JobFolder, batch: Job) -> Job:
        """Return a new audit of the patches of a batch, with its labels and scores."""
        job = self.jobs.adopt(owner, batches, batch)
        rows = batches.rows(batch)
        if any(row.prob_tumour is not None for row in rows):
            self.folder(job).path.mkdir(exist_ok=True)
            self.folder(job).write("scores", batch_scores(rows))
        return job

    def keep_scores(self, job: Job, scores: pd.DataFrame) -> None:
        """Keep a table `scores` of the patches; `start` looks for the labels it contradicts."""
        self.jobs.require_writable()
        self.folder(job).write("scores", scores)
        self.folder(job).undo("labels")

    def keep_scores_in(self, job: Job, name: str, data: bytes, *, out_of_fold: bool) -> None:
        """Keep the scores in a CSV with `id` and `prob_tumour`; see `keep_scores`.

        Raises:
            SourceError: See `core.audit.scores.scores_of`.
        """
        patches = open_audit(self.folder(job).path).patches
        table = parse_table(shown_path(name), data)
        self.keep_scores(job, scores_of(patches, table, out_of_fold=out_of_fold))

    def start(self, job: Job, classifier: Classifier | None = None) -> None:
        """Audit the data set, or do the steps that are missing, in a thread; once at a time.

        Args:
            job: The audit.
            classifier: If given, scores the patches afterwards.
        """
        self.jobs.require_writable()
        work = partial(self._audit, job, classifier)
        self.begin(job, lambda: BackgroundTask(f"audit-{job.id[:8]}", job.owner, work=work))

    def _audit(self, job: Job, classifier: Classifier | None, task: BackgroundTask) -> None:
        def advance(step: str, done: int, total: int) -> None:
            task.step = step
            task.advance(done, total)

        inputs, path = self.inputs(job), self.folder(job).path
        audit = partial(run_audit, inputs, on_progress=advance, should_stop=task.stop.is_set)
        with inputs.source:
            try:
                folder = prepare(inputs, path, resume=True)
            except RunError:  # labels were added, or files beside those that were measured
                folder = prepare(inputs, path, resume=False)
            if not audit(folder) or classifier is None:
                return
            scores = judge(
                open_audit(path).patches,
                inputs.source,
                classifier,
                partial(advance, "network"),
                task.stop.is_set,
            )
            if scores is not None:
                folder.write("scores", scores)
                folder.undo("labels")
                audit(folder)

    def remove(self, job: Job) -> None:
        """Stop and delete an audit with its uploaded files."""
        self.jobs.require_writable()
        self.forget(job)
        self.jobs.delete(job)

    def progress(self, job: Job) -> JobProgress:
        """Return how far the audit is; also for audits of a process that is gone."""
        task = self.task(job)
        if task is not None and (task.is_alive() or task.error):
            return task.progress()
        if self.folder(job).read_progress().complete:
            return JobProgress("done")
        try:
            self.folder(job).read_spec()
        except RunError:
            return JobProgress("new")
        return JobProgress("stopped")
