"""The list of explained patches: its order and filters, and the way from one patch to the next."""

from collections.abc import Sequence

import streamlit as st

from app.screens.explanation import words
from app.screens.shared.pager import step_button
from app.screens.shared.parts import plain
from app.state import widgets
from core.explanation.explained import PatchCollection
from core.explanation.listing import ORDERS, MeasureOrder


def key(name: str, collection: PatchCollection) -> str:
    """Return what a setting of a collection's list is kept under.

    Args:
        name: "order", "filter", "at" (the patch that is looked at), "view" or "page".
        collection: Whose list.
    """
    return f"explain-{name}-{collection.key}"


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
    """Draw a button that shows the whole list again.

    Args:
        collection: Whose list.
        place: Where the button is, for it may be on the page twice.
    """
    st.button(
        "Clear filters",
        key=f"explain-clear-{place}",
        icon=":material/filter_alt_off:",
        on_click=widgets.choose,
        args=(key("filter", collection), []),
    )


def walk(
    collection: PatchCollection, positions: Sequence[int], filters: Sequence[str], order: str
) -> tuple[int, int | None]:
    """Draw the way to the patches before and after.

    Args:
        collection: The patches.
        positions: The list that is walked through.
        filters: What made the list.
        order: What it is sorted by.

    Returns:
        The position that is looked at and the next one of the list, None at its end.
    """
    held = widgets.chosen(key("at", collection))
    at = held if isinstance(held, int) and held in collection.positions else None
    if at is None:
        at = positions[0] if positions else collection.positions[0]
    place = positions.index(at) if at in positions else -1
    following = positions[place + 1] if place + 1 < len(positions) else None
    if len(collection.positions) == 1:
        return at, None

    def look_at(position: int | None) -> None:
        widgets.choose(key("at", collection), position)

    with st.container(horizontal=True, vertical_alignment="center", key="nl-explain-walk"):
        before = positions[place - 1] if place > 0 else None
        step_button("Previous", look_at, before, "explain-Previous", "Left")
        step_button("Next", look_at, following, "explain-Next", "Right", forward=True)
        st.caption(plain(_place_text(place, len(positions), filters, order)))
        if filters:
            clear_filters(collection, "walk")
    return at, following


def _place_text(place: int, count: int, filters: Sequence[str], order: str) -> str:
    names = filter_names(filters)
    if not count:
        return words.SHOWN_ANYWAY.format(filters=names)
    where = f"{place + 1:,} of {count:,}" if place >= 0 else f"not one of the {count:,} of the list"
    only = f", only {names}" if filters else ""
    return f"{where} · {order[:1].lower()}{order[1:]}{only}"
