"""What came of a batch: counts, spread of the scores, the table, the downloads."""

from collections.abc import Sequence
from functools import partial
from typing import Final

import pandas as pd
import streamlit as st

from app import charts, resources, state
from app.components.parts import Stat, Tone, outcome_text, section, stat_strip
from core.jobs import (
    Download,
    Filter,
    Job,
    JobStore,
    Order,
    Outcome,
    download,
    outcome,
    outcome_counts,
    score_histogram,
    select,
)
from core.scoring import ScoreRow

ROWS_A_PAGE: Final = 50
_TONES: Final[dict[Outcome, Tone]] = {
    Outcome.TUMOUR: "tumour",
    Outcome.GREY_ZONE: "grey-zone",
    Outcome.NO_TUMOUR: "no-tumour",
    Outcome.WITHHELD: "quiet",
    Outcome.FAILED: "quiet",
}
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
    "File": (Order.PATH, Order.PATH),
    "Spread": (Order.UNSTEADY, Order.UNSTEADY),
}


def result_counts(rows: Sequence[ScoreRow]) -> None:
    """Draw how many inputs ended as what."""
    counts = outcome_counts(rows)
    shown = [
        kind for kind in Outcome if counts[kind] or kind in {Outcome.TUMOUR, Outcome.NO_TUMOUR}
    ]
    total = len(rows)
    stat_strip(
        [
            Stat("Inputs", f"{total:,}"),
            *(
                Stat(
                    _CALLED[kind],
                    f"{counts[kind]:,}",
                    f"{counts[kind] / total:.1%} of inputs",
                    _TONES[kind],
                )
                for kind in shown
            ),
        ]
    )


def result_histogram(rows: Sequence[ScoreRow], key: str) -> None:
    """Draw how the scores spread around the threshold."""
    figure = charts.score_histogram(
        score_histogram(rows),
        threshold=rows[0].threshold,
        lower_threshold=rows[0].lower_threshold,
        colours=charts.palette(dark=state.is_dark()),
    )
    st.plotly_chart(
        figure,
        theme=None,
        key=key,
        config={"displayModeBar": False},
        alt="Histogram of the scores, coloured by call, with the threshold as a dashed line",
    )


def result_filter(job: Job, rows: Sequence[ScoreRow]) -> list[int]:
    """Draw the filters and return the positions of the rows to show, in order."""
    counts = outcome_counts(rows)
    order_key = f"order-{job.id}"
    if state.chosen(order_key) is None:
        state.choose(order_key, Order.HIGHEST)
    chosen = st.pills(
        "Show",
        [kind for kind in Outcome if counts[kind]],
        selection_mode="multi",
        format_func=lambda kind: f"{outcome_text(kind)}  {counts[kind]:,}",
        key=f"outcomes-{job.id}",
        persist_state="session",
        label_visibility="collapsed",
    )
    text_part, score_part, order_part = st.columns([1.1, 1.2, 1], vertical_alignment="bottom")
    with text_part:
        text = st.text_input(
            "Find in file name, slide or remark",
            key=f"text-{job.id}",
            persist_state="session",
            icon=":material/search:",
        )
    with score_part:
        low, high = st.slider(
            "Score from … to",
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
            [item for item in Order if item is not Order.UNSTEADY or job.tta == "d4"],
            format_func=str,
            key=order_key,
            persist_state="session",
            help="Sorts the whole batch, not only this page. A click on a column's head does too.",
        )
    wanted = Filter(frozenset(chosen), low, high, text or "")
    return select(rows, wanted, order)


