"""The way from one explained patch to the next."""

from collections.abc import Sequence

import streamlit as st

from app.screens.explanation.choice import clear_filters, position_key
from app.screens.shared.parts import plain
from app.state import widgets
from core.explanation.explained import PatchCollection


def walk(
    collection: PatchCollection, positions: Sequence[int], wanted: Sequence[str], order: str
) -> tuple[int, int | None]:
    """Draw the way to the patches before and after.

    Args:
        collection: The patches.
        positions: The list that is walked through.
        wanted: The filters that made the list.
        order: What it is sorted by.

    Returns:
        The position that is looked at and the next one of the list, None at its end.
    """
    key = position_key(collection)
    held = widgets.chosen(key)
    at = held if isinstance(held, int) and held in collection.positions else None
    if at is None:
        at = positions[0] if positions else collection.positions[0]
    place = positions.index(at) if at in positions else -1
    following = positions[place + 1] if place + 1 < len(positions) else None
    if len(collection.positions) == 1:
        return at, None
    with st.container(horizontal=True, vertical_alignment="center", key="nl-explain-walk"):
        before = positions[place - 1] if place > 0 else None
        _step("Previous", ":material/chevron_left:", key, before)
        _step("Next", ":material/chevron_right:", key, following)
        st.caption(plain(_place_words(place, len(positions), wanted, order)))
        if wanted:
            clear_filters(collection, "walk")
    return at, following


def _place_words(place: int, count: int, wanted: Sequence[str], order: str) -> str:
    names = " and ".join(f"“{name}”" for name in wanted)
    filters = f", only {names}" if wanted else ""
    if not count:
        return f"No patch passes {names}. This one is shown all the same."
    where = f"{place + 1:,} of {count:,}" if place >= 0 else f"not one of the {count:,} of the list"
    return f"{where} · {order[:1].lower()}{order[1:]}{filters}"


def _step(label: str, icon: str, key: str, position: int | None) -> None:
    st.button(
        label,
        icon=icon,
        key=f"explain-{label}",
        disabled=position is None,
        on_click=widgets.choose,
        args=(key, position),
        shortcut="Left" if label == "Previous" else "Right",
    )
