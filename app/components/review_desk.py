"""The desk: one patch large, its verdict by one key, and what goes with it."""

from dataclasses import dataclass
from functools import partial
from html import escape
from typing import Final

import streamlit as st

from app import resources, state
from app.components.parts import outcome_text, score_text, show_problem
from core.errors import NodelensError
from core.jobs import Outcome
from core.review import (
    CaseOpened,
    Confidence,
    Quality,
    Reading,
    ReadingMode,
    ReasonTag,
    Record,
    ReviewStore,
    Shown,
    Verdict,
    ai_shown_event,
    awaits_ai,
    current_verdicts,
    next_position,
    patch_at,
    progress,
    screen_of,
    shown_now,
    undoable,
    verdict_event,
)
from core.review.patches import PatchFolder

LEAST_S: Final = 0.4
"""A press sooner after the drawing is a key held down or pressed twice: nobody has looked yet."""
READ_AHEAD: Final = 4
_KEYS: Final = {Verdict.TUMOUR: "T", Verdict.NO_TUMOUR: "N", Verdict.CANNOT_JUDGE: "X"}
_NAMES: Final = {
    Verdict.TUMOUR: "Tumour",
    Verdict.NO_TUMOUR: "No tumour",
    Verdict.CANNOT_JUDGE: "Cannot judge",
}
_SIGNS: Final = {
    Verdict.TUMOUR: "▲ tumour",
    Verdict.NO_TUMOUR: "▽ no tumour",
    Verdict.CANNOT_JUDGE: "? cannot judge",
}
_CONFIDENCE_KEYS: Final = {Confidence.SURE: "1", Confidence.PROBABLE: "2", Confidence.UNSURE: "3"}
_HIDDEN_BOX: Final = "hidden-box"


@dataclass(frozen=True)
class Seat:
    """Who reads what.

    Attributes:
        store: Where the verdicts go.
        case: What is read.
        reader: Who reads.
    """

    store: ReviewStore
    case: CaseOpened
    reader: str


def desk(store: ReviewStore, kept: PatchFolder, case_id: str, reader: str) -> None:
    """Draw the next patch to read, or that there is none."""
    record = store.record()
    case = record.case(case_id)
    seat = Seat(store, case, reader)
    position = next_position(record, case_id, reader, after=state.place())
    _head(record, case, reader)
    if position is None:
        _done(record, case, reader)
        return
    try:
        if awaits_ai(record, case, reader, position):
            store.append(ai_shown_event(case, reader, position))
            record = store.record()
        shown = shown_now(record, case_id, reader, position)
        picture = resources.review_picture(kept, shown.sha256)
    except NodelensError as error:
        show_problem(error)
        _steps(seat, record, position)
        return
    stage = "after" if shown.awaits_ai_verdict else "first"
    drawn = state.drawn((case_id, reader, position, stage))
    with st.container(key=f"nl-desk-{stage}"):
        left, right = st.columns([1.65, 1], gap="medium")
        with left:
            _patch(picture, position, len(case.tasks))
        with right:
            _verdict_buttons(seat, record, shown, drawn)
            _evidence(record, case, shown)
            _remarks(record, case, reader, shown)
            _steps(seat, record, position)
    _read_ahead(seat, record, position, kept)


def _head(record: Record, case: CaseOpened, reader: str) -> None:
    told = progress(record, case.case, reader)
    share = told.done / told.total
    st.html(
        f'<div class="nl-read-head"><div>{escape(str(told))}</div>'
        f'<div class="nl-read-bar"><i style="width:{share:.2%}"></i></div></div>'
    )


def _patch(picture: str, position: int, total: int) -> None:
    box = "" if state.chosen(_HIDDEN_BOX) else "<i></i>"
    st.html(
        f'<figure class="nl-read"><div><img src="{picture}" alt="Patch {position + 1} of {total}">'
        f'{box}</div><aside><img src="{picture}" alt="The same patch at twice its size"></aside>'
        f"<figcaption>Patch {position + 1} of {total} · 96 × 96 px, about 93 × 93 µm, unsmoothed · "
        "only the outlined centre, about 31 × 31 µm, counts</figcaption></figure>"
    )


