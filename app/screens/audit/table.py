"""The table of everything: the patches that are looked at, with columns to choose."""

from typing import Final

import pandas as pd
import streamlit as st

from app.screens.audit import patches
from app.screens.audit.words import flags_text, label_text, measure_text
from app.state import address, widgets
from core.audit import FLAGS, MEASURES, QUALITY
from core.audit.browse import AuditView, PatchFilter, Rows, choose, csv_bytes, listed, review_table
from core.jobs import Job

_LABELS: Final = {"tumour": 1, "no tumour": 0, "unknown": None}
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
        on_select=lambda: _picked([int(row) for row in rows]),
        selection_mode="single-row",
        column_config={
            measure_text(name): st.column_config.NumberColumn(format="%.3f") for name in names
        },
        alt="Every patch with its label, slide, split, flags and measures",
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        patches.downloads(view, rows, name=job.name)
        st.download_button(
            "List for the review, CSV",
            data=lambda: csv_bytes(review_table(view, [int(row) for row in rows])),
            file_name=f"review-{job.name[:40]}.csv",
            mime="text/csv",
            icon=":material/rate_review:",
            on_click="ignore",
            disabled=not len(rows),
            key="audit-review-csv",
            help="Id, path, SHA-256, label, slide and split of these patches.",
        )
    st.caption(
        f"The downloads hold all {len(MEASURES)} measures, {len(QUALITY)} of them for quality, and "
        f"{len(FLAGS)} quality flags at the limits that are set."
    )


def _frame(view: AuditView, rows: Rows, names: list[str]) -> pd.DataFrame:
    part: pd.DataFrame = view.patches.iloc[rows]
    columns: dict[str, object] = {
        "Row": part["row"],
        "Id": part["id"],
        "Label": [label_text(_LABELS[word]) for word in view.label_words[rows]],
        "Slide": part["slide"].fillna(""),
        "Split": part["split"].fillna(""),
        "Quality": [flags_text(text) for text in view.flag_words[rows]],
        "Not readable": part["reason"],
    }
    columns |= {measure_text(name): part[name] for name in names}
    frame = pd.DataFrame(columns)
    told = [name for name in frame.columns if not frame[name].isin(["", None]).all()]
    return frame[told]


def _picked(rows: list[int]) -> None:
    found = widgets.selection(_KEY).rows
    if found and found[0] < len(rows):
        address.look_at_audit_patch(rows[found[0]])
