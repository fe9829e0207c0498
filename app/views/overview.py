"""Overview: what is loaded, how it was validated, what it is not for, where to go."""

import streamlit as st

from app import resources
from app.screens.overview import overview
from app.screens.shared import model

settings = model.settings_or_stop()
ways = overview.where_to_go()
store = resources.job_store(settings)
opening = st.container()
whole = st.empty()
known = overview.known_of_the_model(settings)
with ways:
    overview.ways_to_go(store, can_score=known is not None)
# Drawn by now: a visitor reads what this is, and can go on, while the model opens.
by_the_card = known and overview.by_the_card(settings, *known, whole)
with opening:
    classifier = model.classifier_or_problem(settings)
if classifier is None:
    whole.empty()
elif by_the_card is not None:
    by_the_card.loaded(classifier)
