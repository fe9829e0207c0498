"""Classes, slides and splits: how many patches, how many of them tumour, leaks."""

from collections.abc import Hashable
from functools import partial
from typing import Any, Final

import pandas as pd
import streamlit as st

from app import charts
from app.charts import audit as audit_charts
from app.screens.audit import patches, words
from app.screens.shared.parts import chart, empty, plain, section
from app.state import widgets
from core.audit.browse import AuditView, PatchChoice

_MOST_LEAKS: Final = 30


def balance_panel(view: AuditView) -> None:
    """Draw slides and splits; a click on a bar chooses its patches."""
    balance = view.audit.table("balance")
    if balance is None:
        empty(*words.BALANCE_NOT_YET)
        return
    colours = charts.palette(dark=widgets.is_dark())
    for by, title in (("split", "Splits"), ("slide", "Slides")):
        table = balance[balance["by"] == by]
        section(title, f"{len(table):,}; click a bar to see its patches" if len(table) else "")
        if not len(table):
            st.caption(f"No {by} is known for any patch.")
            continue
        if by == "slide":
            _slide_notes(table, view)
        chart(
            audit_charts.group_bars(table, colours=colours, name=title[:-1]),
            f"audit-{by}-chart",
            f"Patches of each {by}, stacked by label",
            on_select=partial(_select, by),
            selection_mode="points",
        )
        st.dataframe(
            _table(table, slides=by == "slide"),
            hide_index=True,
            height=min(36 + 35 * len(table), 320),
            column_config={
                "Tumour share": st.column_config.ProgressColumn(
                    format="percent", min_value=0, max_value=1
                )
            },
            key=f"audit-table-{by}",
        )
    _leaks(view)


def _slide_notes(table: pd.DataFrame, view: AuditView) -> None:
    unknown = int(view.patches["slide"].isna().sum())
    one_class = int(((table["positives"] == 0) | (table["positives"] == table["labelled"])).sum())
    note = f"{one_class} of {len(table)} slides have patches of one class only."
    if unknown:
        note += f" {unknown:,} patches have no slide ID and are not shown in the bars."
    st.caption(note)


def _table(table: pd.DataFrame, *, slides: bool) -> pd.DataFrame:
    shown = table.sort_values("patches", ascending=False)
    columns = {
        "Slide" if slides else "Split": shown["name"],
        "Patches": shown["patches"],
        "Tumour": shown["positives"],
        "Tumour share": shown["prevalence"],
        "Unreadable": shown["patches"] - shown["readable"],
    }
    if slides:
        columns["In splits"] = shown["splits"]
    return pd.DataFrame(columns)


def _select(kind: str) -> None:
    points = widgets.points(f"audit-{kind}-chart")
    names = sorted({str(point["customdata"][0]) for point in points})
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
    st.markdown("\n".join(f"- {plain(_leak_text(row))}" for row in _leak_rows(splits)))
    stained = splits[splits["kind"] == "slide-stain"].head(8)
    if len(stained):
        names = ", ".join(
            f"{row['a']} ({row['distance']:.1f})" for row in stained.to_dict("records")
        )
        st.caption(words.STAIN.format(names=names))


def _leak_rows(splits: pd.DataFrame) -> list[dict[Hashable, Any]]:
    order = ("touched", "common-slide", "crossing", "split-stain")
    rows = splits[splits["kind"].isin(order)].to_dict("records")
    return sorted(rows, key=lambda row: order.index(row["kind"]))[:_MOST_LEAKS]


def _leak_text(row: dict[Hashable, Any]) -> str:
    """Return a row of `splits` as a sentence."""
    kind = row["kind"]
    if kind == "touched":
        return (
            f"{row['a']}: {row['count']:,.0f} of {row['of']:,.0f} patches have related patches "
            "in another split."
        )
    if kind == "common-slide":
        return f"Slide {row['a']} is in several splits: {row['detail']}."
    if kind == "crossing":
        relation = words.KINDS.get(str(row["detail"]), row["detail"])
        return f"{row['a']} and {row['b']}: {row['count']:,.0f} pairs, {relation}."
    return f"{row['a']} and {row['b']}: mean stains are {row['distance']:.2f} SD apart."
