"""The cases of this installation: their list, and the head line of the one being read."""

import streamlit as st
from markupsafe import Markup

from app.screens.review import words
from app.screens.shared.listing import badge, entry
from app.screens.shared.parts import empty, head_line, way_back
from app.state import address
from core.review import CaseOpened, Person, ReadingMode, Record
from core.review.progress import progress


def case_list(record: Record, who: Person) -> None:
    """Draw the cases, newest first, with how far the reader is in each."""
    if not record.cases:
        empty(*words.NO_CASE)
        return
    with st.container(key="nl-batches", gap=None):
        for case in reversed(list(record.cases.values())):
            mine = progress(record, case.case, who.name)
            begun = record.has_read(case.case, who.name)
            others = sum(name != who.name for name in record.readers(case.case))
            state, tone, label = (
                ("finished", "good", "View")
                if mine.done == mine.total
                else ("in progress", "accent", "Continue")
                if begun
                else ("not started", "quiet", "Read")
            )
            readers = f" · {others} other reader{'s' * (others != 1)}" if others else ""
            count = Markup("<span>{} of {} read{}</span>").format(mine.done, mine.total, readers)
            entry(
                case.name,
                badge(words.MODES[case.mode]) + badge(state, tone) + count,
                address.case.look_at,
                case.case,
                key=f"read-{case.case}",
                label=label,
                urgent=mine.done != mine.total,
            )


def case_head(case: CaseOpened) -> bool:
    """Draw the name of a case with the ways out; return whether it is read page by page."""
    with st.container(horizontal=True, vertical_alignment="center", key="nl-batch-head"):
        way_back("All cases", "all-cases", address.case.look_at)
        head_line(case.name, badge(words.MODES[case.mode]), level=2)
        by_page = case.mode is ReadingMode.AI_FIRST and st.toggle("Twelve at a time", key="by-page")
        st.page_link("views/review_results.py", label="Results", icon=":material/fact_check:")
    return by_page
