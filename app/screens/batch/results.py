"""The results of a batch: counts, distribution of the scores, the table."""

from collections.abc import Sequence
from functools import partial
from pathlib import PurePosixPath
from typing import Final

import pandas as pd
import streamlit as st
from pandas.io.formats.style import Styler

from app import charts, resources
from app.screens.batch import words
from app.screens.shared.pager import page_of, pager
from app.screens.shared.parts import TONES, Stat, chart, empty, stat_strip
from app.state import address, widgets
from core.jobs import Job, JobStore
from core.scoring import (
    Classifier,
    Filter,
    Order,
    Outcome,
    ScoreRow,
    TestTimeAugmentation,
    outcome,
    outcome_counts,
    score_histogram,
    select,
)
from core.wording import call_text, label_text, percent, score_text

ROWS_A_PAGE: Final = 50
_ROW_PX: Final = 58
_TABLE_PX: Final = 36 + 13 * _ROW_PX
_CALLED: Final = {
    Outcome.TUMOUR: "Called tumour",
    Outcome.GREY_ZONE: "Grey zone, no call",
    Outcome.NO_TUMOUR: "Called no tumour",
    Outcome.WITHHELD: "Withheld",
    Outcome.FAILED: "Unreadable",
}
_SORTED_BY: Final = {
    "Patch": (Order.INPUT, Order.INPUT),
    "Score": (Order.HIGHEST, Order.LOWEST),
    "Call": (Order.HIGHEST, Order.LOWEST),
    "Folder": (Order.PATH, Order.PATH),
    "File": (Order.PATH, Order.PATH),
    "Spread": (Order.UNSTEADY, Order.UNSTEADY),
}


def result_counts(rows: Sequence[ScoreRow], inputs: int) -> None:
    """Draw how many inputs ended as what, of so many in all."""
    counts, total = outcome_counts(rows), len(rows)
    stats = [
        Stat("Inputs", f"{total:,}", "all done" if total >= inputs else f"of {inputs:,} so far")
    ]
    for kind in Outcome:
        if counts[kind] or kind in {Outcome.TUMOUR, Outcome.NO_TUMOUR}:
            share = percent(counts[kind] / total)
            stats.append(Stat(_CALLED[kind], f"{counts[kind]:,}", share, TONES[kind]))
    stat_strip(stats)


def scored_by(rows: Sequence[ScoreRow]) -> None:
    """Draw which model and threshold made the rows."""
    row = rows[0]
    st.caption(
        words.SCORED_BY.format(
            model=row.model_id, threshold=row.threshold, version=row.operating_point
        )
    )


def outdated(rows: Sequence[ScoreRow], classifier: Classifier) -> bool:
    """Return whether model or threshold have changed since, and if so say which is current."""
    row, point = rows[0], classifier.operating_point
    if row.model_id != classifier.model_id:
        text = words.OTHER_MODEL.format(model=classifier.model_id)
    elif (row.operating_point, row.threshold) != (point.name, point.threshold):
        text = words.OTHER_THRESHOLD.format(threshold=point.threshold, version=point.name)
    else:
        return False
    st.warning(text, icon=":material/history:")
    return True


def result_histogram(rows: Sequence[ScoreRow], key: str) -> None:
    """Draw how the scores spread around the threshold."""
    figure = charts.score_histogram(
        score_histogram(rows),
        threshold=rows[0].threshold,
        lower_threshold=rows[0].lower_threshold,
        colours=charts.palette(dark=widgets.is_dark()),
    )
    chart(
        figure,
        key,
        "Histogram of the scores, coloured by call, with the threshold as a dashed line",
    )


def result_filter(job: Job, rows: Sequence[ScoreRow]) -> list[int]:
    """Draw the filters and return the positions of the rows to show, in order."""
    counts = outcome_counts(rows)
    order_key = f"order-{job.id}"
    widgets.start(order_key, Order.HIGHEST)
    chosen = st.pills(
        "Show",
        [kind for kind in Outcome if counts[kind]],
        selection_mode="multi",
        format_func=lambda kind: f"{call_text(kind)}  {counts[kind]:,}",
        key=f"outcomes-{job.id}",
        persist_state="session",
        label_visibility="collapsed",
    )
    text_part, score_part, order_part = st.columns([1.1, 1.2, 1], vertical_alignment="bottom")
    with text_part:
        text = st.text_input(
            "Search file names, slides and remarks",
            key=f"text-{job.id}",
            persist_state="session",
            icon=":material/search:",
        )
    with score_part:
        low, high = st.slider(
            "Score range",
            0.0,
            1.0,
            (0.0, 1.0),
            0.01,
            key=f"scores-{job.id}",
            persist_state="session",
        )
    with order_part:
        order = st.selectbox(
            "Order",
            [
                item
                for item in Order
                if item is not Order.UNSTEADY or job.tta == TestTimeAugmentation.D4
            ],
            format_func=str,
            key=order_key,
            persist_state="session",
            help=words.ORDER_HELP,
        )
    wanted = Filter(frozenset(chosen), low, high, text or "")
    return select(rows, wanted, order)