def _verdict_buttons(seat: Seat, record: Record, shown: Shown, drawn: state.Drawn) -> None:
    standing = record.state(seat.case.case, seat.reader, shown.position).first
    if shown.awaits_ai_verdict and standing is not None:
        st.html(
            '<div class="nl-read-question"><b>Now with the score: keep or change?</b>'
            f"<span>Your verdict on the bare patch: {_SIGNS[standing.reading.verdict]}</span></div>"
        )
    else:
        st.html(
            '<div class="nl-read-question"><b>Is there tumour in the centre?</b>'
            "<span>One key gives the verdict and goes on.</span></div>"
        )
    write = partial(_give, seat, shown, drawn)
    # The keys stay the same from patch to patch: Streamlit unbinds the shortcut of a button that
    # goes only some time later, and a press meanwhile would be lost.
    with st.container(key="nl-verdicts", gap="small"):
        if shown.awaits_ai_verdict and standing is not None:
            st.button(
                f"Keep {_SIGNS[standing.reading.verdict]}",
                key="keep",
                shortcut="K",
                type="primary",
                width="stretch",
                on_click=write,
                args=(standing.reading.verdict,),
            )
        for column, (verdict, key) in zip(st.columns(3, gap="small"), _KEYS.items(), strict=True):
            column.button(
                _NAMES[verdict],
                key=f"verdict-{key}",
                shortcut=key,
                width="stretch",
                on_click=write,
                args=(verdict,),
            )


def _give(seat: Seat, shown: Shown, drawn: state.Drawn, verdict: Verdict) -> None:
    case = seat.case
    if not state.still_drawn(drawn):
        return  # a second press; the first one is on record
    if drawn.seconds < LEAST_S:
        st.toast("Too soon after the patch was drawn; not recorded.", icon=":material/timer:")
        return
    what = _draft(case, shown)
    screen = screen_of(
        shown.patch, with_map=False, adjudicated=case.mode is ReadingMode.ADJUDICATION
    )
    confidence = state.chosen(f"confidence-{what}")
    tags = state.chosen(f"tags-{what}") or ()
    quality = state.chosen(f"quality-{what}")
    reading = Reading(
        verdict=verdict,
        screen=screen,
        seconds=round(drawn.seconds, 3),
        confidence=Confidence(str(confidence)) if confidence else None,
        tags=tuple(tag for tag in ReasonTag if tag in tags) if isinstance(tags, list) else (),
        quality=Quality(str(quality)) if quality else None,
        comment=str(state.chosen(f"comment-{what}") or "").strip(),
    )
    try:
        event = verdict_event(seat.store.record(), case, seat.reader, shown.position, reading)
        seat.store.append(event, action=drawn.action)
    except NodelensError as error:
        state.say(str(error))
        return
    # In the blind-first mode the same patch comes again, now with the score.
    first_of_two = case.mode is ReadingMode.BLIND_FIRST and not shown.awaits_ai_verdict
    state.go_on_behind(shown.position - first_of_two)


def _draft(case: CaseOpened, shown: Shown) -> str:
    """Return what the drafts of this reading are kept under."""
    return f"{case.case}-{shown.position}-{'after' if shown.awaits_ai_verdict else 'first'}"


def _evidence(record: Record, case: CaseOpened, shown: Shown) -> None:
    """Draw the score where the record allows it, else why there is none."""
    patch = shown.patch
    if patch is None:
        said = (
            "Second reader: no score, no map, no other verdicts."
            if case.mode is ReadingMode.SECOND_READER
            else "Score hidden until your verdict is on record."
        )
        st.html(f'<div class="nl-read-hidden">{said}</div>')
        return
    if patch.prob_tumour is None:
        st.html('<div class="nl-read-hidden">No score: the model withheld one.</div>')
    else:
        call = {1: Outcome.TUMOUR, 0: Outcome.NO_TUMOUR, None: Outcome.GREY_ZONE}
        st.html(
            '<div class="nl-read-score"><div class="nl-read-call">'
            f"<b>{score_text(patch.prob_tumour)}</b>"
            f"<span>model: {outcome_text(call[patch.predicted_label])}</span></div>"
            f'<div class="nl-read-scale"><u style="left:{case.threshold:.2%}"></u>'
            f'<i style="left:{patch.prob_tumour:.2%}"></i></div>'
            f"<small>Score, 0 to 1. Threshold {case.threshold:.3f} "
            f"({escape(case.operating_point)}).</small></div>"
        )
    if case.mode is ReadingMode.ADJUDICATION:
        _other_verdicts(record, case, shown.sha256)


