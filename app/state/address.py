"""What is looked at: it stands in the URL, where a reload or a colleague finds it."""

from collections.abc import Callable
from typing import Final

import streamlit as st

from app.state import reading


class Place:
    """A value that stands in the URL, and is kept for this visit when a page has none in its own.

    A callback can be given `look_at` of it, with what to look at or None for nothing.
    """

    def __init__(self, name: str, *, on_change: Callable[[], None] = lambda: None) -> None:
        """Name it.

        Args:
            name: In the URL.
            on_change: Forgets what was about the value before.
        """
        self._name = name
        self._on_change = on_change

    def now(self) -> str | None:
        """Return what the URL holds, else what this visit does, and let both hold it."""
        if self._name in st.query_params:
            st.session_state[self._name] = st.query_params[self._name]
        elif st.session_state.get(self._name):
            st.query_params[self._name] = st.session_state[self._name]
        value = st.session_state.get(self._name)
        return str(value) if value else None

    def number(self) -> int | None:
        """Return what it holds as a number from 0; None if it is none."""
        text = self.now()
        return int(text) if text is not None and text.isascii() and text.isdigit() else None

    def look_at(self, value: str | int | None) -> None:
        """Look at something else, or at nothing."""
        self._on_change()
        if value is None:
            st.session_state.pop(self._name, None)
            st.query_params.pop(self._name, None)
        else:
            st.session_state[self._name] = st.query_params[self._name] = str(value)


_ROW: Final = "row"
_AUDIT_ROWS: Final = "audit-rows"
audit_part: Final = Place("part")
"""Name of the part of an audit."""
audit_patch: Final = Place("patch")
"""Row of the patch of an audit that is enlarged."""
_audit_shown: Final = Place("show")


def _forget_audit() -> None:
    for place in (audit_part, _audit_shown, audit_patch):
        place.look_at(None)
    st.session_state.pop(_AUDIT_ROWS, None)


job: Final = Place("job", on_change=lambda: look_at_row(None))
"""Id of the batch."""
case: Final = Place("case", on_change=reading.leave_desk)
"""Id of the review case."""
audit: Final = Place("audit", on_change=_forget_audit)
"""Id of the audit."""


def row() -> int | None:
    """Return the row of the batch whose patch is looked at."""
    position = st.session_state.get(_ROW)
    return None if position is None else int(position)


def look_at_row(position: int | None) -> None:
    """Look at the patch of another row."""
    st.session_state[_ROW] = position


def audit_shown() -> tuple[str, tuple[int, ...]]:
    """Return what the patches of the audit are chosen by, and the rows of a choice by hand."""
    return _audit_shown.now() or "", st.session_state.get(_AUDIT_ROWS, ())


def show_in_audit(shown: str | None, rows: tuple[int, ...] = ()) -> None:
    """Choose the patches of the audit; a choice by hand is too long for a URL."""
    st.session_state[_AUDIT_ROWS] = rows
    _audit_shown.look_at(shown)
    st.session_state["show-page"] = 1
