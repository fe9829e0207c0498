"""Review results: what the verdicts amount to, how far readers agree, the record and its files."""

import streamlit as st

from app import components, resources, state
from app.components import review_numbers, review_record, review_style, review_who
from core.errors import NodelensError
from core.review import (
    CaseOpened,
    Permission,
    Person,
    Record,
    ReviewStore,
    unfinished_blind_reading,
)
from core.review.exports import pseudonyms
from core.settings import Settings


def results(
    settings: Settings, store: ReviewStore, record: Record, case: CaseOpened, who: Person
) -> None:
    """Draw the results of a case, or why this reader must not see them yet."""
    pending = unfinished_blind_reading(record, case.case, who.name)
    if pending is not None:
        st.info(
            "You are in the middle of a blind reading that these results would give away. They "
            "are shown when you have read its last patch.",
            icon=":material/visibility_off:",
        )
        st.button(
            "Go on reading",
            type="primary",
            icon=":material/rate_review:",
            on_click=state.look_at_case,
            args=(pending,),
            key="go-on",
        )
        st.page_link("views/review.py", label="To the review", icon=":material/arrow_back:")
        return
    may_name = who.may(Permission.SEE_NAMES)
    names = {} if may_name else pseudonyms(record) | {who.name: f"{who.name} (you)"}
    if not record.readers(case.case):
        st.html('<div class="nl-empty"><b>No verdict in this case yet.</b></div>')
    else:
        review_numbers.case_numbers(record, case, names)
        review_record.exports(settings, store, record, case, may_name=may_name)
    review_record.history(settings, store, case, names)


review_style.review_style()
components.page_title(
    "Review results", "What the verdicts of a case amount to, and the record behind them."
)
settings = components.settings_or_stop()
try:
    verdicts = resources.review_store(settings)
    on_record = verdicts.record()
except NodelensError as error:
    components.show_problem(error)
    st.stop()
reader = review_who.person_or_ask(settings)
if reader is not None:
    cases = list(reversed(list(on_record.cases.values())))
    if not cases:
        st.html(
            '<div class="nl-empty"><b>No case yet.</b> Results come with the first verdicts.</div>'
        )
        st.page_link("views/review.py", label="Start a case", icon=":material/rate_review:")
    else:
        wanted = state.case_id()
        chosen = st.selectbox(
            "Case",
            cases,
            index=next((n for n, case in enumerate(cases) if case.case == wanted), 0),
            format_func=lambda case: f"{case.name} · {case.mode}",
            key="results-case",
        )
        results(settings, verdicts, on_record, chosen or cases[0], reader)
