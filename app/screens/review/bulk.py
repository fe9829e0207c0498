"""Twelve patches at a time, with one button that agrees to all the model's calls among them."""

from html import escape
from typing import Final

import streamlit as st

from app import resources
from app.screens.review import words
from app.screens.shared.parts import empty, show_problem
from app.state import reading, widgets
from core.errors import NodelensError
from core.review import (
    CaseOpened,
    Reading,
    ReviewStore,
    ShownTask,
    Verdict,
    next_position,
    screen_of,
    shown_now,
    verdict_event,
)
from core.review.patches import PatchFolder
from core.review.progress import progress
from core.wording import call_of, call_text, score_text

PATCHES_A_PAGE: Final = 12
_VERDICTS: Final = {1: Verdict.TUMOUR, 0: Verdict.NO_TUMOUR}


def page_of_patches(store: ReviewStore, kept: PatchFolder, case_id: str, reader: str) -> None:
    """Draw the next unread patches of a case in the mode AI_FIRST, and what can be done to all."""
    record = store.record()
    case = record.case(case_id)
    positions: list[int] = []
    after = -1
    while len(positions) < PATCHES_A_PAGE:
        position = next_position(record, case_id, reader, after=after)
        if position is None or position <= after:
            break
        positions.append(position)
        after = position
    st.caption(str(progress(record, case_id, reader)))
    if not positions:
        empty(words.DONE)
        return
    page = [shown_now(record, case_id, reader, position) for position in positions]
    drawn = reading.display((case_id, reader, tuple(positions)))
    try:
        cells = "".join(
            _cell(shown, resources.review_picture(kept, shown.sha256)) for shown in page
        )
    except NodelensError as error:
        show_problem(error)
        return
    st.html(f'<div class="nl-read-grid">{cells}</div>')
    _agree(store, case, reader, page, drawn)


def _cell(shown: ShownTask, picture: str) -> str:
    patch = shown.patch
    score = score_text(patch.prob_tumour if patch else None)
    call = call_text(call_of(patch.predicted_label if patch else None))
    return (
        f'<figure class="nl-read"><div><img src="{picture}" alt="Patch {shown.position + 1}">'
        f"<i></i></div><figcaption><b>{shown.position + 1}</b> {escape(call)} · {score}"
        "</figcaption></figure>"
    )


def _agree(
    store: ReviewStore,
    case: CaseOpened,
    reader: str,
    page: list[ShownTask],
    drawn: reading.Display,
) -> None:
    called = [shown for shown in page if shown.patch and shown.patch.predicted_label is not None]
    lines = []
    for label, verdict in _VERDICTS.items():
        numbers = [
            str(shown.position + 1)
            for shown in called
            if shown.patch and shown.patch.predicted_label == label
        ]
        if numbers:
            lines.append(f"verdict “{verdict}” on {', '.join(numbers)}")
    left_out = len(page) - len(called)
    if left_out:
        lines.append(words.NO_CALL.format(count=left_out))
    items = "".join(f"<li>{line}</li>" for line in (*lines, *words.AGREE_NOTES))
    st.html(f'<div class="nl-read-does"><b>{words.AGREE_ALL}</b><ul>{items}</ul></div>')
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
    store: ReviewStore,
    case: CaseOpened,
    reader: str,
    called: list[ShownTask],
    drawn: reading.Display,
) -> None:
    if not reading.still_displayed(drawn):
        return
    seconds = round(drawn.seconds / len(called), 3)
    try:
        record = store.record()
        for shown in called:
            if shown.patch is None or shown.patch.predicted_label is None:
                continue
            what = Reading(
                verdict=_VERDICTS[shown.patch.predicted_label],
                screen=screen_of(shown.patch, with_map=False, adjudicated=False),
                seconds=seconds,
            )
            event = verdict_event(record, case, reader, shown.position, what)
            store.append(event, action=f"{drawn.action}-{shown.position}")
    except NodelensError as error:
        widgets.notify(str(error))
    reading.continue_after(-1)
