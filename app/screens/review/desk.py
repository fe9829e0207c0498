"""The desk: one patch large, its verdict by one key, and the ways back, past and around."""

from collections.abc import Iterator
from itertools import islice
from typing import Final

import streamlit as st
from markupsafe import escape

from app import resources
from app.screens.review import words
from app.screens.review.again import earlier_button, earlier_verdicts, leave_button
from app.screens.review.ends import end_of_case
from app.screens.review.heat_map import map_button, map_view, wait_for_map
from app.screens.review.patch import evidence, patch_figure
from app.screens.review.verdict import AFTER, AGAIN, FIRST, Seat, Sitting, remarks, verdict_buttons
from app.screens.shared.parts import show_problem
from app.state import reading, widgets
from core.errors import NodelensError
from core.review import (
    CaseOpened,
    Record,
    ReviewStore,
    ai_shown_event,
    awaits_ai,
    may_correct,
    next_position,
    patch_at,
    shown_now,
    undoable,
)
from core.review.patches import PatchFolder
from core.review.progress import progress
from core.wording import SIGNS

READ_AHEAD: Final = 4
_HIDDEN_BOX: Final = "hidden-box"
_SMOOTH: Final = "smooth"
_AROUND: Final = "around"


def desk(store: ReviewStore, kept: PatchFolder, case_id: str, reader: str) -> None:
    """Draw the next patch to read, an earlier one to be corrected, or that there is none."""
    record = store.record()
    case = record.case(case_id)
    seat = Seat(store, case, reader)
    if mentioned := widgets.pop_mention():
        st.toast(mentioned[0], icon=mentioned[1])
    _head(record, case, reader)
    if reading.looks_back():
        earlier_verdicts(record, case, reader)
        return
    again = reading.correcting()
    if again is not None and may_correct(record, case, reader, again):
        _patch(seat, record, kept, again, again=True)
        return
    position = next_position(record, case_id, reader, after=reading.last_position())
    if position is None:
        end_of_case(store, record, case, reader)
        return
    try:
        if awaits_ai(record, case, reader, position):
            store.append(ai_shown_event(case, reader, position))
            record = store.record()
    except NodelensError as error:
        show_problem(error)
        return
    _patch(seat, record, kept, position, again=False)


def _patch(seat: Seat, record: Record, kept: PatchFolder, position: int, *, again: bool) -> None:
    case, reader = seat.case, seat.reader
    total = len(case.tasks)
    following = list(_following(seat, record, position))
    hashes = [patch_at(case, at).sha256 for at in (position, *following)]
    try:
        shown = shown_now(record, case.case, reader, position)
        picture = resources.review_picture(kept, shown.sha256)
        around = resources.review_around(kept, shown.sha256)
    except NodelensError as error:
        show_problem(error)
        _steps(seat, record, position, again=again, map_allowed=False)
        return
    stage = AGAIN if again else AFTER if shown.awaits_ai_verdict else FIRST
    standing = record.state(case.case, reader, position).final
    before = standing.reading if standing is not None else None
    view = map_view(case, shown.patch, hashes)
    drawn = reading.display((case.case, reader, position, stage))
    sitting = Sitting(seat, shown, stage, before, drawn)
    if view is not None:
        sitting.saw(view.shown)
    with st.container(key=f"nl-desk-{stage}"):
        left, right = st.columns([1.65, 1], gap="medium")
        with left:
            patch_figure(
                picture,
                around if widgets.chosen(_AROUND) else "",
                f"Patch {position + 1} of {total}",
                view,
                drawn,
                boxed=not widgets.chosen(_HIDDEN_BOX),
                smooth=bool(widgets.chosen(_SMOOTH)),
            )
            map_allowed = shown.patch is not None
            _steps(seat, record, position, again=again, map_allowed=map_allowed)
            if around:
                _around_button()
        with right, st.container(gap="small", key="nl-said"):
            verdict_buttons(sitting)
            evidence(record, case, shown.patch, view)
            if view is not None and view.waiting:
                wait_for_map(shown.sha256)
            remarks(sitting)
    _read_ahead(kept, hashes[1:])


def _head(record: Record, case: CaseOpened, reader: str) -> None:
    so_far = progress(record, case.case, reader)
    share = so_far.done / so_far.total
    st.html(
        f'<div class="nl-read-head"><div>{escape(str(so_far))}</div>'
        f'<div class="nl-read-bar"><i style="width:{share:.2%}"></i></div></div>'
    )


def _steps(seat: Seat, record: Record, position: int, *, again: bool, map_allowed: bool) -> None:
    """Draw the way back, the way past, the map and the box."""
    hidden, smooth = bool(widgets.chosen(_HIDDEN_BOX)), bool(widgets.chosen(_SMOOTH))
    with st.container(horizontal=True, key="nl-steps", gap="small"):
        if again:
            leave_button()
        else:
            _undo_button(seat, record)
            st.button(
                "Later",
                key="later",
                shortcut="L",
                icon=":material/skip_next:",
                help=words.LATER_HELP,
                on_click=reading.continue_after,
                args=(position,),
            )
        map_button(allowed=map_allowed)
        st.button(
            "Show box" if hidden else "Hide box",
            key="box",
            shortcut="B",
            on_click=widgets.choose,
            args=(_HIDDEN_BOX, not hidden),
        )
        st.button(
            "Pixels" if smooth else "Smooth",
            key="smooth-zoom",
            shortcut="S",
            help=words.SMOOTH_HELP,
            on_click=widgets.choose,
            args=(_SMOOTH, not smooth),
        )
        earlier_button(record, seat.case, seat.reader)


def _around_button() -> None:
    """Draw the way to what lies around a patch of a slide, and back."""
    wide = bool(widgets.chosen(_AROUND))
    st.button(
        "Patch alone" if wide else "Show surroundings",
        key="surroundings",
        shortcut="A",
        icon=":material/zoom_out_map:",
        help=words.AROUND_HELP,
        on_click=widgets.choose,
        args=(_AROUND, not wide),
    )


def _undo_button(seat: Seat, record: Record) -> None:
    back = undoable(record, seat.case, seat.reader)
    last = ""
    if back is not None and back.taken_back is not None:
        sign = SIGNS[back.taken_back.reading.verdict]
        last = f" {back.position + 1} {sign}"
    st.button(
        f"Undo{last}",
        key="undo",
        shortcut="U",
        icon=":material/undo:",
        disabled=back is None,
        on_click=_undo,
        args=(seat,),
    )


def _undo(seat: Seat) -> None:
    try:
        back = undoable(seat.store.record(), seat.case, seat.reader)
        if back is not None:
            seat.store.append(back.event)
            reading.continue_after(back.position - 1)
    except NodelensError as error:
        widgets.notify(str(error))


def _following(seat: Seat, record: Record, position: int) -> Iterator[int]:
    """Yield the next places to be read after this one."""
    unread = (
        at
        for at in range(position + 1, len(seat.case.tasks))
        if not record.state(seat.case.case, seat.reader, at).done(seat.case.mode)
    )
    return islice(unread, READ_AHEAD)


def _read_ahead(kept: PatchFolder, hashes: list[str]) -> None:
    """Read the next patches, so that they need not be waited for."""
    for sha256 in hashes:
        try:
            resources.review_picture(kept, sha256)
        except NodelensError:
            return  # told when it is its turn
