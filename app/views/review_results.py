"""Review results: what the verdicts amount to, how far readers agree, the record and its files."""

import streamlit as st

from app import resources
from app.screens.review import numbers, record, style, who
from app.screens.shared import model, parts
from app.state import address
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
    settings: Settings, store: ReviewStore, on_record: Record, case: CaseOpened, person: Person
) -> None:
    """Draw the results of a case, or why this reader must not see them yet."""
    pending = unfinished_blind_reading(on_record, case.case, person.name)
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
            on_click=address.look_at_case,
            args=(pending,),
            key="go-on",
        )
        st.page_link("views/review.py", label="To the review", icon=":material/arrow_back:")
        return
    may_name = person.may(Permission.SEE_NAMES)
    names = {} if may_name else pseudonyms(on_record) | {person.name: f"{person.name} (you)"}
    if not on_record.readers(case.case):
        st.html('<div class="nl-empty"><b>No verdict in this case yet.</b></div>')
    else:
        numbers.case_numbers(on_record, case, names)
        record.exports(settings, store, on_record, case, may_name=may_name)
    record.history(settings, store, case, names)


style.review_style()
parts.page_title(
    "Review results", "What the verdicts of a case amount to, and the record behind them."
)
settings = model.settings_or_stop()
try:
    verdicts = resources.review_store(settings)
    on_record = verdicts.record()
except NodelensError as error:
    parts.show_problem(error)
    st.stop()
reader = who.person_or_ask(settings)
if reader is not None:
    cases = list(reversed(list(on_record.cases.values())))
    if not cases:
        st.html(
            '<div class="nl-empty"><b>No case yet.</b> Results come with the first verdicts.</div>'
        )
        st.page_link("views/review.py", label="Start a case", icon=":material/rate_review:")
    else:
        wanted = address.case_id()
        chosen = st.selectbox(
            "Case",
            cases,
            index=next((n for n, case in enumerate(cases) if case.case == wanted), 0),
            format_func=lambda case: f"{case.name} · {case.mode}",
            key="results-case",
        )
        results(settings, verdicts, on_record, chosen or cases[0], reader)
