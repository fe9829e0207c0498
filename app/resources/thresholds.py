"""Studies of scores that thresholds are chosen on; keyed by the hash or the stamp of the scores."""

import hashlib
from collections.abc import Hashable
from pathlib import Path

from app.resources.caching import cached_by, file_stamp
from core.bundle import Card
from core.thresholds import (
    RUN_SCORES_FILE,
    ThresholdStudy,
    bundle_scores,
    read_scores_csv,
    run_scores,
    threshold_part,
)


def _of_bundle(folder: Path, card: Card, *, whole: bool) -> Hashable:
    return folder, card.weights_sha256, card.validation.scores_sha256, whole


@cached_by(_of_bundle, entries=4, spinner="Preparing the validation scores …")
def bundle_study(folder: Path, card: Card, *, whole: bool) -> ThresholdStudy:
    """Return the study of the bundle's validation scores.

    Args:
        folder: The bundle.
        card: Its card.
        whole: Of all slides; else only of those that the temperature was not fitted on, where the
            card tells which these are.

    Raises:
        NodelensError: The scores are missing or altered, or lack a class.
    """
    scores = bundle_scores(folder, card)
    part = None if whole else threshold_part(scores, card)
    return ThresholdStudy.of(scores if part is None else part)


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


@cached_by(
    lambda name, data: (name, hashlib.sha256(data).hexdigest()),
    entries=4,
    spinner="Reading and sorting the scores …",
)
def csv_study(name: str, data: bytes) -> ThresholdStudy:
    """Return the study of an uploaded table of scores.

    Raises:
        NodelensError: It cannot be used; the message names the rows.
    """
    return ThresholdStudy.of(read_scores_csv(name, data))
