"""All patches as points, on the map or by two measures; a lasso chooses patches."""

from typing import Final

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from app import charts
from app.charts import audit as audit_charts
from app.screens.audit import patches, words
from app.screens.audit.words import measure_text, unit_text
from app.screens.shared.parts import chart
from app.state import widgets
from core.audit import FLAGS, MEASURES
from core.audit.browse import AuditView, PatchChoice

_KEY: Final = "audit-scatter"
_MAP: Final = "Map of patches"
_TWO: Final = "Two measures"
_COLOURS: Final = {"Label": "label", "Slide": "slide", "Split": "split", "Quality": "flag"}
_MOST_POINTS: Final = 50_000


def map_panel(view: AuditView) -> None:
    """Draw the scatter; box, lasso or click choose patches."""
    embedding = view.audit.table("embedding")
    has_map = embedding is not None and {"row", "x", "y"} <= set(embedding.columns)
    first, second = st.columns([1, 1], vertical_alignment="bottom")
    with first:
        kind = st.segmented_control(
            "Points by", [_MAP, _TWO] if has_map else [_TWO], default=_MAP if has_map else _TWO,
            required=True, key="audit-map-kind", persist_state="session",
        )  # fmt: skip
    with second:
        colour = st.segmented_control(
            "Colour by", list(_COLOURS), default="Label", required=True, key="audit-map-colour",
            persist_state="session",
        )  # fmt: skip
    if not has_map:
        reason = view.audit.progress.why_not("embedding", words.NOT_YET)
        st.caption(words.NO_MAP.format(reason=reason))
    if kind == _MAP and embedding is not None and has_map:
        rows = embedding["row"].to_numpy(np.int64)
        x, y = embedding["x"].to_numpy(float), embedding["y"].to_numpy(float)
        titles = _axes(embedding)
    else:
        names = _two_measures()
        values = view.patches[list(names)].to_numpy(np.float64)
        rows = np.flatnonzero(np.isfinite(values).all(axis=1))
        x, y = values[rows].T
        titles = (_title(names[0]), _title(names[1]))
    if len(rows) > _MOST_POINTS:
        kept = np.sort(np.random.default_rng(0).permutation(len(rows))[:_MOST_POINTS])
        rows, x, y = rows[kept], x[kept], y[kept]
        st.caption(f"Showing a random sample of {_MOST_POINTS:,} patches.")
    groups = _groups(view, _COLOURS[str(colour or "Label")])[rows]
    key = f"{_KEY}-{kind}-{colour}-{hash(titles)}"
    chart(
        audit_charts.patch_scatter(
            x, y, rows, groups, titles=titles, colours=charts.palette(dark=widgets.is_dark())
        ),
        key,
        f"Every patch as a point, coloured by {colour}",
        on_select=lambda: _select(key),
        selection_mode=["lasso", "box", "points"],
        config={"displaylogo": False, "modeBarButtonsToRemove": ["autoScale2d"]},
    )
    st.caption(words.LASSO + (words.MAP if kind == _MAP else ""))


def _axes(embedding: pd.DataFrame) -> tuple[str, str]:
    if not {"share_x", "share_y", "method"} <= set(embedding.columns):
        return "First axis", "Second axis"
    first = embedding.iloc[0]
    axes = [
        f"{name} axis" + ("" if np.isnan(share) else f" ({share:.0%} of the variance)")
        for name, share in (("First", first["share_x"]), ("Second", first["share_y"]))
    ]
    return f"{axes[0]}, {first['method']}", axes[1]


def _two_measures() -> tuple[str, str]:
    first, second = st.columns(2)
    with first:
        x = st.selectbox(
            "Across", MEASURES, index=MEASURES.index("whole_haematoxylin_mean"),
            format_func=measure_text, key="audit-map-x", persist_state="session",
        )  # fmt: skip
    with second:
        y = st.selectbox(
            "Up", MEASURES, index=MEASURES.index("whole_eosin_mean"),
            format_func=measure_text, key="audit-map-y", persist_state="session",
        )  # fmt: skip
    return x, y


def _title(measure: str) -> str:
    return f"{measure_text(measure).capitalize()} ({unit_text(measure)})"


def _groups(view: AuditView, by: str) -> NDArray[np.object_]:
    if by == "label":
        return view.label_words
    if by in {"slide", "split"}:
        return view.patches[by].fillna("unknown").to_numpy(object)
    found = np.full(len(view.flags), "none", dtype=object)
    for name in reversed(FLAGS):
        found[view.flags[name].to_numpy(bool)] = words.FLAGS[name]
    return found


def _select(key: str) -> None:
    rows = tuple(sorted({int(_first(point["customdata"])) for point in widgets.points(key)}))
    patches.show(PatchChoice("rows", "", rows) if rows else PatchChoice())


def _first(cell: object) -> int:
    return int(cell[0]) if isinstance(cell, (list, tuple)) else int(str(cell))
