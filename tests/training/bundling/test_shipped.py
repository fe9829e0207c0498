"""The shipped model's numbers, made again from its own validation scores."""

import math

import numpy as np
import pytest

from core.bundle import read_card
from core.settings import SHIPPED_MODEL
from core.statistics import Measured
from core.thresholds import bundle_scores, choose, threshold_part
from training.bundling.calibration import RULE, Calibration, clear_of_rounding
from training.bundling.performance import rate_interval, validation_metrics


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    """What `export` had in hand, from the scores that the bundle ships."""
    card = read_card(SHIPPED_MODEL)
    whole = bundle_scores(SHIPPED_MODEL, card)
    part = threshold_part(whole, card)
    assert part is not None
    assert whole.evidence.slides is not None
    fitting = ~np.isin(whole.evidence.slides, part.evidence.slide_names)
    return Calibration(
        temperature=card.temperature,
        temperature_fitted_on=card.temperature_fitted_on,
        chosen=choose(RULE, part.evidence),
        chosen_on=card.operating_point.chosen_on,
        fitting=whole.evidence.select(fitting),
        judging=part.evidence,
        everything=whole.evidence,
        split_seed=card.validation.split_seed,
        notes=(),
    )


def same(one: Measured | None, other: Measured | None) -> bool:
    if one is None or other is None:
        return False
    pairs = ((one.value, other.value), (one.low, other.low), (one.high, other.high))
    return one.method == other.method and all(math.isclose(a, b, rel_tol=1e-12) for a, b in pairs)


def test_the_threshold_of_the_card_is_chosen_again_to_the_last_digit(
    calibration: Calibration,
) -> None:
    point = read_card(SHIPPED_MODEL).operating_point
    chosen = calibration.chosen
    clear = clear_of_rounding(chosen.threshold, calibration.everything.scores)
    assert (clear, chosen.description) == (point.threshold, point.rule)
    for name, stated in (("sensitivity", point.sensitivity), ("specificity", point.specificity)):
        assert same(rate_interval(calibration.judging, name, point.threshold), stated)  # type: ignore[arg-type]


def test_every_metric_of_the_card_is_measured_again(calibration: Calibration) -> None:
    stated = read_card(SHIPPED_MODEL).validation.metrics
    measured = validation_metrics(calibration)
    assert list(measured) == list(stated)
    assert [name for name in stated if not same(measured[name], stated[name])] == []
