"""Twelve patches at a time: a click marks an exception, one button agrees to the rest."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from html import escape
from itertools import islice
from typing import Final

import streamlit as st

from app import resources
from app.screens.review import words
from app.screens.review.ends import end_of_case
from app.screens.shared.component import keep_in_url
from app.screens.shared.parts import button, show_problem
from app.state import address, reading, widgets
from core.errors import NodelensError
from core.review import (
    CaseOpened,
    Reading,
    ReviewStore,
    ShownTask,
    Verdict,
    screen_of,
    shown_now,
    verdict_event,
)
from core.review.patches import PatchFolder
from core.review.progress import progress, unread
from core.wording import call_of, call_text, score_text

PATCHES_A_PAGE: Final = 12
BY_PAGE: Final = "twelve"
MARKS: Final = "marks"
"""In the URL, where a reload finds what has not been recorded yet."""
_VERDICTS: Final = {1: Verdict.TUMOUR, 0: Verdict.NO_TUMOUR}


def page_of_patches(store: ReviewStore, kept: PatchFolder, case_id: str, reader: str) -> None:
    """Draw the next unread patches of a case in the mode AI_FIRST, and what can be done to all."""
    record = store.record()
    case = record.case(case_id)
    positions = list(islice(unread(record, case_id, reader), PATCHES_A_PAGE))
    st.caption(str(progress(record, case_id, reader)))
    if not positions:
        end_of_case(store, record, case, reader)
        return
    page = [shown_now(record, case_id, reader, position) for position in positions]
    drawn = reading.display((case_id, reader, tuple(positions)))
    try:
        for shown in page:
            resources.review_picture(kept, shown.sha256)
    except NodelensError as error:
        show_problem(error)
        return
    st.caption(words.AGREE)
    marks = f"{MARKS}-{case_id}-{reader}"
    marked = {at: clicks for at, clicks in _marked(marks).items() if at in positions}
    with st.container(key="nl-read-grid"):
        for shown in page:
            verdict = _verdict_of(shown, marked)
            with st.container(key=f"nl-cell-{shown.position}", gap=None):
                picture = resources.review_picture(kept, shown.sha256)
                st.html(_cell(shown, picture, verdict))
                if shown.patch and shown.patch.predicted_label is not None:
                    label, key = f"Patch {shown.position + 1}: {verdict}", f"mark-{shown.position}"
                    button(label, key, "", _mark, marks, shown.position)
    _agree(partial(_write, store, case, reader), page, drawn, marked)
    encoded_marks = "-".join(f"{at}.{clicks}" for at, clicks in sorted(marked.items()) if clicks)
    keep_in_url("review", {BY_PAGE: "1", MARKS: encoded_marks})


def _marked(marks: str) -> dict[int, int]:
    """Return how often each place was clicked, as this visit or the URL says.

    1 disagrees, 2 cannot judge.
    """
    held = widgets.chosen(marks)
    if not isinstance(held, dict):
        url_marks = re.findall(r"(\d{1,9})\.([12])", address.shown(MARKS), re.ASCII)
        held = {int(at): int(clicks) for at, clicks in url_marks}
    return dict(held)


def _mark(marks: str, position: int) -> None:
    marked = _marked(marks)
    marked[position] = (marked.get(position, 0) + 1) % 3
    widgets.choose(marks, marked)


def _verdict_of(shown: ShownTask, marked: Mapping[int, int]) -> Verdict | None:
    """Return the verdict that a place will get; None without a call to agree with."""
    if shown.patch is None or shown.patch.predicted_label is None:
        return None
    call = shown.patch.predicted_label
    other = _VERDICTS[1 - call]
    return (_VERDICTS[call], other, Verdict.CANNOT_JUDGE)[marked.get(shown.position, 0)]


def _cell(shown: ShownTask, picture: str, verdict: Verdict | None) -> str:
    patch = shown.patch
    score = score_text(patch.prob_tumour if patch else None)
    call = call_of(patch.predicted_label if patch else None)
    differs = verdict is not None and str(verdict) != call
    mark = f"<u>you: {escape(call_text(verdict))}</u>" if verdict is not None and differs else ""
    return (
        f'<figure class="nl-read{" nl-differs" * differs}"><div><img src="{picture}" '
        f'alt="Patch {shown.position + 1}"><i></i>{mark}</div><figcaption>'
        f"<b>{shown.position + 1}</b> {escape(call_text(call))} · {score}</figcaption></figure>"
    )


def _agree(
    write: Callable[..., None],
    page: list[ShownTask],
    drawn: reading.Display,
    marked: Mapping[int, int],
) -> None:
    verdicts = {shown.position: _verdict_of(shown, marked) for shown in page}
    given = [shown for shown in page if verdicts[shown.position] is not None]
    differ = sum(bool(marked.get(shown.position)) for shown in given)
    rest = len(given) - differ
    label = f"Agree to the rest ({rest})" if differ else f"Agree to all {len(given)} on this page"
    lines = []
    for verdict in Verdict:
        numbers = [
            str(shown.position + 1) for shown in given if verdicts[shown.position] is verdict
        ]
        if numbers:
            lines.append(f"verdict “{verdict}” on {', '.join(numbers)}")
    if differ:
        lines.append(words.AGAINST.format(count=differ))
    if len(given) < len(page):
        lines.append(words.NO_CALL.format(count=len(page) - len(given)))
    items = "".join(f"<li>{line}</li>" for line in (*lines, *words.AGREE_NOTES))
    pairs, key = [(shown, verdicts[shown.position]) for shown in given], f"agree-{drawn.action[:6]}"
    button(label, key, "done_all", write, pairs, drawn, type="primary", disabled=not given)
    head = words.AGREE_REST.format(button=label)
    st.html(f'<div class="nl-read-does"><b>{head}</b><ul>{items}</ul></div>')


def _write(
    store: ReviewStore,
    case: CaseOpened,
    reader: str,
    given: list[tuple[ShownTask, Verdict]],
    drawn: reading.Display,
) -> None:
    if not reading.still_displayed(drawn):
        return
    seconds = round(drawn.seconds / len(given), 3)
    try:
        record = store.record()
        for shown, verdict in given:
            screen = screen_of(shown.patch, with_map=False, adjudicated=False)
            what = Reading(verdict=verdict, screen=screen, seconds=seconds)
            event = verdict_event(record, case, reader, shown.position, what)
            store.append(event, action=f"{drawn.action}-{shown.position}")
    except NodelensError as error:
        widgets.notify(str(error))
