"""Overview: what is loaded, how it was validated, what it is not for, where to go."""

import streamlit as st

from app import resources
from app.screens.overview import overview
from app.screens.shared import model
from app.screens.shared.model import latest_decision

settings = model.settings_or_stop()
store = resources.job_store(settings)
first_steps = st.container()
classifier = model.classifier_or_problem(settings)
with first_steps:
    overview.where_to_go(store, can_score=classifier is not None)
if classifier is not None:
    latest_decision(settings, classifier.bundle.card)
    overview.what_is_loaded(classifier)
    overview.how_validated(classifier)
    overview.what_it_is_not_for(classifier)
