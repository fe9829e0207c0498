"""The desk: one patch large, its verdict by one key, and the ways back, past and around."""

from pathlib import Path
from typing import Final

import streamlit as st

from app import resources
from app.screens.review import words
from app.screens.review.ends import earlier_verdicts, end_of_case
from app.screens.review.seat import Seat
from app.screens.shared.component import component
from app.state import reading, widgets
from core.review import (
    CaseOpened,
    Confidence,
    Quality,
    ReasonTag,
    Record,
    ReviewStore,
    may_correct,
    next_position,
)
from core.review.patches import PatchFolder

_CORRECTED: Final = "desk-corrected"
_SCRIPT: Final = Path(__file__).with_name("desk.js")


def desk(store: ReviewStore, kept: PatchFolder, case_id: str, reader: str) -> None:
    """Draw the next patch to read, an earlier one to be corrected, or that there is none."""
    record = store.record()
    case = record.case(case_id)
    if corrected := widgets.chosen(_CORRECTED):
        widgets.forget(_CORRECTED)
        st.toast(str(corrected), icon=":material/edit:")
    if reading.looks_back():
        earlier_verdicts(record, case, reader)
        return
    again = reading.correcting()
    if again is not None and not may_correct(record, case, reader, again):
        again = None
    if again is None and next_position(record, case_id, reader) is None:
        end_of_case(store, record, case, reader)
        return
    seat = Seat(store, kept, case_id, reader, lambda: resources.review_maps(resources.settings()))
    _mount(record, case, reader, seat, again)


def _mount(record: Record, case: CaseOpened, reader: str, seat: Seat, again: int | None) -> None:
    key = f"desk-{case.case}"

    def take_message() -> None:
        message = widgets.component_value(key, "told") or {}
        if message.get("what") == "earlier":
            reading.look_back(True)
        elif message.get("what") == "corrected":
            # Not drawn here: what a fragment's callback draws replaces the top of the whole page.
            text = words.CORRECTED.format(number=int(message["number"]))
            widgets.choose(_CORRECTED, text)
            reading.correct(None)
        elif message.get("what") == "left":
            reading.correct(None)

    answers = resources.OpenDesk(seat.answer_json, seat.picture, seat.store.held)
    standing = None if again is None else record.state(case.case, reader, again).final
    component("nodelens_desk", _SCRIPT, isolate_styles=False)(
        key=key,
        data={
            "address": resources.open_desk(f"{seat.case} {seat.reader}", answers),
            "name": f"{case.case} {reader}",
            "again": again,
            "turn": None if standing is None else standing.sequence,
            "confidence": list(Confidence),
            "tags": list(ReasonTag),
            "quality": list(Quality),
            "words": dict(words.DESK),
        },
        on_told_change=take_message,
        height="content",
    )
