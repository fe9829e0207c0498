"""The cases of this installation: their list, and the head line of the one being read."""

from functools import partial
from typing import Final

import streamlit as st
from markupsafe import Markup

from app.screens.review import words
from app.screens.review.bulk import BY_PAGE
from app.screens.shared.jobs import entry
from app.screens.shared.parts import badge, button, head_line, rename_field, way_back
from app.state import address, widgets
from core.errors import NodelensError
from core.review import CaseFiled, CaseOpened, ReadingMode, Record, ReviewStore, filed, renamed
from core.review.progress import next_position, progress
from core.roles import Permission, Person

_ARCHIVED: Final = "list-archived"


def case_list(record: Record, who: Person) -> None:
    """Draw the cases, newest first, with how far the reader is in each."""
    archived = [case for case, filing in record.filings.items() if filing.archived]
    listed = [case for case in record.cases.values() if case.case not in archived]
    if archived and st.toggle(words.SHOW_ARCHIVED.format(count=len(archived)), key=_ARCHIVED):
        listed = list(record.cases.values())
    with st.container(key="nl-batches", gap=None):
        for case in reversed(listed):
            _entry(record, case, who)


def waiting(record: Record, who: Person) -> bool:
    """Return whether a case waits for the reader."""
    return any(
        not record.filings[case].archived and next_position(record, case, who.name) is not None
        for case in record.cases
    )


def _entry(record: Record, case: CaseOpened, who: Person) -> None:
    mine = progress(record, case.case, who.name)
    begun = record.has_read(case.case, who.name)
    others = sum(name != who.name for name in record.readers(case.case))
    filing = record.filings[case.case]
    state, tone, label = (
        ("archived", "quiet", "Open")
        if filing.archived
        else ("finished", "good", "View")
        if mine.done == mine.total
        else ("in progress", "accent", "Continue")
        if begun
        else ("not started", "quiet", "Read")
    )
    readers = f" · {others} other reader{'s' * (others != 1)}" if others else ""
    count = Markup("<span>{} of {} read{} · opened {}</span>").format(
        mine.done, mine.total, readers, widgets.local_time(filing.opened_at)
    )
    entry(
        case.name,
        badge(words.MODES[case.mode]) + badge(state, tone) + count,
        address.case.look_at,
        case.case,
        key=f"read-{case.case}",
        label=label,
        urgent=mine.done != mine.total and not filing.archived,
    )


def case_head(store: ReviewStore, record: Record, case: CaseOpened, who: Person) -> bool:
    """Draw the name of a case with the ways out; return whether it is read page by page."""
    filing = record.filings[case.case]
    with st.container(horizontal=True, vertical_alignment="center", key="nl-batch-head"):
        way_back("All cases", "all-cases", address.case.look_at)
        opened = Markup("<span>{}</span>").format(widgets.local_time(filing.opened_at))
        head_line(case.name, badge(words.MODES[case.mode]) + opened, level=2)
        by_page = case.mode is ReadingMode.AI_FIRST
        if by_page:
            widgets.start("by-page", bool(address.shown(BY_PAGE)))
            by_page = st.toggle("Twelve at a time", key="by-page", on_change=_leave_pages)
        st.page_link(
            "views/review_results.py",
            label="Results",
            icon=":material/fact_check:",
            query_params={"case": case.case},  # at once, or the browser's Back leads to itself
        )
        if case.reader == who.name or who.may(Permission.FILE_CASES):
            _filing(store, record, case, who)
    return by_page


def _leave_pages() -> None:
    st.query_params.pop(BY_PAGE, None)


def _filing(store: ReviewStore, record: Record, case: CaseOpened, who: Person) -> None:
    """Draw the ways to rename a case and to put it away."""
    archived = record.filings[case.case].archived
    with st.popover("", icon=":material/more_vert:", key="case-more", help=words.CASE_MORE):
        rename = partial(_rename, store, record, case, who)
        rename_field("Name of the case", case.name, f"case-name-{case.case}", 120, rename)
        st.write(words.ARCHIVED if archived else words.ARCHIVE)
        label = "Restore this case" if archived else "Archive this case"
        event = filed(case, who.name, archived=not archived)
        button(label, "archive-case", "unarchive" if archived else "archive", _file, store, event)


def _rename(store: ReviewStore, record: Record, case: CaseOpened, who: Person, name: str) -> None:
    if name.isprintable():
        _write(store, renamed(record, case, who.name, name))


def _file(store: ReviewStore, event: CaseFiled) -> None:
    if _write(store, event) and event.archived:
        address.case.look_at(None)


def _write(store: ReviewStore, event: CaseFiled) -> bool:
    try:
        store.append(event)
    except NodelensError as error:
        widgets.notify(str(error))
        return False
    return True
