"""The parts of the Explanation page, put together."""

from pathlib import Path
from typing import Final

import streamlit as st

from app import resources, state
from app.components.explanation_choice import (
    MEASURED_SCALE,
    OWN_SCALE,
    Scale,
    filters_in_force,
    look_of_maps,
    order_in_force,
    patches_to_explain,
    view_key,
    way_in_words,
    way_to_explain,
)
from app.components.explanation_gallery import GALLERY, ONE_PATCH, explain_all, gallery
from app.components.explanation_patch import patch_explained, walk
from app.explained import ExplainedPatches, PatchCollection
from core.errors import NodelensError
from core.explanation import SLOW_METHODS, Method
from core.explanation.listing import listed
from core.jobs import JobStore
from core.scoring import Classifier
from core.settings import Settings

_STYLE: Final = Path(__file__).parents[1] / "explanation.css"


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
    # A slow method makes the map that is looked at; the list keeps the fast maps.
    slow = chosen.method in SLOW_METHODS
    fast = resources.explainer(classifier, None, None, chosen.target) if slow else chosen
    listing = resources.explained(fast, collection)
    explain_all(listing, collection)
    if collection.left_out:
        st.caption(
            f"The {len(collection.positions):,} patches with the highest scores are explained; "
            f"{collection.left_out:,} more are not."
        )
    with st.container(horizontal=True, vertical_alignment="center", key="nl-look"):
        view = _view(collection)
        measured = chosen.method is Method.REPLACEMENT
        look = look_of_maps(can_compare=not slow or measured or view == GALLERY)
    scale = OWN_SCALE
    if not look.own:
        fixed = measured and view != GALLERY
        scale = MEASURED_SCALE if fixed else _common_scale(listing, collection)
    if view == GALLERY:
        if slow:
            st.caption(
                f"The gallery shows {way_in_words(listing.explainer)}; the chosen method makes "
                "one map at a time."
            )
        gallery(listing, collection, look, scale.value)
        return
    rows = listing.rows(collection.positions)
    order, wanted = order_in_force(collection), filters_in_force(collection)
    position = walk(collection, listed(rows, wanted, order))
    patch_explained(known, collection, position, look, scale)


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
    if state.chosen(key) is None:
        state.choose(key, ONE_PATCH)
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
