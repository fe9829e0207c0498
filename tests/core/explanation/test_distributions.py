import re
from collections.abc import Sequence
from dataclasses import replace
from html import unescape

import numpy as np
import pytest
from plotly.offline import get_plotlyjs

from core.explanation import (
    CentreTest,
    Collected,
    Explainer,
    ExplanationRow,
    Measurement,
    TwinTester,
    explain_batch,
)
from core.explanation.distributions import Basis, Spread
from core.explanation.report import report_html
from core.explanation.rows import MEASURES, Measure
from core.scoring import Classifier
from core.statistics.slide_rates import slide_rate
from tests.core.explanation.conftest import patch_of
from tests.toys import noise_patches

PLAIN = Measure("m", "M", lambda _: None)
RATE = Measure("r", "R", lambda _: None, rate=True)


@pytest.fixture(scope="module")
def rows(toy_classifier: Classifier) -> list[ExplanationRow]:
    """Twelve rows with labels and slides, calls of both kinds."""
    explainer = Explainer(toy_classifier)
    tests = Measurement(
        centre_test=CentreTest(toy_classifier), views=True, twins=TwinTester(explainer, twins=9)
    )
    inputs = [patch_of(n, image, label=n % 2) for n, image in enumerate(noise_patches(12))]
    found = explain_batch(inputs, explainer, tests)
    return [
        replace(row, score=replace(row.score, slide=f"s{n % 4}", predicted_label=n // 6))
        for n, row in enumerate(found)
    ]


def collected(rows: Sequence[ExplanationRow]) -> Collected:
    held = Collected()
    for row in rows:
        held.add(row)
    return held


def test_groups_hold_the_rows_of_their_class_and_outcome_and_their_quartiles(
    rows: list[ExplanationRow],
) -> None:
    groups = {group.name: group for group in collected(rows).groups()}
    assert [group.patches for group in groups.values()] == [6, 6, 3, 3, 3, 3]
    false_positives = [r for r in rows if r.score.label == 0 and r.score.predicted_label == 1]
    expected = [r.reliance.score for r in false_positives if r.reliance is not None]
    spread = groups["False positive"]["centre_reliance"]
    np.testing.assert_array_equal(spread.values, expected)
    assert spread.estimates["median"].value == np.median(expected)
    assert spread.estimates["upper quartile"].value == np.quantile(expected, 0.75)


def test_without_labels_the_call_makes_the_groups(rows: list[ExplanationRow]) -> None:
    bare = [replace(row, score=replace(row.score, label=None)) for row in rows]
    groups = collected(bare).groups()
    assert [(group.basis, group.patches) for group in groups] == [(Basis.CALL, 6)] * 2


def test_a_rate_has_the_slide_cluster_interval_and_says_when_slides_are_not_known() -> None:
    values = np.array([1, 1, 0, 1, 0, 0, 0, 1], float)
    slides = ("a", "a", "a", "b", "b", "c", "c", "d")
    found = Spread(RATE, values, slides).estimates["rate"]
    expected = slide_rate([2, 1, 0, 1], [3, 2, 2, 1])
    assert found.value == expected.value
    assert (found.low, found.high, found.method) == (expected.low, expected.high, expected.method)
    alone = Spread(RATE, values, None).estimates["rate"]
    assert alone.has_interval
    assert "too narrow" in alone.method
    assert not Spread(RATE, values, ("a",) * 8).estimates["rate"].has_interval


def test_the_interval_of_a_median_covers_the_true_one_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    covered = []
    for _ in range(200):
        slide_means = rng.normal(0, 0.5, 20)
        values = (slide_means[:, None] + rng.normal(0, 1, (20, 15))).ravel()
        slides = tuple(f"s{number}" for number in np.arange(20).repeat(15))
        covered.append(Spread(PLAIN, values, slides).estimates["median"].covers(0.0))
    assert np.mean(covered) >= 0.91


def test_the_report_loads_nothing_is_the_same_each_time_and_runs_no_foreign_text(
    rows: list[ExplanationRow],
) -> None:
    facts = {"Source": "<script>alert(1)</script>"}
    page = report_html(collected(rows), facts, seal="<b>seal</b>")
    assert page == report_html(collected(rows), facts, seal="<b>seal</b>")
    assert page.count(get_plotlyjs()) == 1
    own = page.replace(get_plotlyjs(), "")
    text = unescape(own)
    assert not re.findall(r"(?:src|href)\s*=", own)
    assert "<script>alert" not in own
    assert "<b>seal" not in own
    made = {spread.measure.key for spread in collected(rows).groups()[0].spreads}
    assert {"centre_share", "centre_reliance", "decided_ring", "reliable"} <= made
    for measure in MEASURES:
        if measure.key in made:
            assert measure.name.split(": ")[-1] in text


def test_a_report_of_nothing_says_so() -> None:
    assert "Nothing to compare" in report_html(Collected(), {})
