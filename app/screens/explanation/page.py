"""The parts of the Explanation page, put together."""

from pathlib import Path
from typing import Final

import streamlit as st

from app import resources
from app.screens.explanation import patch_list, words
from app.screens.explanation.choice import (
    patches_in_url,
    patches_to_explain,
    way_in_url,
    way_to_explain,
)
from app.screens.explanation.gallery import explain_all, gallery
from app.screens.explanation.look import MEASURED_SCALE, OWN_SCALE, Scale, look_of_maps
from app.screens.explanation.patch import patch_explained, prepare
from app.screens.explanation.patch_list import (
    GALLERY,
    ONE_PATCH,
    filters_in_use,
    key,
    limits,
    order_in_use,
    text_in_use,
    walk,
)
from app.screens.shared.parts import empty, style
from app.screens.shared.url import keep_in_url
from app.state import address
from core.errors import NodelensError
from core.explanation import Explainer, Method
from core.explanation.explained import ExplainedPatches, PatchCollection, list_rows
from core.explanation.listing import ORDERS, listed
from core.jobs import JobStore
from core.scoring import Classifier
from core.settings import Settings

_STYLE: Final = Path(__file__).with_name("explanation.css")


def explanation(store: JobStore, settings: Settings, classifier: Classifier) -> None:
    """Draw the whole of it."""
    style(_STYLE)
    collection = patches_to_explain(store, settings)
    if collection is None:
        return
    if not collection.positions:
        empty(*words.NOTHING_TO_EXPLAIN)
        return
    _explained(collection, classifier)


def _explained(collection: PatchCollection, classifier: Classifier) -> None:
    patch_list.begin(collection, linked=address.shown("job") == collection.job)
    chosen = way_to_explain(classifier, collection)
    if chosen is None:
        return
    if collection.scored_by not in {"", classifier.model_id}:
        model, current = collection.scored_by, classifier.model_id
        st.warning(words.OTHER_MODEL.format(model=model, current=current))
    known = resources.explained(chosen, collection)
    # A fast method scores them all for the list; maps by replacement are made for the patches that
    # are on the screen.
    measured = chosen.method is Method.REPLACEMENT
    fast = resources.explainer(classifier, None, None, chosen.target) if measured else chosen
    scored = resources.explained(fast, collection)
    if collection.left_out:
        shown, more = len(collection.positions), collection.left_out
        st.caption(words.LEFT_OUT.format(shown=shown, more=more))
    with st.container(horizontal=True, vertical_alignment="center", key="nl-look"):
        view = _view(collection)
        look = look_of_maps()
    order, filters = order_in_use(collection), filters_in_use(collection)
    named = collection.named(text_in_use(collection))
    as_scored = (
        look.own
        and view != GALLERY
        and not filters
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
        if not as_scored:  # a batch is in this order already, and the other patches can wait
            explain_all(scored, collection)
        scale = OWN_SCALE
        if not look.own:
            scale = MEASURED_SCALE if measured else _common_scale(scored, collection)
        if view == GALLERY:
            _keep_in_url(collection, chosen)
            gallery(known, scored, collection, look, scale)
            return
        if not as_scored:
            named = listed(list_rows(known, scored, named), filters, order)
        position, following = walk(collection, named, limits(collection), order.name)
        _keep_in_url(collection, chosen)
        patch_explained(known, collection, position, look, scale)
    if following is not None:
        prepare(known, collection, following)


def _keep_in_url(collection: PatchCollection, chosen: Explainer) -> None:
    patches = patches_in_url(collection)
    keep_in_url("explanation", patches | way_in_url(chosen) | patch_list.in_url(collection))


def _common_scale(known: ExplainedPatches, collection: PatchCollection) -> Scale:
    """Return one scale for the collection; one patch alone is measured against the samples."""
    if len(collection.positions) > 1:
        return Scale(known.scale(collection.positions), words.COMMON_SCALE)
    try:
        samples = resources.sample_collection()
    except NodelensError:
        return OWN_SCALE
    others = resources.explained(known.explainer, samples)
    explain_all(others, samples)
    return Scale(others.scale(samples.positions), words.SAMPLE_SCALE)


def _view(collection: PatchCollection) -> str:
    if len(collection.positions) == 1:
        return ONE_PATCH
    return str(
        st.segmented_control(
            "View",
            [ONE_PATCH, GALLERY],
            key=key("view", collection),
            persist_state="session",
            required=True,
            label_visibility="collapsed",
        )
    )
