"""All patches as points, on a map; a lasso chooses patches."""

from typing import Any, Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from app.charts import audit as audit_charts
from app.screens.audit import patches, words
from app.screens.audit.labels import score_now
from app.screens.shared.parts import chart, colours
from core.audit import FLAGS
from core.audit.browse import AuditView, PatchChoice
from core.audit.store import AuditStore
from core.jobs import Job
from core.settings import Settings
from core.wording import percent

_KEY: Final = "audit-scatter"
_LABEL: Final = "Label"
_SCORE: Final = "Score"
_ERROR: Final = "Error"
_COLOURS: Final = (_LABEL, _SCORE, _ERROR, "Slide", "Split", "Quality")
_MOST_POINTS: Final = 50_000


def map_panel(store: AuditStore, job: Job, view: AuditView, settings: Settings) -> None:
    """Draw the scatter; a box or a lasso chooses patches."""
    if view.scores is None or view.scores["x"].isna().all():
        with st.container(horizontal=True, vertical_alignment="center"):
            score_now(store, job, settings, "map", words.DRAW_MAP)
            st.caption(words.NO_FEATURES)
        return
    colour = st.selectbox("Colour by", _COLOURS, key="audit-map-colour", persist_state="session")
    points = view.scores[view.scores["x"].notna()]
    rows, x, y = points.index.to_numpy(int), points["x"].to_numpy(), points["y"].to_numpy()
    first, second = (
        f"axis ({percent(points[share].iloc[0], 0)} of the variance)"
        for share in ("share_x", "share_y")
    )
    titles = f"First {first}, PCA of network features", f"Second {second}"
    if len(rows) > _MOST_POINTS:
        kept = np.sort(np.random.default_rng(0).permutation(len(rows))[:_MOST_POINTS])
        rows, x, y = rows[kept], x[kept], y[kept]
        st.caption(f"Showing a random sample of {_MOST_POINTS:,} patches.")
    groups = _groups(view, colour)[rows]
    chart(
        audit_charts.patch_scatter(x, y, rows, groups, titles=titles, colours=colours()),
        f"{_KEY}-{colour}-{hash(titles)}",
        f"Every patch as a point, coloured by {colour}",
        _select,
        selection_mode=["lasso", "box", "points"],
        config={"displaylogo": False, "modeBarButtonsToRemove": ["autoScale2d"]},
    )
    st.caption(words.LASSO)


def _groups(view: AuditView, by: str) -> NDArray[np.object_] | NDArray[np.float64]:
    if by == _SCORE and view.scores is not None:
        return view.scores["prob_tumour"].to_numpy(np.float64)
    if by == _ERROR:
        return view.errors
    if by in {"Slide", "Split"}:
        return view.patches[by.lower()].fillna("unknown").to_numpy(object)
    if by == _LABEL:
        return view.label_words
    groups = np.full(len(view.flags), "none", dtype=object)
    for name in reversed(FLAGS):
        groups[view.flags[name].to_numpy(bool)] = words.FLAGS[name]
    return groups


def _select(points: list[Any]) -> None:
    rows = tuple(sorted(set(map(_first, points))))
    patches.show(PatchChoice("rows", "", rows) if rows else PatchChoice())


def _first(cell: object) -> int:
    return int(cell[0]) if isinstance(cell, (list, tuple)) else int(str(cell))
