"""A long list page by page: which part of it is looked at, and the line that turns the pages."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from app.screens.shared.parts import button
from app.state import widgets


@dataclass(frozen=True)
class Page:
    """Part of a list: its number from 1, how many pages there are, at least 1, and its entries."""

    key: str
    number: int
    pages: int
    length: int
    part: slice


def page_of(length: int, size: int, *, key: str) -> Page:
    """Return the page that was turned to; the last one if the list is shorter by now."""
    pages = max(1, -(-length // size))
    number = min(int(str(widgets.chosen(key, 1) or 1)), pages)
    part = slice((number - 1) * size, min(number * size, length))
    return Page(key, number, pages, length, part)


def pager(page: Page, what: str = "") -> None:
    """Draw which entries are shown, and of what; where there are more, the way to them."""
    line = f"{page.part.start + 1:,} to {page.part.stop:,} of {page.length:,} {what}"
    if page.pages > 1:
        line = f"{line.rstrip()} · page {page.number} of {page.pages}"
    st.caption(line.rstrip())
    if page.pages > 1:
        st.pagination(page.pages, key=page.key, max_visible_pages=5, width="stretch")


def step_buttons(
    positions: Sequence[int], position: int, look_at: Callable[[int | None], None], key: str = ""
) -> tuple[int, int | None, int | None]:
    """Draw the ways to the entries before and after one that may be none of the list.

    Returns:
        The place in the list, -1 for none, and the entries before and after, None where it ends.
    """
    place = positions.index(position) if position in positions else -1
    before = positions[place - 1] if place > 0 else None
    after = positions[place + 1] if place + 1 < len(positions) else None
    more = {"shortcut": "K", "disabled": before is None}
    button("Previous", f"{key}previous", "chevron_left", look_at, before, **more)
    more = {"shortcut": "J", "disabled": after is None, "icon_position": "right"}
    button("Next", f"{key}next", "chevron_right", look_at, after, **more)
    return place, before, after
