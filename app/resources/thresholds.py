"""Studies of scores that thresholds are chosen on; keyed by the hash or the stamp of the scores."""

import hashlib
from pathlib import Path

import streamlit as st

from app.resources.stamp import file_stamp
from core.bundle import Card
from core.thresholds import (
    RUN_SCORES_FILE,
    ThresholdStudy,
    bundle_scores,
    read_scores_csv,
    run_scores,
    threshold_part,
)


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
    return _bundle_study(folder, card, card.weights_sha256, card.validation.scores_sha256, whole)


@st.cache_resource(show_spinner="Preparing the validation scores …", max_entries=4)
def _bundle_study(
    folder: Path, _card: Card, weights_sha256: str, scores_sha256: str, whole: bool
) -> ThresholdStudy:
    scores = bundle_scores(folder, _card)
    part = None if whole else threshold_part(scores, _card)
    return ThresholdStudy.of(scores if part is None else part)


def run_study(folder: Path) -> ThresholdStudy:
    """Return the study of a training run's validation scores.

    Raises:
        NodelensError: There are none, or none that can be used.
    """
    return _run_study(folder, file_stamp(folder / RUN_SCORES_FILE))


@st.cache_resource(show_spinner="Preparing the run's scores …", max_entries=4)
def _run_study(folder: Path, stamp: tuple[int, int, int]) -> ThresholdStudy:
    return ThresholdStudy.of(run_scores(folder))


def csv_study(name: str, data: bytes) -> ThresholdStudy:
    """Return the study of an uploaded table of scores.

    Raises:
        NodelensError: It cannot be used; the message names the rows.
    """
    return _csv_study(name, data, hashlib.sha256(data).hexdigest())


@st.cache_resource(show_spinner="Reading and sorting the scores …", max_entries=4)
def _csv_study(name: str, _data: bytes, sha256: str) -> ThresholdStudy:
    return ThresholdStudy.of(read_scores_csv(name, _data))
