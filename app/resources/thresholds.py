"""Studies of scores that thresholds are chosen on; keyed by the hash or the stamp of the scores."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from app.resources.batches import of_rows, rows
from app.resources.caching import cached_by, file_stamp
from core.bundle import Card
from core.jobs import Job, JobStore
from core.review import Record
from core.review.outcomes import case_scores
from core.scoring import batch_scores
from core.tables import parse_table
from core.thresholds import (
    RUN_SCORES_FILE,
    Rule,
    Stability,
    ThresholdStudy,
    bundle_scores,
    read_scores_csv,
    run_scores,
)


@cached_by(
    lambda folder, card: (folder, card.weights_sha256, card.validation.scores_sha256),
    entries=4,
    spinner="Preparing the validation scores …",
)
def bundle_study(folder: Path, card: Card) -> ThresholdStudy:
    """Return the study of the bundle's validation scores.

    Raises:
        NodelensError: The scores are missing or altered, or lack a class.
    """
    return ThresholdStudy.of(bundle_scores(folder, card))


@cached_by(
    lambda folder: (folder, file_stamp(folder / RUN_SCORES_FILE)),
    entries=4,
    spinner="Preparing the scores of the run …",
)
def run_study(folder: Path) -> ThresholdStudy:
    """Return the study of a training run's validation scores.

    Raises:
        NodelensError: There are none, or none that can be used.
    """
    return ThresholdStudy.of(run_scores(folder))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@cached_by(lambda name, data: (name, _digest(data)), entries=4, copied=True)
def csv_columns(name: str, data: bytes) -> dict[str, str]:
    """Return the names of an uploaded table's columns, with their spelling in the file.

    Raises:
        SourceError: It is no table.
    """
    table = parse_table(name, data)
    return dict(zip(table.rows.columns, table.spellings(), strict=True))


@cached_by(
    lambda name, data, called, good_rows: (name, _digest(data), *called.items(), good_rows),
    entries=4,
    spinner="Reading and sorting the scores …",
)
def csv_study(name: str, data: bytes, called: Mapping[str, str], good_rows: bool) -> ThresholdStudy:
    """Return the study of an uploaded table of scores.

    Raises:
        NodelensError: It cannot be used; the message names the rows.
    """
    return ThresholdStudy.of(read_scores_csv(name, data, called, good_rows=good_rows))


@cached_by(of_rows, entries=256, copied=True)
def labelled_patches(store: JobStore, job: Job) -> int:
    """Return how many scored patches of a batch have a label."""
    labelled = [row for row in rows(store, job) if row.label is not None]
    return sum(row.prob_tumour is not None for row in labelled)


@cached_by(
    lambda store, job: (of_rows(store, job), job.name),
    entries=4,
    spinner="Preparing the scores of the batch …",
)
def batch_study(store: JobStore, job: Job) -> ThresholdStudy:
    """Return the study of a scored batch with labels.

    Raises:
        NodelensError: It has no labels, or those of one class only.
    """
    return ThresholdStudy.of(batch_scores(f"batch {job.name}", rows(store, job)))


@cached_by(lambda record, case: (record.end, case), entries=4)
def case_study(record: Record, case: str) -> ThresholdStudy:
    """Return the study of a reviewed case, its verdicts for labels.

    Raises:
        NodelensError: It has no verdicts to use, or those of one class only.
    """
    return ThresholdStudy.of(case_scores(record, case))


@cached_by(
    lambda study, rule: (study.scores.evidence.digest, rule.description),
    entries=32,
    spinner="Choosing again on 2,000 draws of the slides …",
)
def stability(study: ThresholdStudy, rule: Rule) -> Stability | None:
    """Return how far a rule's threshold moves with other slides; None without slides.

    Raises:
        EvidenceError: Nothing satisfies the rule on these scores.
    """
    return study.stability(rule)
