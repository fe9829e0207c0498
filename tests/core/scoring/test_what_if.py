from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from core.bundle import OperatingPoint
from core.scoring import GREY, Batch, BatchEffect, ScoreRow, Status
from tests.toys import toy_row

SHIPPED = OperatingPoint(version="shipped", threshold=0.5, rule="a toy", chosen_on="nothing")


def row(number: int, logit: float | None) -> ScoreRow:
    probability = None if logit is None else float(expit(logit))
    return toy_row(
        id=f"p{number}",
        path=f"p{number}.png",
        status=Status.FAILED if logit is None else Status.SCORED,
        prob_tumour=probability,
        logit=logit,
        predicted_label=None if probability is None else SHIPPED.call(probability),
        operating_point="shipped",
    )


@pytest.fixture
def rows() -> list[ScoreRow]:
    logits = [-3.0, None, -1.0, 0.0, 0.5, 2.0]
    return [row(number, logit) for number, logit in enumerate(logits)]


def effect(batch: Batch, threshold: float, lower: float | None, at_most: int = 24) -> BatchEffect:
    before = batch.calls(SHIPPED.threshold, SHIPPED.lower_threshold)
    return batch.effect(threshold, lower, before, at_most=at_most)


def test_a_lower_threshold_flags_more_and_says_which(rows: list[ScoreRow]) -> None:
    change = effect(Batch.of("b", rows), 0.2, None)
    assert (change.patches, change.before, change.after) == (5, (3, 2, 0), (4, 1, 0))
    assert change.changed == 1
    assert [(c.position, c.before, c.after) for c in change.changes] == [(2, 0, 1)]


def test_the_threshold_in_force_changes_nothing(rows: list[ScoreRow]) -> None:
    assert effect(Batch.of("b", rows), 0.5, None).changed == 0


def test_calls_are_those_of_the_operating_point(rows: list[ScoreRow]) -> None:
    grey = replace_point(0.7, 0.3)
    batch = Batch.of("b", rows)
    calls = [grey.call(float(p)) for p in batch.probabilities]
    assert batch.calls(0.7, 0.3).tolist() == [GREY if call is None else call for call in calls]
    assert effect(batch, 0.7, 0.3).after == (1, 2, 2)


def test_another_temperature_moves_probabilities_not_logits(rows: list[ScoreRow]) -> None:
    batch = Batch.of("b", rows, temperature=2.0)
    assert batch.probabilities == pytest.approx(expit(np.array([-3, -1, 0, 0.5, 2]) / 2))


def test_only_the_changes_nearest_to_the_threshold_are_named(rows: list[ScoreRow]) -> None:
    many = [replace(rows[0], prob_tumour=value) for value in np.linspace(0.01, 0.49, 200)]
    found = effect(Batch.of("b", many), 0.02, None, at_most=5)
    expected = sum(0.02 <= value < 0.5 for value in np.linspace(0.01, 0.49, 200))
    assert (found.changed, len(found.changes)) == (expected, 5)
    assert max(change.probability for change in found.changes) < 0.04


def test_a_batch_without_scores_is_empty_not_an_error(rows: list[ScoreRow]) -> None:
    change = effect(Batch.of("b", [rows[1]], temperature=2.0), 0.2, None)
    assert (change.patches, change.changed) == (0, 0)


def replace_point(threshold: float, lower: float) -> OperatingPoint:
    return SHIPPED.model_copy(update={"threshold": threshold, "lower_threshold": lower})


def test_the_patches_nearest_to_the_threshold_are_named_whether_they_change_or_not(
    rows: list[ScoreRow],
) -> None:
    many = [replace(rows[0], prob_tumour=score / 100, logit=0.0) for score in range(1, 60)]
    found = effect(Batch.of("b", many), 0.5, None, at_most=3)
    assert [change.probability for change in found.nearest] == [0.5, 0.49, 0.51]
    assert (found.changed, found.changes) == (0, ())


@pytest.mark.parametrize("lower", [None, 0.3])
def test_many_thresholds_at_once_are_each_of_them_alone(
    rows: list[ScoreRow], lower: float | None
) -> None:
    scores = np.random.default_rng(5).random(300).round(3)
    batch = Batch.of("b", [replace(rows[0], prob_tumour=score) for score in scores])
    before = batch.calls(0.6, lower)
    thresholds = [0.0, *np.random.default_rng(6).random(40).round(3), 1.0]
    alone = [batch.effect(threshold, None, before) for threshold in thresholds]
    tumour, changed = batch.counts(thresholds, before)
    assert tumour.tolist() == [one.after[0] for one in alone]
    assert changed.tolist() == [one.changed for one in alone]