def result_table(
    store: JobStore, job: Job, rows: Sequence[ScoreRow], positions: Sequence[int]
) -> None:
    """Draw one page of rows with thumbnails; a click looks at a patch."""
    pages = max(1, -(-len(positions) // ROWS_A_PAGE))
    page_key, table_key = f"page-{job.id}", f"table-{job.id}"
    page = min(int(str(state.chosen(page_key, 1) or 1)), pages)
    shown = list(positions[(page - 1) * ROWS_A_PAGE : page * ROWS_A_PAGE])
    looked_at = state.row()
    state.choose(
        table_key,
        {"selection": {"rows": [shown.index(looked_at)] if looked_at in shown else []}},
    )
    st.dataframe(
        _frame(store, job, rows, shown),
        hide_index=True,
        row_height=58,
        height=660,
        key=table_key,
        on_select=partial(_on_select, table_key, f"order-{job.id}", shown),
        selection_mode=["single-row", "single-cell", "single-column"],
        column_config={
            "Patch": st.column_config.ImageColumn(width=66),
            "Score": st.column_config.ProgressColumn(
                min_value=0, max_value=1, format="%.3f", width=120
            ),
            "Call": st.column_config.TextColumn(width=110),
            "File": st.column_config.TextColumn(width="medium"),
            "Spread": st.column_config.NumberColumn(
                format="%.2f", width=70, help="SD of the logit over the eight orientations"
            ),
            "Label": st.column_config.TextColumn(width=80),
            "Slide": st.column_config.TextColumn(width="small"),
            "Remark": st.column_config.TextColumn(width="large"),
        },
        alt="Scored patches of this batch",
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        first = (page - 1) * ROWS_A_PAGE + 1 if shown else 0
        st.caption(f"{first:,} to {first + len(shown) - bool(shown):,} of {len(positions):,}")
        if pages > 1:
            st.pagination(pages, key=page_key, max_visible_pages=5)


def _frame(
    store: JobStore, job: Job, rows: Sequence[ScoreRow], shown: Sequence[int]
) -> pd.DataFrame:
    picked = [rows[position] for position in shown]
    columns: dict[str, list[object]] = {
        "Patch": list(resources.thumbnails(store, job, list(shown))),
        "Score": [row.prob_tumour for row in picked],
        "Call": [outcome_text(outcome(row)) for row in picked],
        "File": [row.path for row in picked],
    }
    if job.tta == "d4":
        columns["Spread"] = [row.d4_sd_logit for row in picked]
    if any(row.label is not None for row in rows):
        columns["Label"] = [{1: "tumour", 0: "none", None: ""}[row.label] for row in picked]
    if any(row.slide for row in rows):
        columns["Slide"] = [row.slide or "" for row in picked]
    columns["Remark"] = [row.reason or row.note for row in picked]
    return pd.DataFrame(columns)


def _on_select(table_key: str, order_key: str, shown: list[int]) -> None:
    selection = state.selection(table_key)
    if selection.columns:
        down, up = _SORTED_BY.get(selection.columns[0], (None, None))
        if down is not None:
            state.choose(order_key, up if state.chosen(order_key) == down else down)
        return
    rows = [*selection.rows, *selection.cell_rows]
    looked_at = state.row()
    fresh = [row for row in rows if row < len(shown) and shown[row] != looked_at]
    if fresh:
        state.look_at_row(shown[fresh[0]])


def result_downloads(store: JobStore, job: Job, *, complete: bool, kaggle_fill: float) -> None:
    """Draw the downloads; each file is made when it is asked for."""
    kinds = {
        Download.CSV: ("CSV", "One line for each input, in input order"),
        Download.PARQUET: ("Parquet", "The same, for analysis"),
        Download.KAGGLE: (
            "Kaggle submission",
            "id and probability; inputs without a score get the share of tumour patches in the "
            "training data",
        ),
        Download.RUN: ("Run record", "Model, threshold, self-test, versions, hashes of the files"),
    }
    section("Downloads", "" if complete else "of the rows so far")
    with st.container(horizontal=True):
        for kind, (label, meaning) in kinds.items():
            st.download_button(
                label,
                data=partial(download, store, job, kind, kaggle_fill=kaggle_fill),
                file_name=f"{'' if complete else 'part-of-'}{job.id[:8]}-{kind.value}",
                mime="application/octet-stream",
                icon=":material/download:",
                help=meaning,
                on_click="ignore",
                disabled=kind is Download.KAGGLE and not complete,
                key=f"download-{kind.name}",
            )
