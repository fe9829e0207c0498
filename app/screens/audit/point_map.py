"""All patches as points, on a map; a lasso chooses patches."""

from typing import Any, Final

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from app import charts
from app.charts import audit as audit_charts
from app.screens.audit import patches, words
from app.screens.audit.labels import score_now
from app.screens.shared.parts import chart
from app.state import widgets
from core.audit import FLAGS
from core.audit.browse import AuditView, PatchChoice
from core.audit.store import AuditStore
from core.jobs import Job
from core.settings import Settings

_KEY: Final = "audit-scatter"
_NETWORK: Final = "Network features"
_COLOUR: Final = "Colour and stain"
_LABEL: Final = "Label"
_SCORE: Final = "Score"
_ERROR: Final = "Error"
_MOST_POINTS: Final = 50_000


def map_panel(store: AuditStore, job: Job, view: AuditView, settings: Settings) -> None:
    """Draw the scatter; a box or a lasso chooses patches."""
    maps = _maps(view)
    if _NETWORK not in maps:
        with st.container(horizontal=True, vertical_alignment="center"):
            score_now(store, job, settings, "map")
            st.caption(words.NO_FEATURES)
    if not maps:
        return
    colours = [_LABEL, *[_SCORE, _ERROR] * (view.scores is not None), "Slide", "Split", "Quality"]
    first, second = st.columns(2)
    held: dict[str, Any] = {"persist_state": "session"}
    kind = first.selectbox("Points by", list(maps), key=f"audit-map-kind-{len(maps)}", **held)
    colour = second.selectbox("Colour by", colours, key="audit-map-colour", **held)
    points = maps[kind]
    rows, x, y = points["row"].to_numpy(int), points["x"].to_numpy(), points["y"].to_numpy()
    titles = _axes(points, kind)
    if len(rows) > _MOST_POINTS:
        kept = np.sort(np.random.default_rng(0).permutation(len(rows))[:_MOST_POINTS])
        rows, x, y = rows[kept], x[kept], y[kept]
        st.caption(f"Showing a random sample of {_MOST_POINTS:,} patches.")
    groups = _groups(view, colour)[rows]
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
    st.caption(words.LASSO + words.MAPS.get(kind, ""))


def _maps(view: AuditView) -> dict[str, pd.DataFrame]:
    """Return the points of each map that there is: row, x, y and the shares of the axes."""
    maps = {}
    if view.scores is not None and view.scores["x"].notna().any():
        known = view.scores[view.scores["x"].notna()]
        maps[_NETWORK] = known.assign(row=known.index)
    plain = view.audit.table("embedding")
    if plain is not None:
        maps[_COLOUR] = plain
    return maps


def _axes(points: pd.DataFrame, kind: str) -> tuple[str, str]:
    if not {"share_x", "share_y"} <= set(points.columns):
        return "First axis", "Second axis"
    shares = (float(points[name].iloc[0]) for name in ("share_x", "share_y"))
    first, second = (f"axis ({share:.0%} of the variance)" for share in shares)
    return f"First {first}, PCA of {kind.lower()}", f"Second {second}"


def _groups(view: AuditView, by: str) -> NDArray[np.object_] | NDArray[np.float64]:
    if by == _SCORE and view.scores is not None:
        return view.scores["prob_tumour"].to_numpy(np.float64)
    if by == _ERROR:
        return view.errors
    if by in {"Slide", "Split"}:
        return view.patches[by.lower()].fillna("unknown").to_numpy(object)
    if by == _LABEL:
        return view.label_words
    found = np.full(len(view.flags), "none", dtype=object)
    for name in reversed(FLAGS):
        found[view.flags[name].to_numpy(bool)] = words.FLAGS[name]
    return found


def _select(key: str) -> None:
    rows = tuple(sorted({int(_first(point["customdata"])) for point in widgets.points(key)}))
    patches.show(PatchChoice("rows", "", rows) if rows else PatchChoice())


def _first(cell: object) -> int:
    return int(cell[0]) if isinstance(cell, (list, tuple)) else int(str(cell))
