"""What is looked at: it stands in the URL, where a reload or a colleague finds it."""

from collections.abc import Callable, Sequence
from typing import Final

import streamlit as st

from app.state import reading

_PAGE: Final = "page"
_NAMED_BY_PAGE: Final = "named-by-page"


def arrive(page: str) -> None:
    """Follow the browser: what the open page had in its URL and has no more was gone back from."""
    if st.session_state.get(_PAGE) == page:
        for name in st.session_state[_NAMED_BY_PAGE] - set(st.query_params):
            st.session_state.pop(name, None)
    st.session_state[_PAGE] = page
    st.session_state[_NAMED_BY_PAGE] = set()


class AddressedValue:
    """A value that stands in the URL, and is kept for this visit when a page has none in its own.

    A callback can be given `look_at` of it, with what to look at or None for nothing.
    """

    def __init__(
        self,
        name: str,
        *,
        on_change: Callable[[], None] = lambda: None,
        beside: Sequence[str] = (),
    ) -> None:
        """Give it a name in the URL.

        `on_change` forgets what was about the value before; what stands beside it in the URL goes
        too when something else is looked at.
        """
        self._name = name
        self._on_change = on_change
        self._beside = beside

    def now(self) -> str | None:
        """Return what the URL holds, else what this visit does, and let both hold it."""
        before = st.session_state.get(self._name)
        if self._name in st.query_params:
            st.session_state[self._name] = st.query_params[self._name]
            if before not in {None, st.query_params[self._name]}:  # by the browser's Back
                self._on_change()
        elif before:
            st.query_params[self._name] = before
        value = st.session_state.get(self._name)
        if not value:
            return None
        st.session_state.setdefault(_NAMED_BY_PAGE, set()).add(self._name)
        return str(value)

    def known(self) -> str | None:
        """Return what this visit looks at, whatever the URL says, and leave the URL alone."""
        value = st.session_state.get(self._name)
        return str(value) if value else None

    def number(self) -> int | None:
        """Return what it holds as a number from 0; None if it is none."""
        text = self.now()
        return int(text) if text is not None and text.isascii() and text.isdigit() else None

    def look_at(self, value: str | int | None) -> None:
        """Look at something else, or at nothing."""
        self._on_change()
        for name in self._beside:
            st.query_params.pop(name, None)
            st.session_state.get(_NAMED_BY_PAGE, set()).discard(name)  # kept for this visit
        if value is None:
            st.session_state.pop(self._name, None)
            st.query_params.pop(self._name, None)
        else:
            st.session_state[self._name] = st.query_params[self._name] = str(value)


_ROW: Final = "row"
_STEPS: Final = "steps"
_PICKED: Final = "picked"
_TO_EXPLAIN: Final = "row-to-explain"
_AUDIT_ROWS: Final = "audit-rows"
audit_patch: Final = AddressedValue("patch")
"""Row of the patch of an audit that is enlarged."""
_AUDIT_PART, _AUDIT_SHOWN = "part", "show"


def _forget_audit() -> None:
    audit_patch.look_at(None)
    for key in (_AUDIT_PART, _AUDIT_SHOWN, _AUDIT_ROWS):
        st.session_state.pop(key, None)


def _forget_rows() -> None:
    for key in (_ROW, _STEPS, _PICKED):
        st.session_state.pop(key, None)


job: Final = AddressedValue(
    "job",
    on_change=_forget_rows,
    beside=(_ROW, "order", "calls", "view", "find", "only"),
)
"""Id of the batch."""
case: Final = AddressedValue(
    "case", on_change=reading.leave_desk, beside=("twelve", "marks", "job")
)
"""Id of the review case."""
audit: Final = AddressedValue("audit", on_change=_forget_audit, beside=(_AUDIT_PART, _AUDIT_SHOWN))
"""Id of the audit."""
slide_cell: Final = AddressedValue("cell")
"""Row and column of the cell of a slide that is looked at, such as "12-34"."""
slide: Final = AddressedValue("slide", on_change=lambda: slide_cell.look_at(None))
"""Id of the slide."""


def row() -> int | None:
    """Return the row of the batch whose patch is looked at."""
    position = st.session_state.get(_ROW)
    text = str(st.query_params.get(_ROW, "") if position is None else position)
    return int(text) if text.isascii() and text.isdigit() else None


def look_at_row(position: int | None) -> None:
    """Look at the patch of another row; the page's list of patches brings it into the URL."""
    st.session_state[_ROW] = position
    st.session_state.pop(_STEPS, None)


def step(by: int) -> None:
    """Step in the list of rows as it is drawn next: on (1), back (-1), or into it (0)."""
    st.session_state[_STEPS] = (*st.session_state.get(_STEPS, ()), by)


def take_steps(positions: Sequence[int]) -> None:
    """Take the steps that wait, in the rows of a list; none leads out of it."""
    steps: tuple[int, ...] = st.session_state.pop(_STEPS, ())
    if not steps or not positions:
        return
    now = row()
    place = 0 if now is None else positions.index(now) if now in positions else -1
    for by in steps:
        least = min(place, 0) if by < 0 else 0
        place = min(max(place + by, least), len(positions) - 1)
    if place >= 0:
        look_at_row(positions[place])


def shown(name: str) -> str:
    """Return what the URL says of how the page is looked at, such as its "order"; "" if nothing."""
    return st.query_params.get(name, "")


def picked() -> tuple[int, ...]:
    """Return the rows of the batch that were picked by hand."""
    positions: tuple[int, ...] = st.session_state.get(_PICKED, ())
    return positions


def pick(positions: Sequence[int]) -> None:
    """Pick rows of the batch by hand."""
    st.session_state[_PICKED] = tuple(positions)


def explain(position: int) -> None:
    """Have the page of explanations begin with a row of the batch."""
    st.session_state[_TO_EXPLAIN] = position


def to_explain() -> int | None:
    """Return the row that the page of explanations is to begin with, once."""
    position: int | None = st.session_state.pop(_TO_EXPLAIN, None)
    return position


def audit_part() -> str:
    """Return the name of the part of the audit that is looked at; "" for none yet."""
    return str(st.session_state.get(_AUDIT_PART) or shown(_AUDIT_PART))


def look_at_audit_part(part: str) -> None:
    """Look at a part of the audit; the page brings it into the URL."""
    st.session_state[_AUDIT_PART] = part


def audit_shown() -> tuple[str, tuple[int, ...]]:
    """Return what the patches of the audit are chosen by, and the rows of a choice by hand."""
    by = st.session_state.get(_AUDIT_SHOWN, shown(_AUDIT_SHOWN))
    return str(by), st.session_state.get(_AUDIT_ROWS, ())


def show_in_audit(by: str, rows: tuple[int, ...] = ()) -> None:
    """Choose the patches of the audit; a choice by hand is too long for a URL."""
    st.session_state[_AUDIT_ROWS] = rows
    st.session_state[_AUDIT_SHOWN] = by
    st.session_state["show-page"] = 1
