"""The table of everything: the patches that are looked at, with columns to choose."""

from typing import Final

import pandas as pd
import streamlit as st

from app.screens.audit import patches, words
from app.screens.audit.words import flags_text, measure_text
from app.screens.shared.parts import download
from app.state import address, widgets
from core.audit import FLAGS, MEASURES, QUALITY
from core.audit.browse import AuditView, PatchFilter, Rows, choose, csv_bytes, listed, review_table
from core.jobs import Job
from core.wording import call_text

_KEY: Final = "audit-everything"
_FIRST: Final = ("detail_share", "tissue_share", "white_share", "ink_share")


def table_panel(job: Job, view: AuditView) -> None:
    """Draw the table; a click on a row looks at its patch."""
    chosen = choose(view, patches.shown_now())
    patches.headline(chosen)
    names = st.multiselect(
        "Measures", MEASURES, default=list(_FIRST), format_func=measure_text,
        key="audit-columns", persist_state="session",
    )  # fmt: skip
    rows = listed(view, chosen, PatchFilter())
    frame = _frame(view, rows, names)
    st.dataframe(
        frame,
        hide_index=True,
        height=640,
        key=_KEY,
        on_select=lambda: _select([int(row) for row in rows]),
        selection_mode="single-row",
        column_config={
            measure_text(name): st.column_config.NumberColumn(format="%.3f") for name in names
        },
        alt="Every patch with its label, slide, split, flags and measures",
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        patches.downloads(view, rows, name=job.name)
        download(
            "List for review, CSV",
            lambda: csv_bytes(review_table(view, [int(row) for row in rows])),
            f"review-{job.name}.csv",
            "audit-review-csv",
            icon=":material/rate_review:",
            disabled=not len(rows),
            help=words.REVIEW_LIST,
        )
    counts = {"measures": len(MEASURES), "quality": len(QUALITY), "flags": len(FLAGS)}
    st.caption(words.TABLE.format(**counts))


def _frame(view: AuditView, rows: Rows, names: list[str]) -> pd.DataFrame:
    part: pd.DataFrame = view.patches.iloc[rows]
    columns: dict[str, object] = {
        "Row": part["row"],
        "ID": part["id"],
        "Label": [call_text(str(label)) for label in view.label_words[rows]],
        "Slide": part["slide"].fillna(""),
        "Split": part["split"].fillna(""),
        "Quality": [flags_text(view.flags_of(row)) for row in rows],
        "Unreadable": part["reason"],
    }
    columns |= {measure_text(name): part[name] for name in names}
    frame = pd.DataFrame(columns)
    known = [name for name in frame.columns if not frame[name].isin(["", None]).all()]
    return frame[known]


def _select(rows: list[int]) -> None:
    selected = widgets.selection(_KEY).rows
    if selected and selected[0] < len(rows):
        address.audit_patch.look_at(rows[selected[0]])
