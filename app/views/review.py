"""Review: start or choose a case, then read it patch by patch."""

import streamlit as st

from app import resources
from app.screens.review import bulk, cases, desk, new, words
from app.screens.shared import model, parts, who
from app.state import address, widgets
from core.errors import NodelensError
from core.review import Record, ReviewStore
from core.review.patches import PatchFolder
from core.roles import Person


def read(
    store: ReviewStore, record: Record, kept: PatchFolder, case_id: str, person: Person
) -> None:
    """Draw the case that is read."""
    case = record.case(case_id)
    by_page = cases.case_head(store, record, case, person)
    if notice := widgets.pop_notice():
        parts.show_problem(NodelensError(notice))
    if record.filings[case_id].archived:
        st.info(words.ARCHIVED, icon=":material/archive:")
        return
    draw = bulk.page_of_patches if by_page else desk.desk
    st.fragment(draw)(store, kept, case_id, person.name)


parts.style("review")
settings = model.settings_or_stop()
reader = who.current_person(settings)
looked_at = address.case.now()
try:
    verdicts = resources.review_store(settings)
    on_record = verdicts.record()
except NodelensError as error:
    parts.page_title(words.TITLE, words.LEAD)
    parts.show_problem(error)
    st.stop()
if reader is not None and looked_at is not None and looked_at in on_record.cases:
    read(verdicts, on_record, resources.review_patches(settings), looked_at, reader)
else:
    parts.page_title(words.TITLE, words.LEAD)
    if looked_at and looked_at not in on_record.cases:
        address.case.look_at(None)
        st.info(words.NOT_ON_RECORD)
    reader = who.person_or_ask(settings)
    if reader is not None:
        who.who_line(reader)
        above, below = st.container(), st.container()
        listed, started = (above, below) if cases.waiting(on_record, reader) else (below, above)
        if on_record.cases:
            with listed:
                parts.section("Cases")
                cases.case_list(on_record, reader)
        with started:
            parts.section("New case")
            new.new_case(
                verdicts,
                resources.review_patches(settings),
                resources.job_store(settings),
                on_record,
                reader,
            )
