"""Overview: what is loaded, how it was validated, what it is not for, where to go."""

from app import components, resources
from app.components import overview

components.page_title(
    "NodeLens",
    "Is there tumour in the centre 32 × 32 of a 96 × 96 px H&E patch of a lymph node? "
    "A model scores the patches; a pathologist judges.",
)
settings = components.settings_or_stop()
store = resources.job_store(settings)
classifier = components.classifier_or_problem(settings)
overview.where_to_go(store, can_score=classifier is not None)
if classifier is not None:
    overview.what_is_loaded(classifier)
    overview.how_validated(classifier)
    overview.what_it_is_not_for(classifier)
