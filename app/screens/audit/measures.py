"""What the measures say: by class, centre against ring, and each alone as a score for the label."""

from typing import Final

import pandas as pd
import streamlit as st

from app import charts, resources
from app.charts import audit as audit_charts
from app.screens.audit import patches
from app.screens.audit.words import measure_text, unit_text
from app.screens.shared.parts import section
from app.state import widgets
from core.audit import CHANNELS, QUALITY, REGIONS
from core.audit.browse import AuditView, Shown

_HISTOGRAM: Final = "audit-histogram"
_DOTS: Final = "audit-dots"
_CONTRASTS: Final = "audit-contrasts"
_FIRST: Final = 15
_KIND: Final = "audit-measure-kind"


def measures_panel(view: AuditView) -> None:
    """Draw distributions, contrasts and associations; a selection in each chooses patches."""
    colours = charts.palette(dark=widgets.is_dark())
    measure = _choice()
    section("Distribution by class", "drag over bars or click one for its patches")
    found = resources.audit_distribution(view, measure)
    if found is None:
        st.caption("No patch has a value.")
    else:
        st.plotly_chart(
            audit_charts.measure_histogram(
                found.edges,
                found.counts,
                title=f"{measure_text(measure).capitalize()} ({unit_text(measure)})",
                colours=colours,
            ),
            theme=None,
            key=f"{_HISTOGRAM}-{measure}",
            on_select=lambda: _picked_bins(measure),
            selection_mode=["points", "box"],
            config={"displayModeBar": False},
            alt=f"Distribution of {measure_text(measure)} in each class",
        )
        outside = f" {found.outside:,} values lie beyond the ends." if found.outside else ""
        st.caption(f"Share of the class in each of {len(found.edges) - 1} bins.{outside}")
    _associations(view, colours)
    _contrasts(view, colours)


def _choice() -> str:
    first, second, third = st.columns(3, vertical_alignment="bottom")
    with first:
        kind = st.selectbox(
            "Measure", ["quality", *CHANNELS], format_func=str.capitalize, key=_KIND,
            persist_state="session",
        )  # fmt: skip
    if kind == "quality":
        with second:
            return st.selectbox(
                "Which", list(QUALITY), format_func=measure_text, key="audit-measure-quality",
                help="\n\n".join(f"{measure_text(name)}: {said}" for name, said in QUALITY.items()),
                persist_state="session",
            )  # fmt: skip
    with second:
        region = st.selectbox("Region", REGIONS, key="audit-measure-region",
                              persist_state="session")  # fmt: skip
    with third:
        moments = ["mean"] if kind == "hue" else ["mean", "sd"]
        moment = st.selectbox("Of its pixels", moments, key="audit-measure-moment",
                              format_func=str.upper if kind == "sd" else str)  # fmt: skip
    return f"{region}_{kind}_{moment}"


def _picked_bins(measure: str) -> None:
    points = widgets.points(f"{_HISTOGRAM}-{measure}")
    parts = [
        f"{label}:{low!r}:{high!r}" for label, low, high, _ in (p["customdata"] for p in points)
    ]
    patches.show(Shown("bins", "|".join([measure, *parts])) if parts else Shown())


def _associations(view: AuditView, colours: charts.Palette) -> None:
    section("What one plain measure tells about the label", "click a point for its patches")
    table = _table_or_reason(view, view.audit.associations, "labels of both classes")
    if table is None:
        return
    whole = st.toggle(f"Show all {len(table)} measures", key="audit-all-measures")
    shown = table if whole else table.head(_FIRST)
    st.plotly_chart(
        audit_charts.association_dots(shown, measure_text, colours=colours),
        theme=None,
        key=f"{_DOTS}-{len(shown)}",
        on_select=lambda: _picked_dot(f"{_DOTS}-{len(shown)}"),
        selection_mode="points",
        config={"displayModeBar": False},
        alt="AUROC of each measure alone, with 95 % intervals",
    )
    slides = int(table["slides"].max())
    how = (
        f"Intervals resample {slides} slides; patches of unknown slide are left out."
        if slides
        else "Intervals take patches as independent, because slides are unknown; they are too "
        "narrow."
    )
    st.caption(
        "Below 0.5 a low value speaks for tumour. A model that reaches no more than the best of "
        f"these may have learned nothing else. {how}"
    )
    probes = view.audit.probes
    if probes is not None and len(probes):
        _probes(probes)


def _probes(probes: pd.DataFrame) -> None:
    """Draw what trivial models reach, where they reach anything."""
    section("What a trivial model tells", "logistic regression on plain colours, out of fold")
    shown = pd.DataFrame(
        {
            "Tells": probes["told"],
            "From the": probes["seen"],
            "Score": probes["score"],
            "Guessing": probes["chance"],
            "Measure": probes["measure"],
            "Patches": probes["patches"],
            "Folds": probes["folds"],
            "Note": probes["note"],
        }
    )
    st.dataframe(
        shown,
        hide_index=True,
        column_config={
            name: st.column_config.NumberColumn(format="%.3f") for name in ("Score", "Guessing")
        },
        key="audit-probes",
    )
    st.caption(
        "Tumour in the centre often reaches the ring, so a label told from the ring is no error "
        "by itself. A slide told far above guessing means that stain can stand in for it."
    )


def _picked_dot(key: str) -> None:
    points = widgets.points(key)
    if points:
        patches.show(Shown("measure", str(points[0]["customdata"][0])))


def _contrasts(view: AuditView, colours: charts.Palette) -> None:
    section("Centre against ring", "click a point for the patches that differ most")
    table = _table_or_reason(view, view.audit.contrasts, "labels")
    if table is None:
        return
    st.plotly_chart(
        audit_charts.contrast_dots(table, colours=colours),
        theme=None,
        key=_CONTRASTS,
        on_select=_picked_contrast,
        selection_mode="points",
        config={"displayModeBar": False},
        alt="Mean difference between centre and ring of each channel and class, with intervals",
    )
    st.caption(
        "The label answers for the centre 32 × 32 only; the ring is what is around it. Intervals "
        "(95 %) are over slides where at least two are known."
    )


def _picked_contrast() -> None:
    points = widgets.points(_CONTRASTS)
    if points:
        channel, label = points[0]["customdata"]
        patches.show(Shown("contrast", f"{channel}|{label}"))


def _table_or_reason(
    view: AuditView, table: pd.DataFrame | None, needs: str
) -> pd.DataFrame | None:
    """Return a table of the statistics step that has rows, else say why there is none."""
    if table is None:
        reason = view.audit.progress.skipped.get("statistics", "this step is not done yet")
        st.caption(f"Not there: {reason}.")
        return None
    if table.empty:
        st.caption(f"It needs {needs}.")
        return None
    return table
