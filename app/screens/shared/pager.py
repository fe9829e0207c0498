"""A long list page by page: which part of it is looked at, and the line that turns the pages."""

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from app.state import widgets


@dataclass(frozen=True)
class Page:
    """Part of a list.

    Attributes:
        key: Of the widget that turns the pages.
        number: From 1.
        pages: How many there are; at least 1.
        length: Of the list.
        size: Entries a page.
    """

    key: str
    number: int
    pages: int
    length: int
    size: int

    @property
    def part(self) -> slice:
        """Which entries are on the page."""
        start = (self.number - 1) * self.size
        return slice(start, min(start + self.size, self.length))


def page_of(length: int, size: int, *, key: str) -> Page:
    """Return the page that was turned to; the last one if the list is shorter by now."""
    pages = max(1, -(-length // size))
    return Page(key, min(int(str(widgets.chosen(key, 1) or 1)), pages), pages, length, size)


def pager(page: Page, what: str = "") -> None:
    """Draw which entries are shown and, where there are more, the way to them.

    Args:
        page: What is shown.
        what: What the entries are; "" goes without saying.
    """
    line = f"{page.part.start + 1:,} to {page.part.stop:,} of {page.length:,} {what}"
    if page.pages > 1:
        line = f"{line.rstrip()} · page {page.number} of {page.pages}"
    st.caption(line.rstrip())
    if page.pages > 1:
        st.pagination(page.pages, key=page.key, max_visible_pages=5, width="stretch")


def step_button(
    label: str,
    look_at: Callable[[int | None], None],
    position: int | None,
    key: str,
    shortcut: str,
    *,
    forward: bool = False,
) -> None:
    """Draw the way to the entry before or after."""
    st.button(
        label,
        icon=":material/chevron_right:" if forward else ":material/chevron_left:",
        icon_position="right" if forward else "left",
        key=key,
        disabled=position is None,
        on_click=look_at,
        args=(position,),
        shortcut=shortcut,
    )
