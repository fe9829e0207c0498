"""A job's rows as the files that its owner takes home."""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path

from core.errors import RunError
from core.files import sha256_of
from core.jobs.folder import Job, JobFolder
from core.scoring import ScoreRow, read_spec, write_kaggle, write_rows


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
    with tempfile.TemporaryDirectory(prefix="nodelens-") as folder:
        out = Path(folder) / kind.value
        if kind is Download.RUN:
            return _run_record(store, job, rows, Path(folder))
        if kind is Download.KAGGLE:
            if reason := why_no_submission(rows, read_spec(store.journal(job)).inputs):
                raise RunError(reason)
            scores = ((row.id, row.prob_tumour) for row in rows)
            write_kaggle(out, scores, fill=kaggle_fill)
        else:
            write_rows(out, rows)
        return out.read_bytes()


def rows_csv(rows: Sequence[ScoreRow]) -> bytes:
    """Return some rows as the CSV that a whole batch would give."""
    with tempfile.TemporaryDirectory(prefix="nodelens-") as folder:
        out = Path(folder) / Download.CSV.value
        write_rows(out, rows)
        return out.read_bytes()


def _run_record(store: JobFolder, job: Job, rows: Sequence[ScoreRow], folder: Path) -> bytes:
    """Return what was run on what, with the hashes of the files that the same rows make."""
    outputs = {}
    counts: dict[str, int] = {}
    for kind in (Download.CSV, Download.PARQUET):
        counts = write_rows(folder / kind.value, rows)
        outputs[kind.value] = sha256_of(folder / kind.value)
    spec = read_spec(store.journal(job))
    run = store.read_run(job) or {"research_use_only": True, "spec": asdict(spec)}
    applied = store.applied(job)
    record = run | {
        "applied_operating_point": applied and applied.point.model_dump(mode="json"),
        "batch": job.name,
        "batch_id": job.id,
        "complete": len(rows) == spec.inputs,
        "counts": counts,
        "output_sha256": outputs,
    }
    return json.dumps(record, indent=2, ensure_ascii=False).encode() + b"\n"
