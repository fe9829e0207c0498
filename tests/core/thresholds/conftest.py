"""A study of clustered toy scores that the claims are tried on."""

import numpy as np
import pytest

from core.statistics import Evidence
from core.thresholds import ScoreSet, Source, ThresholdStudy
from tests.core.statistics.conftest import clustered, evidence, make

__all__ = ["evidence", "make", "study"]


def score_set(evidence: Evidence) -> ScoreSet:
    ids = np.array([f"p{row}" for row in range(len(evidence))])
    return ScoreSet(Source.UPLOAD, "toy.csv", ids, evidence, "0" * 64)


@pytest.fixture(scope="session")
def study() -> ThresholdStudy:
    """2,000 patches on 24 slides."""
    return ThresholdStudy.of(score_set(clustered()))