def _other_verdicts(record: Record, case: CaseOpened, sha256: str) -> None:
    lines = []
    for earlier in case.of:
        for verdict in current_verdicts(record, earlier):
            if verdict.patch.sha256 == sha256 and not verdict.is_repeat:
                told = verdict.final.reading
                sure = f" ({told.confidence})" if told.confidence else ""
                said = f" “{told.comment}”" if told.comment else ""
                lines.append(f"<li>{_SIGNS[told.verdict]}{sure}{escape(said)}</li>")
    st.html(f'<div class="nl-read-others"><b>Earlier verdicts</b><ul>{"".join(lines)}</ul></div>')


def _remarks(record: Record, case: CaseOpened, reader: str, shown: Shown) -> None:
    """Draw what may be said with the verdict; kept as a draft until it is given."""
    what = _draft(case, shown)
    first = record.state(case.case, reader, shown.position).first
    before = first.reading if shown.awaits_ai_verdict and first is not None else None
    if before is not None and state.chosen(f"tags-{what}") is None:
        state.choose(f"tags-{what}", list(before.tags))
        state.choose(f"quality-{what}", before.quality)
        state.choose(f"confidence-{what}", before.confidence)
    with st.container(horizontal=True, key="nl-confidence", gap="small"):
        for level, key in _CONFIDENCE_KEYS.items():
            chosen = state.chosen(f"confidence-{what}") == level
            st.button(
                f"{'✓ ' * chosen}{str(level).capitalize()}",
                key=f"confidence-{key}",
                shortcut=key,
                type="secondary",
                on_click=state.choose,
                args=(f"confidence-{what}", None if chosen else level),
            )
    st.pills(
        "Because of",
        list(ReasonTag),
        selection_mode="multi",
        format_func=str,
        key=f"tags-{what}",
        wrap=True,
        persist_state="session",
    )
    st.pills(
        "Image quality",
        list(Quality),
        format_func=str,
        key=f"quality-{what}",
        persist_state="session",
    )
    st.text_area(
        "Comment, recorded with the verdict",
        key=f"comment-{what}",
        persist_state="session",
        height=68,
        max_chars=2_000,
        help="Tab leaves the field; then the keys work again.",
    )


def _steps(seat: Seat, record: Record, position: int) -> None:
    """Draw the way back, the way past, and the box."""
    back = undoable(record, seat.case, seat.reader)
    hidden = bool(state.chosen(_HIDDEN_BOX))
    with st.container(horizontal=True, key="nl-steps", gap="small"):
        told = ""
        if back is not None and back.taken_back is not None:
            verdict = back.taken_back.reading.verdict
            told = f" {back.position + 1}: {verdict}"
        st.button(
            f"Undo{told}",
            key="undo",
            shortcut="U",
            icon=":material/undo:",
            disabled=back is None,
            on_click=_undo,
            args=(seat,),
        )
        st.button(
            "Later",
            key="later",
            shortcut="L",
            icon=":material/skip_next:",
            help="Leaves this patch for the end.",
            on_click=state.go_on_behind,
            args=(position,),
        )
        st.button(
            "Show box" if hidden else "Hide box",
            key="box",
            shortcut="B",
            icon=":material/crop_free:",
            on_click=state.choose,
            args=(_HIDDEN_BOX, not hidden),
        )


def _undo(seat: Seat) -> None:
    try:
        back = undoable(seat.store.record(), seat.case, seat.reader)
        if back is not None:
            seat.store.append(back.event)
            state.go_on_behind(back.position - 1)
    except NodelensError as error:
        state.say(str(error))


def _done(record: Record, case: CaseOpened, reader: str) -> None:
    found = current_verdicts(record, case.case, reader)
    counts = {v: sum(one.final.reading.verdict is v for one in found) for v in Verdict}
    said = " · ".join(f"{_SIGNS[verdict]} {count}" for verdict, count in counts.items())
    st.html(
        '<div class="nl-empty"><b>Every patch of this case is read.</b><br>'
        f"{said}<br>What they amount to stands on the results page.</div>"
    )


def _read_ahead(seat: Seat, record: Record, position: int, kept: PatchFolder) -> None:
    """Read the next patches, so that they need not be waited for."""
    for _ in range(READ_AHEAD):
        following = next_position(record, seat.case.case, seat.reader, after=position)
        if following is None or following <= position:
            return
        position = following
        try:
            resources.review_picture(kept, patch_at(seat.case, position).sha256)
        except NodelensError:
            return  # told when it is its turn
