"""Related patches side by side: duplicates, turned copies, overlaps; conflicts first."""

from collections.abc import Iterable
from functools import partial
from typing import Any, Final

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from app.screens.audit import words
from app.screens.audit.patches import source_or_none
from app.screens.audit.tiles import card, tile, tiles
from app.screens.audit.words import KINDS, orientation_text
from app.screens.shared.downloads import download
from app.screens.shared.pager import page_of, pager
from app.screens.shared.parts import Stat, empty, stat_strip
from app.state import widgets
from core.audit.browse import AuditView, csv_bytes
from core.audit.store import AuditStore
from core.jobs import Job
from core.patches import PATCH_SIZE_PX, PatchSource

Mask = NDArray[np.bool_]
_A_PAGE: Final = 12
_PAGE_KEY: Final = "pairs-page"
KINDS_KEY: Final = "pairs-kinds"
ONLY_KEY: Final = "pairs-only"
_CONFLICT: Final = "different labels"
_SPLITS: Final = "across splits"
_SLIDES: Final = "across slides"
FILTERS: Final[dict[str, tuple[list[str], list[str]]]] = {
    **{kind: ([kind], []) for kind in KINDS},
    "related-across-splits": ([], [_SPLITS]),
    "split-touched": ([], [_SPLITS]),
    "copy-with-other-label": ([kind for kind in KINDS if kind != "overlap"], [_CONFLICT]),
    "overlap-with-other-label": (["overlap"], [_CONFLICT]),
}
"""Kinds and crossings that show the pairs of a finding."""
_CROSSINGS: Final = {
    _CONFLICT: "label_conflict",
    _SPLITS: "across_splits",
    _SLIDES: "across_slides",
}


def pairs_panel(store: AuditStore, job: Job, view: AuditView) -> None:
    """Draw the pairs of related patches."""
    pairs = view.audit.table("pairs")
    if pairs is None:
        reason = view.audit.progress.why_not("relations", words.NOT_YET)
        empty(words.RELATIONS_SKIPPED, f"Reason: {reason}.")
        return
    if not len(pairs):
        empty(*words.NO_PAIRS)
        return
    crossings = {name: _true(pairs, column) for name, column in _CROSSINGS.items()}
    stat_strip(
        Stat("Pairs", f"{len(pairs):,}", "each confirmed pixel by pixel"),
        Stat("With different labels", f"{int(crossings[_CONFLICT].sum()):,}"),
        Stat("Across two splits", f"{int(crossings[_SPLITS].sum()):,}"),
        Stat("Across two slides", f"{int(crossings[_SLIDES].sum()):,}"),
    )
    order = _filtered(pairs, crossings, view.job_id)
    if not len(order):
        empty(words.NO_PAIR_MATCH)
        return
    page = page_of(len(order), _A_PAGE, key=_PAGE_KEY)
    source = source_or_none(store, job)
    cards = [_card(view, source, pairs.iloc[place]) for place in order[page.part]]
    tiles(cards, key="audit-pairs", side=192)
    with st.container(horizontal=True, vertical_alignment="center"):
        pager(page, "pairs")
        download(
            "These pairs as CSV",
            partial(_csv, view, order),
            f"pairs-{job.name}.csv",
            "audit-pairs-csv",
        )
    st.caption(words.PAIRS)


def show_pairs(view: AuditView, kinds: list[str], only: list[str]) -> None:
    """Set the filters, so that these pairs are shown."""
    pairs = view.audit.table("pairs")
    present = set() if pairs is None else set(pairs["kind"].astype(str))
    widgets.choose(f"{KINDS_KEY}-{view.job_id}", [kind for kind in kinds if kind in present])
    widgets.choose(f"{ONLY_KEY}-{view.job_id}", only)
    widgets.choose(_PAGE_KEY, 1)


def _filtered(pairs: pd.DataFrame, crossings: dict[str, Mask], job_id: str) -> NDArray[np.int64]:
    """Draw the filters and return the positions of the pairs that pass, the worst first."""
    kinds = pairs["kind"].astype(str).to_numpy()
    present = [kind for kind in KINDS if (kinds == kind).any()]
    counts = {kind: int((kinds == kind).sum()) for kind in present}
    counts |= {name: int(crossing.sum()) for name, crossing in crossings.items() if crossing.any()}

    def pills(title: str, options: Iterable[str], key: str) -> list[str]:
        shown = [name for name in options if name in counts]
        return (
            st.pills(
                title,
                shown,
                selection_mode="multi",
                format_func=lambda name: f"{KINDS.get(name, name)}  {counts[name]:,}",
                key=f"{key}-{job_id}",
                persist_state="session",
            )
            if shown
            else []
        )

    first, second = st.columns(2)
    with first:
        of_kind = pills("Kind", present, KINDS_KEY)
    with second:
        only = pills("Only", crossings, ONLY_KEY)
    chosen = np.isin(kinds, of_kind) if of_kind else np.ones(len(pairs), bool)
    for name in only:
        chosen &= crossings[name]
    rank = pd.Series(kinds).map({kind: place for place, kind in enumerate(KINDS)}).fillna(9)
    order = np.lexsort((rank.to_numpy(), ~crossings[_SPLITS], ~crossings[_CONFLICT]))
    passing: NDArray[np.int64] = order[chosen[order]]
    return passing


def _true(pairs: pd.DataFrame, column: str) -> Mask:
    return pairs[column].astype("boolean").fillna(value=False).to_numpy(bool)


def _card(view: AuditView, source: PatchSource | None, pair: pd.Series) -> dict[str, Any]:
    shift_x, shift_y = int(pair["shift_x_px"]), int(pair["shift_y_px"])
    orientation = int(pair["orientation"])
    moved = bool(shift_x or shift_y)
    left = tile(view, source, int(pair["row_a"]), region=_region(shift_x, shift_y) if moved else ())
    right = tile(
        view,
        source,
        int(pair["row_b"]),
        orientation=orientation,
        region=_region(-shift_x, -shift_y) if moved else (),
    )
    marks = [
        name
        for name, column in _CROSSINGS.items()
        if not pd.isna(pair[column]) and bool(pair[column])
    ]
    kind = KINDS.get(str(pair["kind"]), str(pair["kind"])).capitalize()
    where = orientation_text(orientation, shift_x, shift_y)
    line = " · ".join([where, f"correlation {pair['score']:.3f}", *marks])
    return card(left, right, title=("✖ " if _CONFLICT in marks else "") + kind, words=line)


def _region(shift_x: int, shift_y: int) -> tuple[float, ...]:
    """Return what a patch shares with one whose corner lies at a shift, in per cent of its side."""
    size = PATCH_SIZE_PX
    left, top = max(shift_x, 0), max(shift_y, 0)
    right, bottom = min(shift_x, 0) + size, min(shift_y, 0) + size
    if right <= left or bottom <= top:
        return ()
    return tuple(100 * part / size for part in (left, top, right - left, bottom - top))


def _csv(view: AuditView, order: NDArray[np.int64]) -> bytes:
    pairs = view.audit.table("pairs")
    if pairs is None:
        return b""
    shown = pairs.iloc[order]
    known = view.patches[["id", "label", "slide", "split"]]
    for side in ("a", "b"):
        shown = shown.join(known.add_suffix(f"_{side}"), on=f"row_{side}")
    return csv_bytes(shown)
