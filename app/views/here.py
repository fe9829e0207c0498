"""Does it work here? A laboratory's own labelled patches, four steps, one recorded decision."""

import streamlit as st

from app import resources
from app.screens.here import steps, words
from app.screens.shared import model
from app.screens.shared.model import latest_decision
from app.screens.shared.parts import page_title, plain, section, show_problem
from app.screens.shared.ways import BATCH, REVIEW, THRESHOLD, ways_on
from app.state import widgets
from core.errors import NodelensError

page_title(words.TITLE, words.LEAD)
settings = model.settings_or_stop()
classifier = model.classifier_or_problem(settings)
if classifier is None:
    st.stop()
card = classifier.bundle.card
latest_decision(settings, card)
store = resources.job_store(settings)
findings = job = None
try:
    job = steps.labelled_batch(store, settings, classifier)
    if job is not None:
        study, findings = resources.local_findings(store, job, classifier.bundle)
except NodelensError as error:
    show_problem(error)
if findings is None:
    for step, note in list(zip(words.STEPS, words.STEP_NOTES, strict=True))[1:]:
        section(step, note)
else:
    steps.rates(study, findings)
    steps.transfer(study, findings)
    steps.decide(study, findings, card, settings)
if job is not None:
    ways_on(BATCH, REVIEW, THRESHOLD, job=job.id, key="here")
if notice := widgets.pop_notice():
    st.success(plain(notice), icon=":material/task_alt:")
steps.decided(card, settings)
