"""The list of a batch's patches as it is looked at: view, filters, order, the next patch."""

from collections.abc import Sequence
from functools import partial
from typing import Final

import streamlit as st

from app import resources
from app.screens.explanation import words
from app.screens.shared.pager import step_buttons
from app.screens.shared.parts import button, choice, plain
from app.state import address, widgets
from core.explanation import Explainer
from core.explanation.explained import PatchCollection
from core.explanation.listing import FILTERS, ORDERS, MeasureOrder

ONE_PATCH: Final = "One patch"
GALLERY: Final = "Gallery"


def key(name: str, collection: PatchCollection) -> str:
    """Return what a setting of a collection's list is kept under.

    It is "order", "filter", "at" (the patch that is looked at), "view" or "page".
    """
    return f"explain-{name}-{collection.key}"


def begin(collection: PatchCollection, *, linked: bool) -> None:
    """Look at a list as the URL says, unless this visit has looked at it otherwise."""
    shown = address.shown if linked else lambda _: ""
    orders = {slug(name): name for name in ORDERS}
    filters = shown("only").split(",")
    row = shown("row")
    at = int(row) if row.isascii() and row.isdigit() else None
    widgets.start(key("at", collection), at if at in collection.positions else None)
    widgets.start(key("order", collection), orders.get(shown("order"), next(iter(ORDERS))))
    widgets.start(key("filter", collection), [n for n in FILTERS if slug(n) in filters])
    widgets.start(key("view", collection), GALLERY if shown("view") == "gallery" else ONE_PATCH)


def in_url(collection: PatchCollection, explainer: Explainer) -> dict[str, str]:
    """Return what is explained and how, as the URL has it; what is usual is left out."""
    order, at = order_in_use(collection), widgets.chosen(key("at", collection))
    usual = resources.explainer(explainer.classifier).method
    return {
        "job": collection.job,
        "method": "" if explainer.method is usual else str(explainer.method),
        "row": "" if at is None else str(at),
        "order": "" if order.name == next(iter(ORDERS)) else slug(order.name),
        "only": ",".join(map(slug, filters_in_use(collection))),
        "view": "gallery" if widgets.chosen(key("view", collection)) == GALLERY else "",
    }


def slug(name: str) -> str:
    """Return the name of an order or a filter as it stands in the URL."""
    return "-".join(name.lower().replace(",", "").split())


def view(collection: PatchCollection) -> str:
    """Draw the choice between one patch and the gallery, where there are several."""
    if len(collection.positions) == 1:
        return ONE_PATCH
    views = [ONE_PATCH, GALLERY]
    kept = {"persist_state": "session", "label_visibility": "collapsed"}
    return choice("View", views, key("view", collection), **kept)


def look_at(collection: PatchCollection, position: int | None) -> None:
    """Look at one patch of a collection."""
    widgets.choose(key("at", collection), position)
    widgets.choose(key("view", collection), ONE_PATCH)


def order_in_use(collection: PatchCollection) -> MeasureOrder:
    """Return how the list is sorted."""
    name = str(widgets.chosen(key("order", collection)))
    return ORDERS.get(name, next(iter(ORDERS.values())))


def filters_in_use(collection: PatchCollection) -> list[str]:
    """Return which filters are on."""
    names = widgets.chosen(key("filter", collection))
    return [str(name) for name in names] if isinstance(names, list) else []


def filter_names(filters: Sequence[str]) -> str:
    """Return the filters as a reader reads them."""
    return " and ".join(f"“{name}”" for name in filters)


def clear_filters(collection: PatchCollection, place: str) -> None:
    """Draw a button that shows the whole list again; it may be on the page in two places."""
    clear = partial(widgets.choose, key("filter", collection), [])
    button("Clear filters", f"explain-clear-{place}", "filter_alt_off", clear)


def step(
    collection: PatchCollection, positions: Sequence[int], filters: Sequence[str], order: str
) -> tuple[int, int | None]:
    """Draw the way to the patches before and after.

    Returns:
        The position that is looked at and the next one of the list, None at its end.
    """
    held = widgets.chosen(key("at", collection))
    at = held if isinstance(held, int) and held in collection.positions else None
    if at is None:
        at = positions[0] if positions else collection.positions[0]
    if len(collection.positions) == 1:
        return at, None
    place, _, following = step_buttons(positions, at, partial(look_at, collection), "explain-")
    st.caption(plain(_place_text(place, len(positions), filters, order)))
    if filters:
        clear_filters(collection, "walk")
    widgets.choose(key("at", collection), at)
    return at, following


def _place_text(place: int, count: int, filters: Sequence[str], order: str) -> str:
    names = filter_names(filters)
    if not count:
        return words.SHOWN_ANYWAY.format(filters=names)
    where = f"{place + 1:,} of {count:,}" if place >= 0 else f"not in this list of {count:,}"
    only = f", only {names}" if filters else ""
    return f"{where} · {order[:1].lower()}{order[1:]}{only}"