def result_table(
    store: JobStore, job: Job, rows: Sequence[ScoreRow], positions: Sequence[int]
) -> None:
    """Draw one page of rows with thumbnails; a click looks at a patch."""
    table_key = f"table-{job.id}"
    page = page_of(len(positions), ROWS_A_PAGE, key=f"page-{job.id}")
    shown = list(positions[page.part])
    if not shown:
        empty(words.NO_MATCH)
        st.button("Clear filters", on_click=_clear_filters, args=(job.id,), key="clear")
        return
    looked_at = address.row()
    widgets.choose(
        table_key,
        {"selection": {"rows": [shown.index(looked_at)] if looked_at in shown else []}},
    )
    st.dataframe(
        _coloured(_frame(store, job, rows, shown)),
        hide_index=True,
        row_height=_ROW_PX,
        height=_TABLE_PX,
        key=table_key,
        on_select=partial(_on_select, job.id, shown),
        selection_mode=["single-row", "single-cell", "single-column"],
        column_config={
            "Patch": st.column_config.ImageColumn(width=66),
            "Score": st.column_config.TextColumn(width=76, alignment="right"),
            "Call": st.column_config.TextColumn(width=110),
            "File": st.column_config.TextColumn(width="large"),
            "Spread": st.column_config.NumberColumn(
                format="%.2f", width=70, help=words.SPREAD_HELP
            ),
            "Label": st.column_config.TextColumn(width=110),
            "Slide": st.column_config.TextColumn(width="small"),
            "Folder": st.column_config.TextColumn(width="medium"),
            "Remark": st.column_config.TextColumn(width="large"),
        },
        alt="Scored patches of this batch",
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        pager(page)


def _clear_filters(job_id: str) -> None:
    widgets.choose(f"outcomes-{job_id}", [])
    widgets.choose(f"text-{job_id}", "")
    widgets.choose(f"scores-{job_id}", (0.0, 1.0))


def _frame(
    store: JobStore, job: Job, rows: Sequence[ScoreRow], shown: Sequence[int]
) -> pd.DataFrame:
    picked = [rows[position] for position in shown]
    columns: dict[str, list[object]] = {
        "Patch": list(resources.thumbnails(store, job, list(shown))),
        "Score": ["" if row.prob_tumour is None else score_text(row.prob_tumour) for row in picked],
        "Call": [call_text(outcome(row)) for row in picked],
    }
    if job.tta == TestTimeAugmentation.D4:
        columns["Spread"] = [row.d4_sd_logit for row in picked]
    if any(row.label is not None for row in rows):
        columns["Label"] = [label_text(row.label) for row in picked]
    if any(row.slide for row in rows):
        columns["Slide"] = [row.slide or "" for row in picked]
    columns["File"] = [PurePosixPath(row.path).name for row in picked]
    if any("/" in row.path for row in rows):
        columns["Folder"] = [str(PurePosixPath(row.path).parent) for row in picked]
    remarks = [row.reason or row.note for row in picked]
    if any(remarks):
        columns["Remark"] = list(remarks)
    return pd.DataFrame(columns)


def _coloured(frame: pd.DataFrame) -> Styler:
    colours = charts.palette(dark=widgets.is_dark())
    ink = {
        call_text(Outcome.TUMOUR): colours.tumour_text,
        call_text(Outcome.NO_TUMOUR): colours.no_tumour_text,
    }
    return frame.style.map(lambda text: f"color: {ink.get(text, colours.muted)}", subset=["Call"])


def _on_select(job_id: str, shown: list[int]) -> None:
    """Sort by a clicked head; look at the patch of a clicked row or cell."""
    selection = widgets.selection(f"table-{job_id}")
    rows = [row for row in (*selection.rows, *selection.cell_rows) if row < len(shown)]
    fresh = [shown[row] for row in rows if shown[row] != address.row()]
    if selection.columns:
        widgets.choose(f"head-{job_id}", selection.columns[0])
        _sort_by(job_id, selection.columns[0])
    elif not rows:  # a second click on a head takes its selection back
        _sort_by(job_id, str(widgets.chosen(f"head-{job_id}", "")))
    elif fresh:
        address.look_at_row(fresh[0])


def _sort_by(job_id: str, head: str) -> None:
    if head in _SORTED_BY:
        first, second = _SORTED_BY[head]
        key = f"order-{job_id}"
        widgets.choose(key, second if widgets.chosen(key) == first else first)
