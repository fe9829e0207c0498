"""A reader's own earlier verdicts, and the way to correct one of them."""

import pandas as pd
import streamlit as st

from app.state import reading, widgets
from core.review import CaseOpened, Record, current_verdicts, may_correct

_TABLE = "own-verdicts"


def earlier_button(record: Record, case: CaseOpened, reader: str) -> None:
    """Draw the way to the verdicts given so far."""
    st.button(
        "Earlier verdicts",
        key="earlier",
        shortcut="E",
        icon=":material/history:",
        disabled=not record.has_read(case.case, reader),
        help="Your verdicts in this case; each can be corrected.",
        on_click=reading.look_back,
        args=(True,),
    )


def leave_button() -> None:
    """Draw the way out of a correction."""
    st.button(
        "Leave it as it is",
        key="leave",
        shortcut="L",
        icon=":material/close:",
        on_click=reading.look_again,
        args=(None,),
    )


def earlier_verdicts(record: Record, case: CaseOpened, reader: str) -> None:
    """Draw the reader's verdicts, the last one first; a click looks at the patch again."""
    found = [
        verdict
        for verdict in current_verdicts(record, case.case, reader)
        if may_correct(record, case, reader, verdict.position)
    ]
    found.sort(key=lambda verdict: -verdict.final.sequence)
    st.html(
        '<div class="nl-read-question"><b>Your verdicts in this case, the last one first</b>'
        "<span>Choose one to look at its patch again and to correct it. A correction is a new "
        "event; the record keeps the earlier one, and your blind verdicts stay frozen.</span></div>"
    )
    zone = widgets.time_zone()
    lines = []
    for verdict in found:
        told = verdict.final.reading
        when = pd.Timestamp(verdict.final.at)
        blind = verdict.first.reading.verdict if verdict.state.after_ai is not None else None
        lines.append(
            {
                "Patch": verdict.position + 1,
                "Verdict": str(told.verdict),
                "Blind before": "" if blind is None else str(blind),
                "Sure": str(told.confidence or ""),
                "Because of": ", ".join(told.tags),
                "Comment": told.comment,
                "When": f"{when.tz_convert(zone):%d %b %H:%M:%S}" if zone else f"{when:%H:%M:%S}Z",
                "Event": verdict.final.sequence,
            }
        )
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
        widgets.choose(f"{_TABLE}-places", [verdict.position for verdict in found])
    else:
        st.html('<div class="nl-empty"><b>No verdict that could be corrected yet.</b></div>')
    st.button(
        "Go on reading",
        key="go-on-reading",
        shortcut="L",
        icon=":material/arrow_back:",
        on_click=reading.look_back,
        args=(False,),
    )


def _choose() -> None:
    places = widgets.chosen(f"{_TABLE}-places")
    rows = widgets.selection(_TABLE).rows
    if rows and isinstance(places, list) and rows[0] < len(places):
        reading.look_again(int(places[rows[0]]))
