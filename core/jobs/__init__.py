"""Scoring jobs: what users upload or name, scored in the background, kept on disk."""

from core.jobs.downloads import Download, download, why_no_submission
from core.jobs.folder import Job, JobFolder, NamedBytes, StoredFile
from core.jobs.preflight import InputReport, Problem, inspect_source
from core.jobs.store import JobProgress, JobStore

__all__ = [
    "Download",
    "InputReport",
    "Job",
    "JobFolder",
    "JobProgress",
    "JobStore",
    "NamedBytes",
    "Problem",
    "StoredFile",
    "download",
    "inspect_source",
    "why_no_submission",
]
