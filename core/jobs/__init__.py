"""Scoring jobs: what users upload or name, scored in the background, kept on disk."""

from core.jobs.preflight import InputReport, Problem, inspect_source
from core.jobs.store import Job, JobProgress, JobStore, NamedBytes, StoredFile

__all__ = [
    "InputReport",
    "Job",
    "JobProgress",
    "JobStore",
    "NamedBytes",
    "Problem",
    "StoredFile",
    "inspect_source",
]
