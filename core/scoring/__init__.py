"""Scores: a checked model, runs that survive a kill, and their outputs."""

from core.scoring.classifier import (
    Classifier,
    SelfTest,
    TestTimeAugmentation,
    open_classifier,
    run_self_test,
)
from core.scoring.journal import Journal, RunSpec, read_rows, read_spec
from core.scoring.metadata import run_metadata
from core.scoring.outputs import write_kaggle, write_metadata, write_rows
from core.scoring.rows import COLUMNS, ScoreRow, Status
from core.scoring.run import DEFAULT_BATCH_SIZE, open_journal, run_scoring, specify

__all__ = [
    "COLUMNS",
    "DEFAULT_BATCH_SIZE",
    "Classifier",
    "Journal",
    "RunSpec",
    "ScoreRow",
    "SelfTest",
    "Status",
    "TestTimeAugmentation",
    "open_classifier",
    "open_journal",
    "read_rows",
    "read_spec",
    "run_metadata",
    "run_scoring",
    "run_self_test",
    "specify",
    "write_kaggle",
    "write_metadata",
    "write_rows",
]
