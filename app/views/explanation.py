"""Explanation: what a score reacted to, whether the map can be trusted, what the centre did."""

from app import resources
from app.screens.explanation import words
from app.screens.explanation.page import explanation
from app.screens.shared import model, parts

parts.page_title(words.TITLE, words.LEAD)
settings = model.settings_or_stop()
store = resources.job_store(settings)
classifier = model.classifier_or_problem(settings)
if classifier is not None:
    explanation(store, settings, classifier)
