"""The cases of this installation: their list, and the head line of the one being read."""

from html import escape
from typing import Final

import streamlit as st

from app.screens.shared.parts import head_line, way_back
from app.state import address
from core.review import CaseOpened, Person, ReadingMode, Record, Verification, progress

MODE_WORDS: Final = {
    ReadingMode.AI_FIRST: "AI first",
    ReadingMode.BLIND_FIRST: "Blind first",
    ReadingMode.SECOND_READER: "Second reader",
    ReadingMode.ADJUDICATION: "Disagreements",
}
MODE_NOTES: Final = {
    ReadingMode.AI_FIRST: "The score is drawn with the patch. Fastest, but you are led: agreement "
    "with the model says little.",
    ReadingMode.BLIND_FIRST: "You judge the bare patch; that verdict is frozen; then the score is "
    "drawn and you keep or change it. Shows what the AI does to your verdicts.",
    ReadingMode.SECOND_READER: "The patches of an earlier case, read by somebody else who sees "
    "neither the score nor the first verdicts.",
    ReadingMode.ADJUDICATION: "Only patches on which readings differ, with the score and all "
    "verdicts in view, to settle them.",
}


def case_list(record: Record, who: Person) -> None:
    """Draw the cases, newest first, with how far the reader is in each."""
    if not record.cases:
        st.html(
            '<div class="nl-empty"><b>No case yet.</b> Start one below. Everybody who uses this '
            "installation can then read it.</div>"
        )
        return
    with st.container(key="nl-batches", gap=None):
        for case in reversed(list(record.cases.values())):
            mine = progress(record, case.case, who.name)
            begun = record.has_read(case.case, who.name)
            others = [name for name in record.readers(case.case) if name != who.name]
            done = mine.done == mine.total
            state_words = "finished" if done else "in progress" if begun else "not begun"
            tone = "good" if done else "accent" if begun else "quiet"
            readers = f" · {len(others)} other reader{'s' * (len(others) != 1)}" if others else ""
            with st.container(
                horizontal=True, vertical_alignment="center", key=f"nl-batch-{case.case}"
            ):
                st.html(
                    f'<div class="nl-batch"><b>{escape(case.name)}</b>'
                    f'<span class="nl-badge">{MODE_WORDS[case.mode]}</span>'
                    f'<span class="nl-badge nl-badge-{tone}">{state_words}</span>'
                    f"<span>{mine.done} of {mine.total} read{readers}</span></div>"
                )
                st.button(
                    "Look" if done else "Continue" if begun else "Read",
                    key=f"read-{case.case}",
                    on_click=address.look_at_case,
                    args=(case.case,),
                    type="secondary" if done else "primary",
                )


def case_head(case: CaseOpened) -> bool:
    """Draw the name of a case with the ways out; return whether it is read page by page."""
    with st.container(horizontal=True, vertical_alignment="center", key="nl-batch-head"):
        way_back("All cases", "all-cases", address.look_at_case)
        mode = f'<span class="nl-badge">{MODE_WORDS[case.mode]}</span>'
        head_line(case.name, mode, level=2)
        by_page = False
        if case.mode is ReadingMode.AI_FIRST:
            by_page = st.toggle("Twelve at a time", key="by-page")
        st.page_link("views/review_results.py", label="Results", icon=":material/fact_check:")
    return by_page


def verification_box(outcome: Verification) -> None:
    """Draw what a verification of the record found."""
    if outcome.ok:
        st.success(
            f"{outcome.events:,} events: {outcome.checked}. {outcome.noted}.",
            icon=":material/verified_user:",
        )
    else:
        lines = "".join(f"<li><b>×</b><span>{escape(str(f))}</span></li>" for f in outcome.findings)
        st.error(
            f"The record is damaged: {len(outcome.findings)} findings. Keep the file as it is and "
            "restore a backup; do not go on reading in it.",
            icon=":material/gpp_bad:",
        )
        st.html(f'<ul class="nl-problems">{lines}</ul>')
    st.caption("The end of the chain. Note it elsewhere; it shows later whether events were cut:")
    st.code(str(outcome.head), language=None)
