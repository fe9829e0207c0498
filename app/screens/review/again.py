"""A reader's own earlier verdicts, and the way to correct one of them."""

from datetime import datetime

import pandas as pd
import streamlit as st

from app.screens.review import words
from app.screens.review.patch import question
from app.screens.shared.parts import empty
from app.state import reading, widgets
from core.review import CaseOpened, CurrentVerdict, Record, current_verdicts, may_correct

_TABLE = "own-verdicts"


def earlier_button(record: Record, case: CaseOpened, reader: str) -> None:
    """Draw the way to the verdicts given so far."""
    st.button(
        "Earlier",
        key="earlier",
        shortcut="E",
        icon=":material/history:",
        disabled=not record.has_read(case.case, reader),
        help=words.EARLIER_HELP,
        on_click=reading.look_back,
        args=(True,),
    )


def earlier_verdicts(record: Record, case: CaseOpened, reader: str) -> None:
    """Draw the reader's verdicts, the last one first; a click looks at the patch again."""
    correctable = [
        verdict
        for verdict in current_verdicts(record, case.case, reader)
        if may_correct(record, case, reader, verdict.position)
    ]
    correctable.sort(key=lambda verdict: -verdict.final.sequence)
    question(*words.EARLIER)
    lines = [_line(verdict) for verdict in correctable]
    if lines:
        st.dataframe(
            pd.DataFrame(lines),
            hide_index=True,
            height=min(35 * len(lines) + 38, 480),
            on_select=_choose,
            selection_mode="single-row",
            key=_TABLE,
            alt="Your verdicts in this case",
        )
        widgets.choose(f"{_TABLE}-places", [verdict.position for verdict in correctable])
    else:
        empty(words.NO_EARLIER)
    st.button(
        "Continue reading",
        key="go-on-reading",
        shortcut="L",
        icon=":material/arrow_back:",
        on_click=reading.look_back,
        args=(False,),
    )


def _line(verdict: CurrentVerdict) -> dict[str, object]:
    final = verdict.final.reading
    blind = verdict.first.reading.verdict if verdict.state.after_ai is not None else ""
    return {
        "Patch": verdict.position + 1,
        "Verdict": str(final.verdict),
        "Blind verdict": str(blind),
        "Confidence": str(final.confidence or ""),
        "Reasons": ", ".join(final.tags),
        "Comment": verdict.comment,
        "When": widgets.local_time(datetime.fromisoformat(verdict.final.at), seconds=True),
        "Event": verdict.final.sequence,
    }


def _choose() -> None:
    places = widgets.chosen(f"{_TABLE}-places")
    rows = widgets.selected_rows(_TABLE)
    if rows and isinstance(places, list) and rows[0] < len(places):
        reading.correct(int(places[rows[0]]))
