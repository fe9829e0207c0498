"""Review results: how far readers agree, what they corrected, the record and its files."""

from typing import Final

import streamlit as st

from app import resources
from app.screens.review import gallery, numbers, record, words
from app.screens.shared import model, parts, who
from app.screens.shared.ways import REVIEW, THRESHOLD, ways_on
from app.state import address, widgets
from core.errors import NodelensError
from core.review import CaseOpened, Record, ReviewStore, unfinished_blind_reading
from core.review.exports import pseudonyms
from core.roles import Permission, Person
from core.settings import Settings

_CHOSEN: Final = "results-case"


def results(
    settings: Settings, store: ReviewStore, on_record: Record, case: CaseOpened, person: Person
) -> None:
    """Draw the results of a case, or why this reader must not see them yet."""
    pending = unfinished_blind_reading(on_record, case.case, person.name)
    if pending is not None:
        st.info(words.BLIND_PENDING, icon=":material/visibility_off:")
        if parts.button("Continue reading", "go-on", "rate_review", type="primary"):
            address.case.look_at(pending)
            st.switch_page("views/review.py")
        return
    may_name = person.may(Permission.SEE_NAMES)
    names = {} if may_name else pseudonyms(on_record) | {person.name: f"{person.name} (you)"}
    if not on_record.readers(case.case):
        parts.empty(words.NO_VERDICT)
    else:
        numbers.case_head(on_record, case)
        record.exports(settings, store, on_record, case, may_name=may_name)
        gallery.pictures(on_record, case, resources.review_patches(settings), names)
        numbers.case_numbers(on_record, case, names)
    record.history(settings, store, case, names)
    ways_on(REVIEW, THRESHOLD, key="results")


def _look_at() -> None:
    case = widgets.chosen(_CHOSEN)
    address.case.look_at(case.case if isinstance(case, CaseOpened) else None)


parts.style("review")
parts.page_title(words.RESULTS_TITLE, words.RESULTS_LEAD)
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
        parts.empty(*words.NO_RESULTS)
        st.page_link("views/review.py", label="Start a case", icon=":material/rate_review:")
    else:
        looked_at = address.case.now()
        at = next((case for case in cases if case.case == looked_at), cases[0])
        widgets.choose(_CHOSEN, at)  # the URL decides, after Back as well
        st.selectbox(
            "Case",
            cases,
            format_func=lambda case: " · ".join(
                (
                    case.name,
                    words.MODES[case.mode],
                    widgets.local_time(on_record.filings[case.case].opened_at),
                    *(["archived"] * on_record.filings[case.case].archived),
                )
            ),
            key=_CHOSEN,
            on_change=_look_at,
        )
        results(settings, verdicts, on_record, at, reader)
