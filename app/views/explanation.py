"""Explanation: what a score reacted to, whether the map can be trusted, what the centre did."""

from collections.abc import Sequence

import streamlit as st

from app import resources
from app.screens.explanation import choice, walk, words
from app.screens.explanation.gallery import explain_all, gallery
from app.screens.explanation.look import Look, look_of_maps
from app.screens.explanation.patch import patch_explained
from app.screens.shared import model, parts
from app.screens.shared.component import keep_in_url
from app.screens.shared.ways import BATCH, REVIEW, THRESHOLD, ways_on
from app.state import address
from core.bundle import same_model
from core.explanation import Explainer, Method
from core.explanation.cam import MEASURED_SCALE_LOGIT
from core.explanation.explained import PatchCollection
from core.explanation.listing import ORDERS, listed
from core.scoring import Classifier
from core.wording import agreeing


def page(classifier: Classifier) -> None:
    """Draw the choice of patches and method, and what they come to."""
    patches_part, way_part = st.columns([2.6, 1], vertical_alignment="bottom")
    with patches_part:
        collection = choice.patches_to_explain(resources.job_store(settings))
    if collection is None:
        return
    if not collection.positions:
        parts.empty(*words.NOTHING_TO_EXPLAIN)
        return
    walk.begin(collection, linked=address.shown("job") == collection.job)
    with way_part:
        chosen = choice.way_to_explain(classifier, collection)
    if chosen is not None:
        explained(collection, classifier, chosen)


def explained(collection: PatchCollection, classifier: Classifier, chosen: Explainer) -> None:
    """Draw one patch of a collection, or the gallery of all."""
    by_this = same_model(collection.scored_by, classifier.model_id)
    if collection.scored_by and not by_this:
        model, current = collection.scored_by, classifier.model_id
        st.warning(words.OTHER_MODEL.format(model=model, current=current))
    if not by_this:
        collection = resources.scored_here(classifier, collection)
    known = resources.explained(chosen, collection)
    measured = chosen.method is Method.REPLACEMENT
    if collection.left_out:
        shown, more = len(collection.positions), collection.left_out
        st.caption(agreeing(words.LEFT_OUT, more).format(shown=shown, more=more))
    with st.container(horizontal=True, vertical_alignment="center", key="nl-look"):
        view = walk.view(collection)
        style, shared = look_of_maps()
        steps = st.container(horizontal=True, vertical_alignment="center", width="content")
        st.space("stretch")
        ways_on(BATCH, REVIEW, THRESHOLD, job=collection.job, key="explanation")
    order, filters = walk.order_in_use(collection), walk.filters_in_use(collection)
    as_scored = (
        not shared and view != walk.GALLERY and not filters and order is next(iter(ORDERS.values()))
    )
    # The place of the other view is emptied: it would stand here until all is drawn.
    if view == walk.GALLERY:
        st.empty()
    body = st.container()
    if view != walk.GALLERY:
        st.empty()
    with body:
        # They are in this order already, and the other patches can wait; those of maps by
        # replacement always do.
        if not (as_scored or measured):
            explain_all(known)
        look = Look(style)
        if shared and measured:
            look = Look(style, MEASURED_SCALE_LOGIT, words.MEASURED_SCALE)
        elif shared and len(collection.positions) > 1:
            look = Look(style, known.scale(collection.positions), words.COMMON_SCALE)
        if view == walk.GALLERY:
            keep_in_url("explanation", walk.in_url(collection, chosen))
            gallery(known, look)
            return
        positions: Sequence[int] = collection.positions
        if not as_scored:
            positions = listed(known.listed(positions), filters, order)
        with steps:
            position, following = walk.step(collection, positions, filters, order.name)
        keep_in_url("explanation", walk.in_url(collection, chosen))
        patch_explained(known, position, look)
    if following is not None:
        known.prepare([following], known.tests())  # meanwhile


parts.style("explanation")
parts.page_title(words.TITLE, words.LEAD)
settings = model.settings_or_stop()
loaded = model.classifier_or_problem(settings)
if loaded is not None:
    page(loaded)
