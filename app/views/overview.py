"""Overview: what is loaded, how it was validated, what it is not for, where to go."""

from app import resources
from app.screens.overview import overview
from app.screens.shared import model
from app.screens.shared.model import latest_decision

settings = model.settings_or_stop()
ways = overview.where_to_go()
# Drawn by now: a visitor reads what this is while the model opens.
store = resources.job_store(settings)
classifier = model.classifier_or_problem(settings)
with ways:
    overview.ways_to_go(store, can_score=classifier is not None)
if classifier is not None:
    latest_decision(settings, classifier.bundle.card)
    overview.what_is_loaded(classifier)
    overview.how_validated(classifier)
    overview.what_it_is_not_for(classifier)
