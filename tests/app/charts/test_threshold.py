"""The figures of the threshold page, compared with the study that they are of."""

from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest

from app import charts
from app.charts import threshold as figures
from core.bundle import read_card
from core.thresholds import Assumptions, ThresholdStudy, bundle_scores


@pytest.fixture(scope="module")
def study(toy_bundle: Path) -> ThresholdStudy:
    return ThresholdStudy.of(bundle_scores(toy_bundle, read_card(toy_bundle)))


@pytest.fixture(scope="module")
def drawn(study: ThresholdStudy) -> dict[str, go.Figure]:
    """Every figure at the threshold 0.4 of the toy model."""
    colours = charts.palette(dark=False)
    at_point, curve = study.table.confusion(0.4), study.decision_curve(Assumptions())
    scores = study.scores_for(curve.probabilities, 0.05)
    return {
        "histogram": figures.histogram(study.histogram, in_force=0.4, colours=colours),
        "roc": figures.roc(
            study.roc, point=(1 - at_point.specificity, at_point.sensitivity), colours=colours
        ),
        "precision-recall": figures.precision_recall(
            study.precision_recall, prevalence=0.5, in_force=at_point, colours=colours
        ),
        "calibration": figures.calibration(study.calibration, in_force=0.4, colours=colours),
        "decision": figures.decision(curve, scores, fair_probability=0.1, colours=colours),
    }


def test_every_figure_is_small_enough_to_be_sent_at_once(drawn: dict[str, go.Figure]) -> None:
    for figure in drawn.values():
        assert max(len(trace.x) for trace in figure.data) <= 1000
        assert len(figure.to_json()) < 100_000


def test_every_figure_takes_the_background_of_the_page(drawn: dict[str, go.Figure]) -> None:
    assert {figure.layout.plot_bgcolor for figure in drawn.values()} == {"rgba(0,0,0,0)"}


def test_a_click_finds_its_threshold_in_the_last_cell(drawn: dict[str, go.Figure]) -> None:
    for figure in drawn.values():
        named = [trace.customdata for trace in figure.data if trace.customdata is not None]
        assert named
        last = np.array([cells[-1] for trace in named for cells in trace], np.float64)
        assert last.min() >= 0
        assert not np.isnan(last).any()


def test_the_histogram_counts_every_patch_on_the_side_of_its_label(
    study: ThresholdStudy, drawn: dict[str, go.Figure]
) -> None:
    tumour, none = drawn["histogram"].data
    assert tumour.marker.color == charts.LIGHT.tumour
    evidence = study.scores.evidence
    assert int(np.asarray(tumour.customdata)[:, 2].sum()) == evidence.n_positive
    assert int(np.asarray(none.customdata)[:, 2].sum()) == len(evidence) - evidence.n_positive
    assert min(tumour.y) >= 0 >= max(none.y)


def test_the_diamonds_stand_at_the_current_threshold(
    study: ThresholdStudy, drawn: dict[str, go.Figure]
) -> None:
    at_point = study.table.confusion(0.4)
    roc, pr = drawn["roc"].data[-1], drawn["precision-recall"].data[-1]
    assert (roc.x[0], roc.y[0]) == (1 - at_point.specificity, at_point.sensitivity)
    assert (pr.x[0], pr.y[0]) == (at_point.sensitivity, at_point.value("ppv"))


def test_marks_stand_where_core_says(study: ThresholdStudy) -> None:
    snapshot = study.at(0.7, Assumptions(), 0.2)
    at = {mark.figure: mark for mark in figures.marks(snapshot)}
    assert (at["histogram"].x, at["histogram"].until) == (0.2, 0.7)
    assert at["roc"].y == snapshot.confusion.sensitivity
    assert at["decision"].x == snapshot.probability_in_use
    nothing = figures.marks(study.at(1.0, Assumptions()))
    assert [mark.as_dict()["y"] for mark in nothing if mark.figure == "precision-recall"] == [None]
