"""Threshold: try one, see at once what it does, and lock it."""

from collections.abc import Callable

import streamlit as st

from app.charts.threshold import FigureName
from app.screens.shared import model
from app.screens.shared.component import keep_in_url
from app.screens.shared.parts import page_title, style
from app.screens.threshold import figures, lock, panel, sources, words
from app.screens.threshold.scene import Scene, scene_of
from app.state import tuning, widgets


def page(scene: Scene) -> None:
    """Draw what the slider moves, the figures, and all that stands in folds below them."""
    lock.spent_test_set(scene)
    first, still, below = st.container(), st.container(key="nl-still"), st.container(gap="xsmall")
    shown: list[FigureName] = list(figures.ESSENTIAL)
    places: panel.Places = {}

    def in_use() -> None:
        shown.append("decision")
        sources.assumption_inputs()
        sentences, curve = st.columns([1.2, 1], gap="large")
        places["use"] = sentences.empty()
        with curve:
            figures.decision_figure(scene)

    def calibration() -> None:
        shown.append("calibration")
        figures.calibration_figure(scene)

    def slides() -> None:
        st.toggle("Every slide in the table", key="threshold-all-slides")
        places["slides"] = st.empty()

    with still:
        figures.essential_figures(scene)
    with below:
        _fold("measures", lambda: places.update(measures=st.empty()))
        _fold("use", in_use)
        _fold("calibration", calibration)
        _fold("slides", slides)
        _fold("versions", lambda: lock.versions(scene))
        _fold("test", lambda: lock.test_set(scene))
    panel.numbers_by_step(scene)
    with first:
        panel.moving_part(scene, places, shown)


def _fold(name: str, draw: Callable[[], None]) -> None:
    """Draw a part of the page that costs nothing while it is closed."""
    fold = st.expander(words.FOLDS[name], key=f"fold-{name}", on_change="rerun")
    if fold.open:
        with fold:
            draw()


style("threshold")
settings = model.settings_or_stop()
title, source = st.columns([1.35, 1], gap="medium", vertical_alignment="center")
with title:
    page_title(words.TITLE, words.LEAD)
classifier = model.classifier_or_problem(settings)
if classifier is None:
    lock.offer_shipped(settings)
    st.stop()
point = classifier.operating_point
tuning.current(tuning.Tuning(threshold=point.threshold, lower=point.lower_threshold))
if sentence := widgets.pop_notice():
    st.info(sentence, icon=":material/info:")
with source:
    choice = sources.choose_source(classifier, settings)
study = sources.study_or_none(choice, classifier, settings)
tuning.share()
if study is None:
    keep_in_url("threshold", tuning.shared())
else:
    page(scene_of(study, sources.assumptions(), classifier, settings))
