"""The record of a case: its history, its verification, and the files made from it."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

import pandas as pd
import streamlit as st
from markupsafe import escape

from app.screens.review import words
from app.screens.review.ends import report_pdf_button
from app.screens.shared.downloads import download
from app.screens.shared.parts import button, section, show_problem
from app.state import widgets
from core.errors import NodelensError
from core.files import bytes_written
from core.review import (
    CaseFiled,
    CaseOpened,
    Corrected,
    OnScreen,
    Record,
    RecordEntry,
    ReviewStore,
    VerdictAfterAi,
    VerdictGiven,
    Verification,
    export_log,
    verify_store,
)
from core.review.anchors import read_anchors
from core.review.exports import (
    corrected_labels,
    verdict_table,
    write_corrected_labels,
    write_verdicts,
)
from core.review.pseudonyms import stored_pseudonyms
from core.settings import Settings

LISTED_EVENTS: Final = 500
_VERIFIED: Final = "verified"


def history(
    settings: Settings, store: ReviewStore, case: CaseOpened, names: Mapping[str, str]
) -> None:
    """Draw the events of a case, the last one first, and the verification of the whole record."""
    section("Record", words.RECORD_NOTE)
    store.note_end()
    if store.anchor_problem:
        st.warning(store.anchor_problem, icon=":material/anchor:")
    if button("Verify the whole record", "verify", "verified_user"):
        try:
            with st.spinner("Checking every event …"):
                file = settings.review_anchors
                noted = read_anchors(file) if file.is_file() else None
                widgets.choose(_VERIFIED, verify_store(store.path, noted=noted))
        except NodelensError as error:
            show_problem(error)
    outcome = widgets.chosen(_VERIFIED)
    if isinstance(outcome, Verification):
        _verification(outcome)
    entries = [
        entry for entry in store.entries() if getattr(entry.payload.event, "case", "") == case.case
    ]
    shown = entries[: -LISTED_EVENTS - 1 : -1]
    st.dataframe(
        pd.DataFrame([_line(entry, names) for entry in shown]),
        hide_index=True,
        height=min(36 * len(shown) + 40, 420),
        column_config={
            "Event": st.column_config.NumberColumn(width=70),
            "Patch": st.column_config.NumberColumn(width=70),
            "Hash": st.column_config.TextColumn(width=120),
        },
        alt="Events of this case",
        key="history",
    )
    if len(entries) > len(shown):
        st.caption(f"The last {len(shown)} of {len(entries):,} events; the log has them all.")


def _line(entry: RecordEntry, names: Mapping[str, str]) -> dict[str, object]:
    event = entry.payload.event
    reader = getattr(event, "reader", "")
    task = getattr(event, "task", None)
    content = ""
    if isinstance(event, VerdictGiven | VerdictAfterAi | Corrected):
        given = event.reading
        screen = ("map" if one is OnScreen.CAM else one for one in given.screen)
        seen = ", ".join([*["blind"] * given.blinded, *screen])
        parts = [str(given.verdict), seen, f"{given.seconds:.1f} s", ", ".join(given.tags)]
        content = " · ".join(filter(None, parts))
    elif isinstance(event, CaseOpened):
        content = event.order
    elif isinstance(event, CaseFiled):
        content = f"{event.name}{' · archived' * event.archived}"
    return {
        "Event": entry.sequence,
        "When": widgets.local_time(entry.payload.at, seconds=True),
        "Reader": names.get(reader, words.UNKNOWN_READER) if names else reader,
        "Event type": str(event.kind),
        "Patch": None if task is None else task + 1,
        "Content": content,
        "Hash": entry.hash[:12],
    }


def _verification(outcome: Verification) -> None:
    """Draw what a verification of the record found."""
    if outcome.ok:
        st.success(
            f"{outcome.events:,} events: {outcome.checked}. {outcome.noted}.",
            icon=":material/verified_user:",
        )
    else:
        count = len(outcome.findings)
        st.error(words.DAMAGED.format(findings=count), icon=":material/gpp_bad:")
        lines = "".join(
            f"<li><b>×</b><span>{escape(str(finding))}</span></li>" for finding in outcome.findings
        )
        st.html(f'<ul class="nl-problems">{lines}</ul>')
    st.caption(words.CHAIN_END)
    st.code(str(outcome.head), language=None)


def exports(
    settings: Settings, store: ReviewStore, record: Record, case: CaseOpened, *, may_name: bool
) -> None:
    """Draw the files that can be made of a case; each is made when it is asked for."""
    section("Files")
    hidden = st.toggle(
        "Pseudonymise",
        value=not may_name,
        disabled=not may_name,
        key="pseudonymise",
        persist_state="session",
        help=words.PSEUDONYMS_HELP,
    )
    try:
        hide = stored_pseudonyms(settings.pseudonym_key) if hidden else None
    except NodelensError as error:
        show_problem(error)
        return
    short = case.case[:8] if hide is None else hide.of("case", case.case)

    def verdicts(path: Path) -> None:
        write_verdicts(path, verdict_table(record, case.case, hide=hide), head=record.end)

    def labels(path: Path) -> None:
        corrected = corrected_labels(record, (case.case, *case.of), hide=hide)
        write_corrected_labels(path, corrected, head=record.end)

    files: dict[str, tuple[str, Callable[[Path], object]]] = {
        "Verdicts, CSV": (f"{short}-verdicts.csv", verdicts),
        "Verdicts, Parquet": (f"{short}-verdicts.parquet", verdicts),
        "Corrected labels": ("labels_corrected.csv", labels),
    }
    if may_name:
        files["Whole record"] = ("review-log.jsonl", lambda path: export_log(path, store.links()))
    with st.container(horizontal=True, key="nl-review-files"):
        report_pdf_button(settings, record, case, hide)
        for label, (name, write) in files.items():
            make = partial(bytes_written, name, write)
            download(label, make, name, f"file-{label}", help=words.FILES[label])
