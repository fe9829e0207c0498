from dataclasses import replace
from pathlib import Path

import pytest

from core.bundle import read_card
from core.errors import RunError
from core.scoring import Classifier, apply_locked_point
from core.thresholds import (
    Assumptions,
    OperatingPointStore,
    Source,
    ThresholdStudy,
    bundle_scores,
    comparable,
    decision_of,
    obstacle_to_lock,
)


@pytest.fixture(scope="module")
def shipped(toy_bundle: Path) -> ThresholdStudy:
    return ThresholdStudy.of(bundle_scores(toy_bundle, read_card(toy_bundle)))


def test_a_lock_holds_what_the_page_showed(
    tmp_path: Path, toy_classifier: Classifier, shipped: ThresholdStudy
) -> None:
    card = toy_classifier.bundle.card
    snapshot = shipped.at(0.45, Assumptions(prevalence=0.03), 0.2)
    decision = decision_of(shipped, snapshot, card, rule="by hand")
    locked = OperatingPointStore(tmp_path).lock(decision, by="Dr A")
    assert (locked.threshold, locked.lower_threshold) == (0.45, 0.2)
    assert locked.metrics["sensitivity"].value == snapshot.confusion.sensitivity
    assert "slide" in locked.metrics["sensitivity"].method
    assert "Wilson" in locked.metrics["sensitivity, by patches"].method
    assert "ppv at prevalence 0.03" in locked.metrics
    assert locked.evidence_sha256 == shipped.scores.evidence.digest
    assert locked.slides == shipped.scores.slides
    assert (locked.temperature, locked.prevalence) == (1.5, 0.03)
    used = apply_locked_point(toy_classifier, locked)
    assert (used.operating_point.version, used.operating_point.name) == ("v1", "locked v1")


def test_scores_of_another_model_or_a_run_cannot_be_locked(
    toy_classifier: Classifier, shipped: ThresholdStudy
) -> None:
    card = toy_classifier.bundle.card
    assert obstacle_to_lock(shipped, card) == ""
    foreign = replace(shipped, scores=replace(shipped.scores, model_id="other-1"))
    assert "other-1" in obstacle_to_lock(foreign, card)
    run = replace(shipped, scores=replace(shipped.scores, source=Source.RUN))
    with pytest.raises(RunError, match="training run"):
        decision_of(run, run.at(0.5, Assumptions()), card, rule="by hand")


def test_a_threshold_means_the_same_only_at_the_same_model_and_temperature(
    toy_classifier: Classifier, shipped: ThresholdStudy
) -> None:
    card = toy_classifier.bundle.card
    assert comparable(shipped, card, 1.5)
    assert not comparable(shipped, card, 2.0)
    unknown = replace(shipped, scores=replace(shipped.scores, temperature=None))
    assert comparable(unknown, card, 2.0)
    foreign = replace(shipped, scores=replace(shipped.scores, model_id="other-1"))
    assert not comparable(foreign, card, 1.5)
