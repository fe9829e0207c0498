"""Scoring jobs: what users upload or name, scored in the background, kept on disk."""

from core.jobs.audits import AuditState, AuditStore
from core.jobs.downloads import Download, download, why_no_submission
from core.jobs.preflight import InputReport, Problem, inspect_source
from core.jobs.results import (
    Filter,
    Order,
    Outcome,
    ScoreHistogram,
    outcome,
    outcome_counts,
    score_histogram,
    select,
)
from core.jobs.store import Job, JobProgress, JobStore, NamedBytes, StoredFile

__all__ = [
    "AuditState",
    "AuditStore",
    "Download",
    "Filter",
    "InputReport",
    "Job",
    "JobProgress",
    "JobStore",
    "NamedBytes",
    "Order",
    "Outcome",
    "Problem",
    "ScoreHistogram",
    "StoredFile",
    "download",
    "inspect_source",
    "outcome",
    "outcome_counts",
    "score_histogram",
    "select",
    "why_no_submission",
]
