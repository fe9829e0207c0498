"""Explanation: what a score reacted to, whether the map can be trusted, what the centre did."""

from app import components, resources
from app.components.explanation import explanation

components.page_title(
    "Explanation",
    "What the model reacted to, whether its map can be trusted, and whether the centre decided.",
)
settings = components.settings_or_stop()
store = resources.job_store(settings)
classifier = components.classifier_or_problem(settings)
if classifier is not None:
    explanation(store, settings, classifier)
