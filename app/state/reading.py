"""Where a reader stands in the worklist of a case."""

import secrets
import time
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

import streamlit as st

_PLACE: Final = "place"
_DRAWN: Final = "drawn"
_AGAIN: Final = "again"
_BACK: Final = "looks-back"


def leave_desk() -> None:
    """Forget where the reader stood, because the case or the reader changes."""
    for key in (_PLACE, _DRAWN, _AGAIN, _BACK):
        st.session_state.pop(key, None)


def looks_back() -> bool:
    """Whether the reader's own earlier verdicts are listed."""
    return bool(st.session_state.get(_BACK))


def look_back(on: bool) -> None:
    """List the reader's own earlier verdicts, or go on reading."""
    st.session_state[_BACK] = on
    st.session_state.pop(_AGAIN, None)
    st.session_state.pop(_DRAWN, None)


def again() -> int | None:
    """Return the position whose verdict is to be corrected; None while reading on."""
    found = st.session_state.get(_AGAIN)
    return None if found is None else int(found)


def look_again(position: int | None) -> None:
    """Look at a patch again to correct its verdict, or at no such patch any more."""
    st.session_state[_AGAIN] = position
    st.session_state[_BACK] = False
    st.session_state.pop(_DRAWN, None)


def place() -> int:
    """Return the position in the worklist behind which to go on; -1 at first."""
    return int(st.session_state.get(_PLACE, -1))


def go_on_behind(position: int) -> None:
    """Go on with the first unread patch behind a position."""
    st.session_state[_PLACE] = position
    st.session_state.pop(_DRAWN, None)


@dataclass(frozen=True)
class Drawn:
    """Something that was drawn for a verdict.

    Attributes:
        what: What, as given.
        action: The token under which its verdict is recorded, once.
        since_s: When it was drawn, by a clock that only counts.
    """

    what: Hashable
    action: str
    since_s: float

    @property
    def seconds(self) -> float:
        """How long ago it was drawn."""
        return time.monotonic() - self.since_s


def drawn(what: Hashable) -> Drawn:
    """Return when something was first drawn, which is now unless it was drawn last time too."""
    found = st.session_state.get(_DRAWN)
    if not isinstance(found, Drawn) or found.what != what:
        found = Drawn(what, secrets.token_hex(16), time.monotonic())
        st.session_state[_DRAWN] = found
    return found


def still_drawn(earlier: Drawn) -> bool:
    """Whether nothing was drawn since; false for a second press on the same button."""
    return st.session_state.get(_DRAWN) == earlier
