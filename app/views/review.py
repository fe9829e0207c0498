"""Review: start or choose a case, then read it patch by patch."""

import streamlit as st

from app import components, resources, state
from app.components import (
    review_bulk,
    review_cases,
    review_desk,
    review_new,
    review_style,
    review_who,
)
from core.errors import NodelensError
from core.review import Person, Record, ReviewStore
from core.review.patches import PatchFolder


def read(store: ReviewStore, record: Record, kept: PatchFolder, case_id: str, who: Person) -> None:
    """Draw the case that is read."""
    case = record.case(case_id)
    by_page = review_cases.case_head(case)
    told = state.said()
    if told:
        components.show_problem(NodelensError(told))
    desk = review_bulk.page_of_patches if by_page else review_desk.desk
    st.fragment(desk)(store, kept, case_id, who.name)


review_style.review_style()
settings = components.settings_or_stop()
reader = review_who.current_person(settings)
wanted = state.case_id()
try:
    verdicts = resources.review_store(settings)
    on_record = verdicts.record()
except NodelensError as error:
    components.page_title("Review", "Verdicts on patches, on a record that can be checked.")
    components.show_problem(error)
    st.stop()
if reader is not None and wanted is not None and wanted in on_record.cases:
    read(verdicts, on_record, resources.review_patches(settings), wanted, reader)
else:
    components.page_title(
        "Review",
        "Read patches one by one. Every verdict goes on a record that can be checked.",
    )
    if wanted and wanted not in on_record.cases:
        state.look_at_case(None)
        st.info("This case is not on the record of this installation.")
    reader = review_who.person_or_ask(settings)
    if reader is not None:
        review_who.who_line(reader)
        components.section("Cases")
        review_cases.case_list(on_record, reader)
        components.section("New case")
        review_new.new_case(
            verdicts,
            resources.review_patches(settings),
            resources.job_store(settings),
            on_record,
            reader,
        )
