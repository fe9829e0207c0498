"""The end of a reading: what was said, the ways on, and the PDF report of the case."""

from collections.abc import Callable
from functools import partial

import streamlit as st
from markupsafe import Markup

from app import resources
from app.screens.review import words
from app.screens.review.again import earlier_button
from app.screens.shared.parts import empty, show_problem
from app.screens.shared.pdf import pdf_button
from app.screens.shared.who import person_of
from core.errors import NodelensError
from core.report import ReportPlan, point_of, report_maps, report_of, report_pdf
from core.review import (
    CaseOpened,
    Permission,
    Record,
    ReviewStore,
    Verdict,
    current_verdicts,
    unfinished_blind_reading,
)
from core.review.pseudonyms import Pseudonyms, stored_pseudonyms
from core.settings import Settings
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
        st.switch_page("views/review_results.py", query_params={"case": case.case})


def report_button(settings: Settings, record: Record, case: CaseOpened, reader: str) -> None:
    """Draw the way to the report for a reader who is through; other names stay hidden from them."""
    if unfinished_blind_reading(record, case.case, reader) is not None:
        return  # another case with the same patches is still read blind
    hide = None
    try:
        if not person_of(settings, reader).may(Permission.SEE_NAMES):
            hide = stored_pseudonyms(settings.pseudonym_key)
    except NodelensError as error:
        show_problem(error)
        return
    report_pdf_button(settings, record, case, hide)


def report_pdf_button(
    settings: Settings, record: Record, case: CaseOpened, hide: Pseudonyms | None
) -> None:
    """Draw the way to the report as it is at the end of the record."""
    short = case.case[:8] if hide is None else hide.of("case", case.case)
    pdf_button(
        "Report, PDF",
        f"{short}-report.pdf",
        partial(_report, settings, record, case, hide),
        f"report-{case.case}-{record.end.sequence}-{hide is not None}",
        help=words.FILES["Report, PDF"],
    )


def _report(
    settings: Settings,
    record: Record,
    case: CaseOpened,
    hide: Pseudonyms | None,
    on_progress: Callable[[float], None],
) -> bytes:
    point = point_of(
        case,
        resources.shipped_classifier(settings).bundle.card,
        resources.operating_points(settings),
    )
    report = report_of(record, ReportPlan(case.case, hide=hide, point=point))
    picture = resources.review_patches(settings).image
    maps = report_maps(
        report.hashes,
        case.model_id,
        lambda: resources.review_maps(settings).maker,
        picture,
        on_progress=on_progress,
    )
    return report_pdf(report, picture, maps)
