"""The patches that are looked at as a table, with measures to choose as its columns."""

from typing import Final

import pandas as pd
import streamlit as st

from app.screens.audit import words
from app.screens.audit.words import flags_text, measure_text
from app.state import address, widgets
from core.audit import FLAGS, MEASURES, QUALITY
from core.audit.browse import AuditView, Rows
from core.wording import call_text

_KEY: Final = "audit-everything"
_FIRST: Final = ("detail_share", "tissue_share", "white_share", "ink_share")


def patch_table(view: AuditView, rows: Rows) -> None:
    """Draw the table; a click on a row looks at its patch."""
    names = st.multiselect(
        "Measures", MEASURES, default=list(_FIRST), format_func=measure_text,
        key="audit-columns", persist_state="session",
    )  # fmt: skip
    part: pd.DataFrame = view.patches.iloc[rows]
    columns: dict[str, object] = {
        "Row": part["row"],
        "ID": part["id"],
        "Label": [call_text(str(label)) for label in view.label_words[rows]],
        "Score": None if view.scores is None else view.scores["prob_tumour"].iloc[rows],
        "Slide": part["slide"].fillna(""),
        "Split": part["split"].fillna(""),
        "Quality": [flags_text(view.flags_of[row]) for row in rows],
        "Unreadable": part["reason"],
    }
    frame = pd.DataFrame(columns | {measure_text(name): part[name] for name in names})
    known = [name for name in frame.columns if not frame[name].isin(["", None]).all()]
    st.dataframe(
        frame[known],
        hide_index=True,
        height=560,
        key=_KEY,
        on_select=lambda: _select([int(row) for row in rows]),
        selection_mode="single-row",
        column_config={
            name: st.column_config.NumberColumn(format="%.3f")
            for name in ("Score", *map(measure_text, names))
        },
        alt="Every patch with its label, score, slide, split, flags and measures",
    )
    counts = {"measures": len(MEASURES), "quality": len(QUALITY), "flags": len(FLAGS)}
    st.caption(words.TABLE.format(**counts))


def _select(rows: list[int]) -> None:
    selected = widgets.selection(_KEY).rows
    if selected and selected[0] < len(rows):
        address.audit_patch.look_at(rows[selected[0]])
