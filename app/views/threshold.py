"""Threshold: try one, see at once what it does, and lock it."""

from functools import partial

import streamlit as st

from app import resources
from app.screens import shared
from app.screens.threshold import lock, panel, rules, sources
from app.state import address, identity, tuning, widgets
from core.jobs import Job, JobStore
from core.scoring import Classifier
from core.settings import Settings
from core.thresholds import Assumptions, ThresholdStudy, comparable


def latest_done(store: JobStore) -> Job | None:
    """Return the batch that is looked at if it is finished, else the newest finished one."""
    jobs = store.jobs(identity.owner())
    wanted = address.job_id()
    jobs.sort(key=lambda job: job.id != wanted)  # stable: the rest stays newest first
    return next((job for job in jobs if resources.progress(store, job).state == "done"), None)


def scene_of(
    study: ThresholdStudy, assumptions: Assumptions, classifier: Classifier, settings: Settings
) -> panel.Scene:
    """Return what surrounds the threshold that is tried."""
    jobs = resources.job_store(settings)
    job = latest_done(jobs)
    card, point = classifier.bundle.card, classifier.operating_point
    batch = calls = None
    if job is not None:
        now = resources.scored_batch(jobs, job, classifier.temperature)
        calls = now.calls(point.threshold, point.lower_threshold)
        batch = resources.scored_batch(
            jobs, job, study.scores.temperature or classifier.temperature
        )
    return panel.Scene(
        study=study,
        assumptions=assumptions,
        in_force=point,
        versions=resources.operating_points(settings).versions(card.weights_sha256),
        comparable=comparable(study, card, classifier.temperature),
        batch=batch,
        calls=calls,
        job=job,
        jobs=jobs,
        model_id=card.model_id,
    )


shared.page_title(
    "Threshold",
    "From which score on should a patch be flagged? Try it on patches with known labels, see what "
    "is missed and what is flagged in vain, then lock it.",
)
settings = shared.settings_or_stop()
model = shared.classifier_or_problem(settings)
if model is None:
    st.stop()
card = model.bundle.card
point = model.operating_point
tuning.current(tuning.Tuning(threshold=point.threshold, lower=point.lower_threshold))
if sentence := widgets.said():
    st.info(sentence, icon=":material/info:")
source, stated = st.columns([1, 1.3], gap="large", vertical_alignment="top")
with source:
    evidence = sources.study_or_none(model, settings)
with stated:
    assumed = sources.assumptions()
if evidence is not None:
    scene = scene_of(evidence, assumed, model, settings)
    store = resources.operating_points(settings)
    lock.spent_test_set(scene, card, store)
    left, right = st.columns([1.12, 1], gap="large")
    with left:
        rules.rules(evidence, assumed)
        panel.moving_part(scene, partial(lock.lock_button, scene, card, store))
        st.toggle("Every slide in the table", key="threshold-all-slides")
        rules.stability(evidence, assumed)
    with right, st.container(key="nl-still"):
        panel.still_part(scene)
    lock.versions(scene, card, store)
    lock.test_set(scene, card, store)
tuning.share()
