"""Scores: a checked model, runs that survive a kill, and their outputs."""

from core.scoring.classifier import (
    Classifier,
    SelfTest,
    apply_locked_point,
    open_classifier,
    run_self_test,
)
from core.scoring.journal import Journal, RunSpec, read_rows, read_spec
from core.scoring.metadata import run_metadata
from core.scoring.orientations import TestTimeAugmentation
from core.scoring.outputs import write_kaggle, write_metadata, write_rows
from core.scoring.results import (
    Filter,
    Order,
    Outcome,
    ScoreHistogram,
    outcome,
    outcome_counts,
    score_histogram,
    select,
)
from core.scoring.rows import COLUMNS, ScoreRow, Status
from core.scoring.run import DEFAULT_BATCH_SIZE, open_journal, run_scoring, specify
from core.scoring.what_if import GREY, Batch, BatchEffect, Change

__all__ = [
    "COLUMNS",
    "DEFAULT_BATCH_SIZE",
    "GREY",
    "Batch",
    "BatchEffect",
    "Change",
    "Classifier",
    "Filter",
    "Journal",
    "Order",
    "Outcome",
    "RunSpec",
    "ScoreHistogram",
    "ScoreRow",
    "SelfTest",
    "Status",
    "TestTimeAugmentation",
    "apply_locked_point",
    "open_classifier",
    "open_journal",
    "outcome",
    "outcome_counts",
    "read_rows",
    "read_spec",
    "run_metadata",
    "run_scoring",
    "run_self_test",
    "score_histogram",
    "select",
    "specify",
    "write_kaggle",
    "write_metadata",
    "write_rows",
]
