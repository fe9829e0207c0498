"""Classes, slides and splits: how many patches, how many of them tumour, leaks."""

from functools import partial
from typing import Any, Final

import pandas as pd
import streamlit as st

from app.charts import audit as audit_charts
from app.screens.audit import patches, words
from app.screens.shared.parts import chart, colours, empty, section
from core.audit.browse import AuditView, PatchChoice
from core.wording import agreeing

_MOST_LEAKS: Final = 30


def balance_panel(view: AuditView) -> None:
    """Draw slides and splits; a click on a bar chooses its patches."""
    balance = view.audit.table("balance")
    if balance is None:
        empty(*words.BALANCE_NOT_YET)
        return
    for by, title in (("split", "Splits"), ("slide", "Slides")):
        table = balance[balance["by"] == by]
        section(title, f"{len(table):,}; click a bar to see its patches" if len(table) else "")
        if not len(table):
            st.caption(f"No {by} is known for any patch.")
            continue
        if by == "slide":
            _slide_notes(table, view)
        chart(
            audit_charts.group_bars(table, colours=colours(), name=title[:-1]),
            f"audit-{by}-chart",
            f"Patches of each {by}, stacked by label",
            partial(_select, by),
        )
    _leaks(view)


def _slide_notes(table: pd.DataFrame, view: AuditView) -> None:
    unknown = int(view.patches["slide"].isna().sum())
    one_class = int(((table["positives"] == 0) | (table["positives"] == table["labelled"])).sum())
    note = agreeing(
        f"{one_class} of {len(table)} slides [has|have] patches of one class only.", one_class
    )
    if unknown:
        note += agreeing(
            f" {unknown:,} [patch has|patches have] no slide ID and [is|are] not in the bars.",
            unknown,
        )
    st.caption(note)


def _select(kind: str, bars: list[Any]) -> None:
    names = sorted({str(name) for name, _ in bars})
    patches.show(PatchChoice(kind, "|".join(names)) if names else PatchChoice())


def _leaks(view: AuditView) -> None:
    """Draw what is known of leaks between splits."""
    splits = view.audit.table("splits")
    section("Leaks between splits")
    if splits is None:
        st.caption(f"Not checked: {view.audit.progress.why_not('splits', words.NOT_YET)}.")
        return
    if not len(splits):
        st.caption("None found.")
        return
    shown = splits[splits["kind"].isin(words.LEAKS)].head(_MOST_LEAKS)
    details = shown["detail"].fillna("").astype(str)
    between = [
        f"{a} and {b}" if isinstance(b, str) else a
        for a, b in zip(shown["a"], shown["b"], strict=True)
    ]
    frame = pd.DataFrame(
        {
            "What": shown["kind"].map(words.LEAKS),
            "Where": between,
            "Relation": [words.KINDS.get(detail, detail) for detail in details],
            "Number": shown["count"],
            "Of": shown["of"],
            "SD apart": shown["distance"],
        }
    ).dropna(axis=1, how="all")
    st.dataframe(frame, hide_index=True, key="audit-leaks", column_config={
        "SD apart": st.column_config.NumberColumn(format="%.2f")
    })  # fmt: skip
    stained = splits[splits["kind"] == "slide-stain"].head(8)
    if len(stained):
        names = ", ".join(
            f"{row['a']} ({row['distance']:.1f})" for row in stained.to_dict("records")
        )
        st.caption(words.STAIN.format(names=names))
