"""Where a reader stands in the worklist of a case."""

import secrets
import time
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

import streamlit as st

_DISPLAY: Final = "display"
_AGAIN: Final = "again"
_BACK: Final = "looks-back"


def leave_desk() -> None:
    """Forget where the reader stood, because the case or the reader changes."""
    for key in (_DISPLAY, _AGAIN, _BACK):
        st.session_state.pop(key, None)


def looks_back() -> bool:
    """Whether the reader's own earlier verdicts are listed."""
    return bool(st.session_state.get(_BACK))


def look_back(on: bool) -> None:
    """List the reader's own earlier verdicts, or continue reading."""
    st.session_state[_BACK] = on
    st.session_state.pop(_AGAIN, None)
    st.session_state.pop(_DISPLAY, None)


def correcting() -> int | None:
    """Return the position whose verdict is being corrected; None while reading on."""
    position = st.session_state.get(_AGAIN)
    return None if position is None else int(position)


def correct(position: int | None) -> None:
    """Look at a patch again to correct its verdict, or at no such patch any more."""
    st.session_state[_AGAIN] = position
    st.session_state[_BACK] = False
    st.session_state.pop(_DISPLAY, None)


@dataclass(frozen=True)
class Display:
    """A patch, or a page of them, as it appeared for a verdict.

    Its action is the token under which the verdict is recorded, once; `since_s` is of a clock that
    only counts.
    """

    what: Hashable
    action: str
    since_s: float

    @property
    def seconds(self) -> float:
        """How long ago it appeared."""
        return time.monotonic() - self.since_s


def display(what: Hashable) -> Display:
    """Return when something appeared, which is now unless it was there last time too."""
    held = st.session_state.get(_DISPLAY)
    if not isinstance(held, Display) or held.what != what:
        held = Display(what, secrets.token_hex(16), time.monotonic())
        st.session_state[_DISPLAY] = held
    return held


def still_displayed(earlier: Display) -> bool:
    """Whether nothing appeared since; false for a second press on the same button."""
    return st.session_state.get(_DISPLAY) == earlier
