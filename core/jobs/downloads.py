"""A job's rows as the files that its owner downloads."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum

from core.errors import RunError
from core.files import bytes_written
from core.jobs.folder import Job, JobFolder
from core.scoring import ScoreRow, Status, read_spec, write_kaggle, write_rows


class Download(StrEnum):
    """The kinds of file; the value is the file's name."""

    CSV = "scores.csv"
    PARQUET = "scores.parquet"
    KAGGLE = "submission.csv"
    RUN = "run.json"


def why_no_submission(rows: Sequence[ScoreRow], inputs: int) -> str:
    """Return why no Kaggle submission can be made of rows, "" if one can."""
    if len(rows) < inputs:
        return "A submission must be complete. Let the batch finish first."
    if len({row.id for row in rows}) < len(rows):
        return "Two inputs have the same id; a submission has each once."
    return ""


def download(store: JobFolder, job: Job, kind: Download, *, kaggle_fill: float = 0.5) -> bytes:
    """Return one of a job's files, made from the rows that it has by now.

    Args:
        store: Where the job is.
        job: The job.
        kind: Which file.
        kaggle_fill: Probability for inputs without a score, because a submission is complete.

    Raises:
        RunError: There is no row yet; or, for a submission, an id comes twice or rows are missing.
    """
    rows = store.rows(job)
    if not rows:
        raise RunError("Nothing has been scored yet. Start the batch first.")
    if kind is Download.RUN:
        return _run_record(store, job, rows)
    if kind is not Download.KAGGLE:
        return bytes_written(kind.value, lambda path: write_rows(path, rows))
    if reason := why_no_submission(rows, read_spec(store.journal(job)).inputs):
        raise RunError(reason)
    scores = ((row.id, row.prob_tumour) for row in rows)
    return bytes_written(kind.value, lambda path: write_kaggle(path, scores, fill=kaggle_fill))


def rows_csv(rows: Sequence[ScoreRow]) -> bytes:
    """Return some rows as the CSV that a whole batch would give."""
    return bytes_written(Download.CSV.value, lambda path: write_rows(path, rows))


def _run_record(store: JobFolder, job: Job, rows: Sequence[ScoreRow]) -> bytes:
    """Return what was run on what, with the hashes of the files that the same rows make."""
    outputs = {
        name: hashlib.sha256(bytes_written(name, lambda path: write_rows(path, rows))).hexdigest()
        for name in (Download.CSV.value, Download.PARQUET.value)
    }
    spec = read_spec(store.journal(job))
    run = store.read_run(job) or {"research_use_only": True, "spec": asdict(spec)}
    applied = store.applied(job)
    record = run | {
        "applied_operating_point": applied and applied.point.model_dump(mode="json"),
        "batch": job.name,
        "batch_id": job.id,
        "complete": len(rows) == spec.inputs,
        "counts": {str(status): sum(row.status is status for row in rows) for status in Status},
        "output_sha256": outputs,
    }
    return json.dumps(record, indent=2, ensure_ascii=False).encode() + b"\n"
