"""Twelve patches at a time, with one button that agrees to all the model's calls among them."""

from html import escape
from typing import Final

import streamlit as st

from app import resources
from app.screens.shared.parts import show_problem
from app.state import reading, widgets
from core.errors import NodelensError
from core.review import (
    CaseOpened,
    Reading,
    ReviewStore,
    Shown,
    Verdict,
    next_position,
    progress,
    screen_of,
    shown_now,
    verdict_event,
)
from core.review.patches import PatchFolder
from core.scoring import Outcome
from core.wording import call_text, score_text

PATCHES_A_PAGE: Final = 12
_CALLS: Final = {
    1: (Outcome.TUMOUR, Verdict.TUMOUR),
    0: (Outcome.NO_TUMOUR, Verdict.NO_TUMOUR),
    None: (Outcome.GREY_ZONE, None),
}


def page_of_patches(store: ReviewStore, kept: PatchFolder, case_id: str, reader: str) -> None:
    """Draw the next unread patches of a case in the mode AI_FIRST, and what can be done to all."""
    record = store.record()
    case = record.case(case_id)
    positions: list[int] = []
    after = -1
    while len(positions) < PATCHES_A_PAGE:
        found = next_position(record, case_id, reader, after=after)
        if found is None or found <= after:
            break
        positions.append(found)
        after = found
    st.caption(str(progress(record, case_id, reader)))
    if not positions:
        st.html('<div class="nl-empty"><b>Every patch of this case is read.</b></div>')
        return
    page = [shown_now(record, case_id, reader, position) for position in positions]
    drawn = reading.drawn((case_id, reader, tuple(positions)))
    try:
        cells = "".join(
            _cell(shown, resources.review_picture(kept, shown.sha256)) for shown in page
        )
    except NodelensError as error:
        show_problem(error)
        return
    st.html(f'<div class="nl-read-grid">{cells}</div>')
    _agree(store, case, reader, page, drawn)


def _cell(shown: Shown, picture: str) -> str:
    patch = shown.patch
    score = score_text(patch.prob_tumour if patch else None)
    call = call_text(_CALLS[patch.predicted_label if patch else None][0])
    return (
        f'<figure class="nl-read"><div><img src="{picture}" alt="Patch {shown.position + 1}">'
        f"<i></i></div><figcaption><b>{shown.position + 1}</b> {escape(call)} · {score}"
        "</figcaption></figure>"
    )


def _agree(
    store: ReviewStore,
    case: CaseOpened,
    reader: str,
    page: list[Shown],
    drawn: reading.Drawn,
) -> None:
    called = [shown for shown in page if shown.patch and shown.patch.predicted_label is not None]
    lines = []
    for label, word in ((1, "tumour"), (0, "no tumour")):
        numbers = [
            str(shown.position + 1)
            for shown in called
            if shown.patch and shown.patch.predicted_label == label
        ]
        if numbers:
            lines.append(f"<li>verdict <b>{word}</b> on {', '.join(numbers)}</li>")
    left_out = len(page) - len(called)
    if left_out:
        lines.append(f"<li>nothing on {left_out} without a call; read these one by one</li>")
    st.html(
        '<div class="nl-read-does"><b>“Agree to all” does this, in your name:</b><ul>'
        f"{''.join(lines)}<li>each verdict is an event of its own, given with the score in view, "
        "without confidence or tags; the time since this page was drawn is shared among them</li>"
        "<li>each can be undone, one by one, the last one first</li></ul></div>"
    )
    st.button(
        f"Agree to all {len(called)} on this page",
        type="primary",
        icon=":material/done_all:",
        disabled=not called,
        on_click=_agree_to_all,
        args=(store, case, reader, called, drawn),
        key=f"agree-{drawn.action[:6]}",
    )


def _agree_to_all(
    store: ReviewStore, case: CaseOpened, reader: str, called: list[Shown], drawn: reading.Drawn
) -> None:
    if not reading.still_drawn(drawn):
        return
    seconds = round(drawn.seconds / len(called), 3)
    try:
        record = store.record()
        for shown in called:
            verdict = _CALLS[shown.patch.predicted_label if shown.patch else None][1]
            if verdict is None:
                continue
            what = Reading(
                verdict=verdict,
                screen=screen_of(shown.patch, with_map=False, adjudicated=False),
                seconds=seconds,
            )
            event = verdict_event(record, case, reader, shown.position, what)
            store.append(event, action=f"{drawn.action}-{shown.position}")
    except NodelensError as error:
        widgets.say(str(error))
    reading.go_on_behind(-1)
