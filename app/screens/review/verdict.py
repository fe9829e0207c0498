"""The verdict on a patch: three keys, what may be said with it, and how it goes on the record."""

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import streamlit as st

from app.screens.review import words
from app.screens.review.patch import question
from app.state import reading, widgets
from core.errors import NodelensError
from core.review import (
    CaseOpened,
    Confidence,
    MapShown,
    Quality,
    Reading,
    ReadingMode,
    ReasonTag,
    ReviewStore,
    ShownTask,
    Verdict,
    correction_event,
    screen_of,
    verdict_event,
)
from core.wording import call_text

LEAST_S: Final = 0.4
"""A press sooner after the drawing is a key held down or pressed twice: nobody has looked yet."""
_HERE: Final = Path(__file__).parent
FIRST: Final = "first"
AFTER: Final = "after"
AGAIN: Final = "again"
_KEYS: Final = {Verdict.TUMOUR: "T", Verdict.NO_TUMOUR: "N", Verdict.CANNOT_JUDGE: "X"}
_CONFIDENCE_KEYS: Final = {Confidence.SURE: "1", Confidence.PROBABLE: "2", Confidence.UNSURE: "3"}


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


@dataclass(frozen=True)
class Sitting:
    """A patch in front of a reader.

    Attributes:
        seat: Who reads what.
        shown: The patch, with what may be seen of it.
        stage: FIRST, AFTER the AI, or AGAIN for a correction.
        before: The reading that stands: the blind one AFTER, the one to be corrected AGAIN.
        drawn: Since when it is on the screen.
    """

    seat: Seat
    shown: ShownTask
    stage: str
    before: Reading | None
    drawn: reading.Display

    def draft(self, what: str) -> str:
        """Return what a draft of this reading is kept under."""
        # Another correction of the same verdict begins with what then stands.
        turn = f"-{self.drawn.action[:8]}" if self.stage == AGAIN else ""
        return f"{what}-{self.seat.case.case}-{self.shown.position}-{self.stage}{turn}"

    def saw(self, shown: MapShown | None) -> None:
        """Note that a map is drawn, or said not to be reliable; it counts when hidden again."""
        if shown is not None:
            widgets.choose(self.draft("map"), shown)


def verdict_buttons(sitting: Sitting) -> None:
    """Draw the question and the keys that answer it."""
    stage, before = sitting.stage, sitting.before
    text, note = words.QUESTION
    if before is not None and stage != FIRST:
        text, note = words.QUESTION_AFTER if stage == AFTER else words.QUESTION_AGAIN
        note = note.format(verdict=call_text(before.verdict))
    question(text, f'{note} <em class="nl-read-soon" hidden>{words.TOO_SOON}</em>')
    keys = (_HERE / "keys.js").read_text("utf-8").replace("$LEAST_MS", f"{1000 * LEAST_S:.0f}")
    _script("nl-keep-keys", keys)
    write = partial(_give, sitting)
    # The keys stay the same from patch to patch: Streamlit unbinds the shortcut of a button that
    # goes only some time later, and a press meanwhile would be lost.
    with st.container(key="nl-verdicts", gap="small"):
        for column, (verdict, key) in zip(st.columns(3, gap="small"), _KEYS.items(), strict=True):
            column.button(
                str(verdict).capitalize(),
                key=f"verdict-{key}",
                shortcut=key,
                width="stretch",
                on_click=write,
                args=(verdict,),
            )
        if before is not None and stage == AFTER:
            st.button(
                f"Keep {call_text(before.verdict)}",
                key="keep",
                shortcut="K",
                type="primary",
                width="stretch",
                on_click=write,
                args=(before.verdict,),
            )


def remarks(sitting: Sitting) -> None:
    """Draw what may be said with the verdict; kept as a draft until it is given."""
    draft, before = sitting.draft, sitting.before
    if before is not None and widgets.chosen(draft("tags")) is None:
        widgets.choose(draft("tags"), list(before.tags))
        widgets.choose(draft("quality"), before.quality)
        widgets.choose(draft("confidence"), before.confidence)
        widgets.choose(draft("comment"), before.comment)
    with st.container(horizontal=True, key="nl-confidence", gap="small"):
        for level, key in _CONFIDENCE_KEYS.items():
            chosen = widgets.chosen(draft("confidence")) == level
            st.button(
                f"{'✓ ' * chosen}{str(level).capitalize()}",
                key=f"confidence-{key}",
                shortcut=key,
                type="secondary",
                on_click=widgets.choose,
                args=(draft("confidence"), None if chosen else level),
            )
    st.text_area(
        "Comment, recorded with the verdict",
        key=draft("comment"),
        persist_state="session",
        height=68,
        max_chars=2_000,
        help=words.COMMENT_HELP,
    )
    st.pills(
        "Reasons",
        list(ReasonTag),
        selection_mode="multi",
        format_func=str,
        key=draft("tags"),
        wrap=True,
        persist_state="session",
    )
    st.pills(
        "Image quality",
        list(Quality),
        format_func=str,
        key=draft("quality"),
        persist_state="session",
    )
    drafts = (_HERE / "drafts.js").read_text("utf-8")
    _script("nl-keep-draft", drafts.replace("$KEY", json.dumps(draft("comment"))))


def _script(key: str, text: str) -> None:
    with st.container(key=key):
        st.html(f"<script>{text}</script>", unsafe_allow_javascript=True)


def _reading(sitting: Sitting, verdict: Verdict) -> Reading:
    """Return the verdict with what was said and seen."""
    draft = sitting.draft
    confidence, quality = widgets.chosen(draft("confidence")), widgets.chosen(draft("quality"))
    tags, seen = widgets.chosen(draft("tags")), widgets.chosen(draft("map"))
    shown_map = seen if isinstance(seen, MapShown) else None
    return Reading(
        verdict=verdict,
        screen=screen_of(
            sitting.shown.patch,
            with_map=shown_map is not None and shown_map.drawn,
            adjudicated=sitting.seat.case.mode is ReadingMode.ADJUDICATION,
        ),
        seconds=round(sitting.drawn.seconds, 3),
        confidence=Confidence(str(confidence)) if confidence else None,
        tags=tuple(tag for tag in ReasonTag if tag in tags) if isinstance(tags, list) else (),
        quality=Quality(str(quality)) if quality else None,
        comment=str(widgets.chosen(draft("comment")) or "").strip(),
        map=shown_map,
    )


def _give(sitting: Sitting, verdict: Verdict) -> None:
    seat, position = sitting.seat, sitting.shown.position
    if not reading.still_displayed(sitting.drawn):
        return  # a second press; the first one is on record
    if sitting.drawn.seconds < LEAST_S:
        widgets.mention(words.TOO_SOON, ":material/timer:")
        return
    what = _reading(sitting, verdict)
    make = correction_event if sitting.stage == AGAIN else verdict_event
    try:
        event = make(seat.store.record(), seat.case, seat.reader, position, what)
        seat.store.append(event, action=sitting.drawn.action)
    except NodelensError as error:
        widgets.notify(str(error))
        return
    if sitting.stage == AGAIN:
        reading.correct(None)
        text = words.CORRECTED.format(number=position + 1, verdict=verdict)
        widgets.mention(text, ":material/edit:")
        return
    # In the blind-first mode the same patch comes again, now with the score.
    first_of_two = seat.case.mode is ReadingMode.BLIND_FIRST and sitting.stage == FIRST
    reading.continue_after(position - first_of_two)
