"""The end of a reading: what was said, and the ways on."""

import streamlit as st
from markupsafe import Markup

from app import resources
from app.screens.review import words
from app.screens.review.again import earlier_button
from app.screens.review.report import report_button
from app.screens.shared.parts import empty
from core.review import CaseOpened, Record, ReviewStore, Verdict, current_verdicts
from core.wording import call_text


def end_of_case(store: ReviewStore, record: Record, case: CaseOpened, reader: str) -> None:
    """Draw that a reader is through, with the ways to the results and the report."""
    store.note_end()
    given = [one.final.reading.verdict for one in current_verdicts(record, case.case, reader)]
    counts = " · ".join(f"{call_text(verdict)} {given.count(verdict)}" for verdict in Verdict)
    empty(words.DONE, Markup("<br>{}<br>{}").format(counts, words.DONE_NEXT))
    with st.container(horizontal=True, horizontal_alignment="center", key="nl-ends"):
        see = st.button(
            "See results", type="primary", icon=":material/fact_check:", key="see-results"
        )
        report_button(resources.settings(), record, case, reader)
        earlier_button(record, case, reader)
    if see:
        st.switch_page("views/review_results.py")
