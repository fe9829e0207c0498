"""The parts of the Explanation page, put together."""

from pathlib import Path
from typing import Final

import streamlit as st

from app import resources
from app.screens.explanation.choice import (
    filters_in_force,
    order_in_force,
    patches_to_explain,
    view_key,
    way_to_explain,
)
from app.screens.explanation.gallery import explain_all, gallery
from app.screens.explanation.look import MEASURED_SCALE, OWN_SCALE, Scale, look_of_maps
from app.screens.explanation.patch import patch_explained, prepare
from app.screens.explanation.tiles import GALLERY, ONE_PATCH
from app.screens.explanation.walk import walk
from app.state import widgets
from core.errors import NodelensError
from core.explanation import Method
from core.explanation.explained import ExplainedPatches, PatchCollection, list_rows
from core.explanation.listing import ORDERS, listed
from core.jobs import JobStore
from core.scoring import Classifier
from core.settings import Settings

_STYLE: Final = Path(__file__).with_name("explanation.css")


def explanation(store: JobStore, settings: Settings, classifier: Classifier) -> None:
    """Draw the whole of it."""
    st.html(_STYLE)
    collection = patches_to_explain(store, settings)
    if collection is None:
        return
    if not collection.positions:
        st.html('<div class="nl-empty"><b>Nothing to explain.</b> No input has a score.</div>')
        return
    _explained(collection, classifier)


def _explained(collection: PatchCollection, classifier: Classifier) -> None:
    chosen = way_to_explain(classifier, collection)
    if chosen is None:
        return
    if collection.scored_by not in {"", classifier.model_id}:
        st.warning(
            f"This batch was scored by {collection.scored_by}. Explained, and scored anew on this "
            f"page, is {classifier.model_id}, the model in force."
        )
    known = resources.explained(chosen, collection)
    # A fast method scores them all for the list; maps by replacement are made for the patches that
    # are on the screen.
    measured = chosen.method is Method.REPLACEMENT
    fast = resources.explainer(classifier, None, None, chosen.target) if measured else chosen
    scored = resources.explained(fast, collection)
    if collection.left_out:
        st.caption(
            f"The {len(collection.positions):,} patches with the highest scores are explained; "
            f"{collection.left_out:,} more are not."
        )
    with st.container(horizontal=True, vertical_alignment="center", key="nl-look"):
        view = _view(collection)
        look = look_of_maps()
    order, wanted = order_in_force(collection), filters_in_force(collection)
    as_scored = (
        measured
        and view != GALLERY
        and not wanted
        and order is next(iter(ORDERS.values()))
        and collection.scored_by == classifier.model_id
    )
    # The place of the other view is emptied: it would stand here until all is drawn.
    if view == GALLERY:
        st.empty()
    body = st.container()
    if view != GALLERY:
        st.empty()
    with body:
        if not as_scored:  # a batch is in this order already, and its patches can wait their turn
            explain_all(scored, collection)
        scale = OWN_SCALE
        if not look.own:
            scale = MEASURED_SCALE if measured else _common_scale(scored, collection)
        if view == GALLERY:
            gallery(known, scored, collection, look, scale)
            return
        rows = list_rows(known, scored, collection.positions)
        positions = list(collection.positions) if as_scored else listed(rows, wanted, order)
        position, following = walk(collection, positions, wanted, order.name)
        patch_explained(known, collection, position, look, scale)
    if following is not None:
        prepare(known, collection, following)


def _common_scale(known: ExplainedPatches, collection: PatchCollection) -> Scale:
    """Return one scale for the collection; one patch alone is measured against the samples."""
    if len(collection.positions) > 1:
        return Scale(known.scale(collection.positions), "one scale for all patches here")
    try:
        samples = resources.sample_collection()
    except NodelensError:
        return OWN_SCALE
    others = resources.explained(known.explainer, samples)
    explain_all(others, samples)
    return Scale(others.scale(samples.positions), "the scale of the drawn samples")


def _view(collection: PatchCollection) -> str:
    if len(collection.positions) == 1:
        return ONE_PATCH
    key = view_key(collection)
    if widgets.chosen(key) is None:
        widgets.choose(key, ONE_PATCH)
    return str(
        st.segmented_control(
            "View",
            [ONE_PATCH, GALLERY],
            key=key,
            persist_state="session",
            required=True,
            label_visibility="collapsed",
        )
    )
