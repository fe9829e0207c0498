"""What stands where no patch is read: the end of a reading with its report, earlier verdicts."""

from collections.abc import Callable
from functools import partial

import pandas as pd
import streamlit as st
from markupsafe import Markup

from app import resources
from app.screens.review import words
from app.screens.shared.downloads import pdf_button
from app.screens.shared.parts import button, empty, show_problem
from app.screens.shared.who import person_of
from app.state import reading, widgets
from core.errors import NodelensError
from core.report import point_of, report_maps, report_of, report_pdf
from core.review import (
    CaseOpened,
    CurrentVerdict,
    Record,
    ReviewStore,
    Verdict,
    current_verdicts,
    may_correct,
    unfinished_blind_reading,
)
from core.review.pseudonyms import Pseudonyms, stored_pseudonyms
from core.roles import Permission
from core.settings import Settings
from core.wording import call_text

_TABLE = "own-verdicts"


def end_of_case(store: ReviewStore, record: Record, case: CaseOpened, reader: str) -> None:
    """Draw that a reader is through, with the ways to the results and the report."""
    store.note_end()
    given = [one.final.reading.verdict for one in current_verdicts(record, case.case, reader)]
    counts = " · ".join(f"{call_text(verdict)} {given.count(verdict)}" for verdict in Verdict)
    empty(words.DONE, Markup("<br>{}<br>{}").format(counts, words.DONE_NEXT))
    with st.container(horizontal=True, horizontal_alignment="center", key="nl-ends"):
        see = button("See results", "see-results", "fact_check", type="primary")
        _report_button(resources.settings(), record, case, reader)
        blocked, about = not record.has_read(case.case, reader), words.EARLIER_HELP
        look = partial(reading.look_back, True)
        button("Earlier", "earlier", "history", look, shortcut="E", disabled=blocked, help=about)
    if see:
        st.switch_page("views/review_results.py", query_params={"case": case.case})


def _report_button(settings: Settings, record: Record, case: CaseOpened, reader: str) -> None:
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
    card = resources.shipped_classifier(settings).bundle.card
    point = point_of(case, card, resources.operating_points(settings))
    report = report_of(record, case.case, hide=hide, point=point)
    picture = resources.review_patches(settings).image
    maps = report_maps(
        report.hashes,
        case.model_id,
        lambda: resources.review_maps(settings).maker,
        picture,
        on_progress=on_progress,
    )
    return report_pdf(report, picture, maps)


def earlier_verdicts(record: Record, case: CaseOpened, reader: str) -> None:
    """Draw the reader's verdicts, the last one first; a click looks at the patch again."""
    correctable = [
        verdict
        for verdict in current_verdicts(record, case.case, reader)
        if may_correct(record, case, reader, verdict.position)
    ]
    correctable.sort(key=lambda verdict: -verdict.final.sequence)
    text, note = words.EARLIER
    st.html(f'<div class="nl-read-question"><b>{text}</b><span>{note}</span></div>')
    lines = [_line(verdict) for verdict in correctable]
    if lines:
        st.dataframe(
            pd.DataFrame(lines),
            hide_index=True,
            height=min(35 * len(lines) + 38, 480),
            on_select=_choose,
            selection_mode="single-row",
            key=_TABLE,
            alt="Your verdicts in this case",
        )
        widgets.choose(f"{_TABLE}-places", [verdict.position for verdict in correctable])
    else:
        empty(words.NO_EARLIER)
    on = partial(reading.look_back, False)
    button("Continue reading", "go-on-reading", "arrow_back", on, shortcut="L")


def _line(verdict: CurrentVerdict) -> dict[str, object]:
    final = verdict.final.reading
    blind = verdict.first.reading.verdict if verdict.state.after_ai is not None else ""
    return {
        "Patch": verdict.position + 1,
        "Verdict": str(final.verdict),
        "Blind verdict": str(blind),
        "Confidence": str(final.confidence or ""),
        "Reasons": ", ".join(final.tags),
        "Comment": verdict.comment,
        "When": widgets.local_time(verdict.final.at, seconds=True),
        "Event": verdict.final.sequence,
    }


def _choose() -> None:
    places = widgets.chosen(f"{_TABLE}-places")
    rows = widgets.selected_rows(_TABLE)
    if rows and isinstance(places, list) and rows[0] < len(places):
        reading.correct(int(places[rows[0]]))
