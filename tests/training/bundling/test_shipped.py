"""The shipped model's numbers, made again from its own validation scores."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit

from core.bundle import read_card
from core.settings import SHIPPED_MODEL
from core.statistics import Measured
from core.thresholds import ThresholdStudy, bundle_scores
from training.bundling.calibration import Calibration, calibrate, clear_of_rounding
from training.bundling.performance import rate_interval, validation_metrics


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    """What `export` had in hand, from the scores that the bundle ships."""
    card = read_card(SHIPPED_MODEL)
    table = pd.read_csv(SHIPPED_MODEL / "validation.csv", dtype={"slide": str})
    return calibrate(
        table["label"].to_numpy(np.int8),
        logit(table["score"].to_numpy()) * card.temperature,
        table["slide"].to_numpy(np.str_),
        folds=table["fold"].to_numpy(),
    )


def same(one: Measured | None, other: Measured | None) -> bool:
    if one is None or other is None:
        return False
    pairs = ((one.value, other.value), (one.low, other.low), (one.high, other.high))
    return one.method == other.method and all(math.isclose(a, b, rel_tol=1e-9) for a, b in pairs)


def test_the_threshold_of_the_card_is_chosen_again_to_the_last_digit(
    calibration: Calibration,
) -> None:
    point = read_card(SHIPPED_MODEL).operating_point
    chosen = calibration.chosen
    clear = clear_of_rounding(chosen.threshold, calibration.everything.scores)
    assert clear == pytest.approx(point.threshold, rel=1e-9)
    assert chosen.description == point.rule
    for name, stated in (("sensitivity", point.sensitivity), ("specificity", point.specificity)):
        assert same(rate_interval(calibration.everything, name, point.threshold), stated)  # type: ignore[arg-type]


def test_every_metric_of_the_card_is_measured_again(calibration: Calibration) -> None:
    stated = read_card(SHIPPED_MODEL).validation.metrics
    measured = validation_metrics(calibration)
    assert list(measured) == list(stated)
    assert [name for name in stated if not same(measured[name], stated[name])] == []


def test_the_threshold_page_has_the_interval_of_the_card() -> None:
    card = read_card(SHIPPED_MODEL)
    area = ThresholdStudy.of(bundle_scores(SHIPPED_MODEL, card)).auroc
    stated = card.validation.metrics["auroc"]
    assert (area.low, area.high) == pytest.approx((stated.low, stated.high), rel=1e-9)
