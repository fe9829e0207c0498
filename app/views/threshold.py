"""Threshold: try one, see at once what it does, and lock it."""

from pathlib import Path

import streamlit as st

from app.screens.shared import model
from app.screens.shared.parts import page_title, style
from app.screens.threshold import lock, panel, rules, sources, words
from app.screens.threshold.scene import scene_of
from app.state import tuning, widgets

style(Path(panel.__file__).with_name("threshold.css"))
page_title(words.TITLE, words.LEAD)
settings = model.settings_or_stop()
classifier = model.classifier_or_problem(settings)
if classifier is None:
    lock.offer_shipped(settings)
    st.stop()
point = classifier.operating_point
tuning.current(tuning.Tuning(threshold=point.threshold, lower=point.lower_threshold))
if sentence := widgets.pop_notice():
    st.info(sentence, icon=":material/info:")
source, stated = st.columns([1, 1.3], gap="large", vertical_alignment="top")
with source:
    study = sources.study_or_none(classifier, settings)
with stated:
    assumed = sources.assumptions()
if study is not None:
    scene = scene_of(study, assumed, classifier, settings)
    lock.spent_test_set(scene)
    left, right = st.columns([1.12, 1], gap="large")
    with left:
        rules.rules(study, assumed)
        panel.moving_part(scene)
        st.toggle("Every slide in the table", key="threshold-all-slides")
        rules.stability(study, assumed)
    with right, st.container(key="nl-still"):
        panel.still_part(scene)
    lock.versions(scene)
    lock.test_set(scene)
tuning.share()
