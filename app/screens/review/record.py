"""The record of a case: its history, its verification, and the files made from it."""

import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

import pandas as pd
import streamlit as st

from app import resources
from app.screens.review.cases import verification_box
from app.screens.shared.parts import section, show_problem
from app.state import widgets
from core.errors import NodelensError
from core.report import ReportPlan, point_of, report_maps, report_of, report_pdf
from core.review import (
    CaseOpened,
    Commented,
    Corrected,
    Entry,
    Record,
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
    verdict_rows,
    write_corrected_labels,
    write_verdicts,
)
from core.review.pseudonyms import Pseudonyms, stored_pseudonyms
from core.settings import Settings

LISTED_EVENTS: Final = 500
_VERIFIED: Final = "verified"


def history(
    settings: Settings, store: ReviewStore, case: CaseOpened, names: Mapping[str, str]
) -> None:
    """Draw the events of a case, the last one first, and the verification of the whole record."""
    section("Record", "append-only; each event carries the hash of the one before")
    store.note_end()
    if store.anchor_problem:
        st.warning(store.anchor_problem, icon=":material/anchor:")
    if st.button("Verify the whole record", icon=":material/verified_user:", key="verify"):
        try:
            with st.spinner("Checking every event …"):
                file = settings.review_anchors
                noted = read_anchors(file) if file.is_file() else None
                widgets.choose(_VERIFIED, verify_store(store.path, noted=noted))
        except NodelensError as error:
            show_problem(error)
    outcome = widgets.chosen(_VERIFIED)
    if isinstance(outcome, Verification):
        verification_box(outcome)
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


def _line(entry: Entry, names: Mapping[str, str]) -> dict[str, object]:
    event = entry.payload.event
    zone = widgets.time_zone()
    when = pd.Timestamp(entry.payload.at)
    reader = getattr(event, "reader", "")
    task = getattr(event, "task", None)
    said = ""
    if isinstance(event, VerdictGiven | VerdictAfterAi | Corrected):
        told = event.reading
        seen = ", ".join(told.screen) or "blind"
        said = f"{told.verdict} · {seen} · {told.seconds:.1f} s"
        said += f" · {', '.join(told.tags)}" if told.tags else ""
    elif isinstance(event, Commented):
        said = event.text
    elif isinstance(event, CaseOpened):
        said = event.order
    return {
        "Event": entry.sequence,
        "When": f"{when.tz_convert(zone):%d %b %Y %H:%M:%S}" if zone else f"{when:%d %b %H:%M:%S}Z",
        "Reader": names.get(reader, "a lead or reader without verdicts") if names else reader,
        "What": str(event.kind),
        "Patch": None if task is None else task + 1,
        "Said": said,
        "Hash": entry.hash[:12],
    }


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
        help="Readers, patches, slides and cases get pseudonyms, the same in every export and not "
        "to be undone without the key in the data folder; comments and file names are left out. "
        "Only a lead may take the names home.",
    )
    try:
        hide = stored_pseudonyms(settings.pseudonym_key) if hidden else None
    except NodelensError as error:
        show_problem(error)
        return
    short = case.case[:8] if hide is None else hide.of("case", case.case)
    files: dict[str, tuple[str, Callable[[], bytes], str]] = {
        "Verdicts, CSV": (
            f"{short}-verdicts.csv",
            partial(_verdicts, record, case, hide, ".csv"),
            "One line for each verdict that stands",
        ),
        "Verdicts, Parquet": (
            f"{short}-verdicts.parquet",
            partial(_verdicts, record, case, hide, ".parquet"),
            "The same, for analysis",
        ),
        "Corrected labels": (
            "labels_corrected.csv",
            partial(_labels, record, case, hide),
            "id, label and where each comes from; the training takes it, unless its ids are hidden",
        ),
        "Report, PDF": (
            f"{short}-report.pdf",
            partial(_report, settings, record, case, hide),
            "The batch, then every flagged patch with its map; the same record, patches and model "
            "give the same bytes. Five flagged patches take about a second",
        ),
    }
    if may_name:
        files["Whole record"] = (
            "review-log.jsonl",
            partial(_log, store),
            "Every event of every case with its hash, names included; `python -m core verify` "
            "checks it",
        )
    with st.container(horizontal=True, key="nl-review-files"):
        for label, (file_name, make, meaning) in files.items():
            st.download_button(
                label,
                data=make,
                file_name=file_name,
                mime="application/octet-stream",
                icon=":material/download:",
                help=meaning,
                on_click="ignore",
                key=f"file-{label}",
            )


def _made(write: Callable[[Path], object], name: str) -> bytes:
    with tempfile.TemporaryDirectory(prefix="nodelens-") as folder:
        path = Path(folder) / name
        write(path)
        return path.read_bytes()


def _verdicts(record: Record, case: CaseOpened, hide: Pseudonyms | None, suffix: str) -> bytes:
    rows = verdict_rows(record, case.case, hide=hide)
    return _made(lambda path: write_verdicts(path, rows, head=record.end), f"verdicts{suffix}")


def _labels(record: Record, case: CaseOpened, hide: Pseudonyms | None) -> bytes:
    rows = corrected_labels(record, (case.case, *case.of), hide=hide)
    return _made(
        lambda path: write_corrected_labels(path, rows, head=record.end), "labels_corrected.csv"
    )


def _report(settings: Settings, record: Record, case: CaseOpened, hide: Pseudonyms | None) -> bytes:
    point = point_of(
        case,
        resources.shipped_classifier(settings).bundle.card,
        resources.operating_points(settings),
    )
    plan = ReportPlan(case.case, hide=hide, point=point)
    report = report_of(record, plan)
    picture = resources.review_patches(settings).image
    maps = report_maps(report, case, lambda: resources.review_maps(settings).maker, picture)
    return report_pdf(report, picture, maps)


def _log(store: ReviewStore) -> bytes:
    return _made(lambda path: export_log(path, store.links()), "review-log.jsonl")
