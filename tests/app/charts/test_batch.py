from dataclasses import replace

import numpy as np
import pytest

from app import charts
from core.scoring import ScoreRow, Status, score_histogram
from core.statistics import Evidence, OperatingTable, roc_curve


def row(score: float, *, called: int | None) -> ScoreRow:
    blank = ScoreRow(
        "i", "i.png", Status.SCORED, None, 0.0, None, 0.5, None, "shipped", "m", "", "", "", None,
        None, None, None,
    )  # fmt: skip
    return replace(blank, prob_tumour=score, predicted_label=called)


def contrast(first: str, second: str) -> float:
    """WCAG 2.2's contrast ratio of two colours."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


def test_the_histogram_counts_every_score_under_its_own_call() -> None:
    rows = [row(0.497, called=0), row(0.503, called=1), row(0.503, called=1), row(1.0, called=1)]
    figure = charts.score_histogram(
        score_histogram(rows), threshold=0.5, lower_threshold=None, colours=charts.LIGHT
    )
    drawn = {bar.marker.color: sum(bar.y) for bar in figure.data}
    assert drawn == {charts.LIGHT.no_tumour: 1, charts.LIGHT.tumour: 3}
    ranges = [tuple(ends) for bar in figure.data for ends in bar.customdata]
    assert ranges == [(0.48, 0.5), (0.5, 0.52), (0.98, 1.0)], "a bar for each, and none of nothing"
    assert [shape.x0 for shape in figure.layout.shapes] == [0.5]


def test_a_grey_zone_shows_both_its_ends() -> None:
    figure = charts.score_histogram(
        score_histogram([row(0.4, called=None)]),
        threshold=0.5,
        lower_threshold=0.3,
        colours=charts.DARK,
    )
    assert [shape.x0 for shape in figure.layout.shapes] == [0.3, 0.5]
    assert [bar.name for bar in figure.data] == ["grey zone, no call"]


def test_the_roc_goes_from_corner_to_corner_with_the_threshold_on_it() -> None:
    labels, scores = [0, 0, 1, 1, 0, 1], [0.1, 0.4, 0.35, 0.8, 0.2, 0.9]
    table = OperatingTable.of(Evidence.of(labels, scores))
    figure = charts.roc(roc_curve(table), point=(0.0, 2 / 3), colours=charts.LIGHT)
    curve, point = figure.data[1], figure.data[2]
    assert (curve.x[0], curve.y[0], curve.x[-1], curve.y[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(curve.y, curve.x) == pytest.approx(8 / 9)
    assert (point.x[0], point.y[0]) == (0.0, 2 / 3)


@pytest.mark.parametrize("colours", [charts.LIGHT, charts.DARK], ids=["light", "dark"])
def test_words_can_be_read_and_marks_be_seen_on_their_background(colours: charts.Colours) -> None:
    for words in (colours.ink, colours.muted, colours.tumour_text, colours.no_tumour_text):
        assert contrast(words, colours.paper) >= 4.5
    assert contrast(colours.on_accent, colours.accent) >= 4.5
    for mark in (colours.tumour, colours.no_tumour, colours.accent):
        assert contrast(mark, colours.paper) >= 3
