"""The figures of the page, which stay while the slider moves marks over them."""

from typing import Final

import plotly.graph_objects as go
import streamlit as st
from markupsafe import escape

from app import charts
from app.charts import threshold as plots
from app.charts.threshold import FigureName
from app.resources.caching import cached_by
from app.screens.shared.parts import chart
from app.screens.threshold import numbers, words
from app.screens.threshold.scene import Scene
from app.state import widgets
from core.thresholds import ThresholdStudy
from core.wording import percent

ESSENTIAL: Final[tuple[FigureName, ...]] = ("roc", "precision-recall", "histogram")
"""Figures that are always there; the others stand in folds."""


def essential_figures(scene: Scene) -> None:
    """Draw the figures that are always there; they stay while the slider moves marks over them."""
    study, area = scene.study, scene.study.auroc
    drawn = _drawn(study, scene.line, widgets.is_dark())
    roc, recall, histogram = st.columns(3, gap="medium")
    with roc:
        _figure(
            scene,
            "roc",
            f"ROC, area {area.value:.3f}",
            f"95 % {'over slides' if area.by_slides else 'by patches'} "
            f"{numbers.span(area, digits=3)}"
            if area.has_interval
            else words.NO_INTERVAL,
            drawn["roc"],
        )
    with recall:
        _figure(
            scene,
            "precision-recall",
            f"Precision–recall, average precision {study.average_precision:.3f}",
            f"{percent(study.prevalence)} tumour here, not clinical",
            drawn["precision-recall"],
        )
    with histogram:
        _figure(
            scene,
            "histogram",
            "Scores by class",
            "square-root scale; dotted: current threshold",
            drawn["histogram"],
        )
    st.caption(words.FIGURES)


@cached_by(lambda study, line, dark: (study.scores.evidence.digest, line, dark), entries=16)
def _drawn(study: ThresholdStudy, line: float | None, dark: bool) -> dict[FigureName, go.Figure]:
    """Return the figures with the current threshold on them; Plotly needs long to make them."""
    colours = charts.palette(dark=dark)
    at_line = None if line is None else study.table.confusion(line)
    place = None if at_line is None else (1 - at_line.specificity, at_line.sensitivity)
    return {
        "roc": plots.roc(study.roc, point=place, colours=colours),
        "precision-recall": plots.precision_recall(
            study.precision_recall,
            prevalence=study.prevalence,
            in_force=at_line,
            colours=colours,
        ),
        "histogram": plots.histogram(study.histogram, in_force=line, colours=colours),
    }


def calibration_figure(scene: Scene) -> None:
    """Draw how well the scores are probabilities."""
    study = scene.study
    colours = charts.palette(dark=widgets.is_dark())
    figure = plots.calibration(study.calibration, in_force=scene.line, colours=colours)
    _figure(scene, "calibration", "Calibration", _calibration_words(study), figure)


def decision_figure(scene: Scene) -> None:
    """Draw from which probability on calling tumour pays at the stated costs."""
    study, assumed = scene.study, scene.assumptions
    curve = study.decision_curve(assumed)
    _figure(
        scene,
        "decision",
        f"Decision curve at {100 * assumed.prevalence:g} %",
        f"calling tumour pays off from {assumed.fair_probability:.3f}",
        plots.decision(
            curve,
            study.scores_for(curve.probabilities, assumed.prevalence),
            fair_probability=assumed.fair_probability,
            colours=charts.palette(dark=widgets.is_dark()),
        ),
    )


def _calibration_words(study: ThresholdStudy) -> str:
    bins, line = study.calibration, study.calibration_line
    slope = "" if isinstance(line, str) else f", slope {line.slope.value:.2f}"
    return f"expected calibration error {bins.ece:.3f}, Brier score {bins.brier:.3f}{slope}"


def _figure(scene: Scene, name: FigureName, title: str, note: str, figure: go.Figure) -> None:
    st.html(f'<div class="nl-figure"><b>{escape(title)}</b><span>{escape(note)}</span></div>')
    with st.container(key=f"nl-figure-{name}"):
        key = f"threshold-{name}-{scene.study.scores.sha256[:8]}"
        chart(figure, key, f"{title}. {note}")
