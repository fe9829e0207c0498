"""The patches of an audit that are looked at: what they are, filters, order, pages of tiles."""

from collections.abc import Callable
from functools import partial
from typing import Final

import pandas as pd
import streamlit as st

from app import resources, state
from app.audited import (
    AuditView,
    Chosen,
    Order,
    PatchFilter,
    Rows,
    Shown,
    choose,
    csv_bytes,
    exported,
    listed,
    parquet_bytes,
)
from app.components.audit_tiles import Card, tile, tiles
from app.components.audit_words import FLAGS, flags_text, measure_text
from app.components.parts import plain
from core.audit import FLAGS as FLAG_NAMES
from core.audit import MEASURES
from core.errors import NodelensError
from core.jobs import AuditStore, Job
from core.patches import PatchSource

_SIZES: Final = {"Small": 96, "Medium": 192, "Large": 288}
_TILES: Final = {96: 60, 192: 36, 288: 16}
_TILES_BESIDE: Final = 36
_PAGE: Final = "show-page"
Make = Callable[[pd.DataFrame], bytes]


def shown_now() -> Shown:
    """Return what is looked at."""
    text, rows = state.audit_shown()
    return Shown("rows", "Selected in the chart", rows) if rows else Shown.parse(text)


def show(shown: Shown) -> None:
    """Look at other patches."""
    state.show_in_audit(None if shown.kind in {"all", "rows"} else str(shown), shown.rows)


def show_all() -> None:
    """Look at all patches."""
    show(Shown())


def source_or_none(store: AuditStore, job: Job) -> PatchSource | None:
    """Return the audited patches, or say why there are no pictures."""
    try:
        return resources.audit_source(store, job)
    except NodelensError as error:
        st.caption(f"No pictures: {error}")
        return None


def patches_beside(store: AuditStore, job: Job, view: AuditView) -> None:
    """Draw the patches that are looked at in a narrow place."""
    chosen = choose(view, shown_now())
    headline(chosen)
    order = st.pills(
        "Order",
        [Order.AS_FOUND, Order.RANDOM],
        format_func=str,
        default=Order.AS_FOUND,
        required=True,
        key="audit-order-beside",
        label_visibility="collapsed",
    )
    rows = listed(view, chosen, PatchFilter(order=order or Order.AS_FOUND))
    _page(store, job, view, chosen, rows, side=96, a_page=_TILES_BESIDE)


def patches_alone(store: AuditStore, job: Job, view: AuditView) -> None:
    """Draw the patches that are looked at with filters, order, size and downloads."""
    chosen = choose(view, shown_now())
    headline(chosen)
    wanted = _filters(view)
    rows = listed(view, chosen, wanted)
    side = _SIZES[str(state.chosen("audit-size", "Medium"))]
    measure = wanted.measure if wanted.order in {Order.HIGHEST, Order.LOWEST} else chosen.measure
    shown = Chosen(chosen.rows, chosen.sentence, measure)
    _page(store, job, view, shown, rows, side=side, a_page=_TILES[side])
    with st.container(horizontal=True, vertical_alignment="center"):
        st.segmented_control(
            "Size",
            list(_SIZES),
            default="Medium",
            required=True,
            key="audit-size",
            persist_state="session",
            label_visibility="collapsed",
        )
        downloads(view, rows, name=job.name)


def downloads(view: AuditView, rows: Rows, *, name: str) -> None:
    """Draw the downloads of rows; each file is made when it is asked for."""
    for label, suffix, make in (("CSV", "csv", csv_bytes), ("Parquet", "parquet", parquet_bytes)):
        st.download_button(
            f"{label}, {len(rows):,} rows",
            data=partial(_file, make, view, rows),
            file_name=f"audit-{name[:40]}.{suffix}",
            mime="application/octet-stream",
            icon=":material/download:",
            on_click="ignore",
            disabled=not len(rows),
            key=f"audit-rows-{suffix}",
        )


def _file(make: Make, view: AuditView, rows: Rows) -> bytes:
    return make(exported(view, rows))


def headline(chosen: Chosen) -> None:
    """Draw what is looked at and how many, with the way back to all."""
    sentence = _in_words(chosen.sentence)
    some = f"the first {len(chosen.rows):,} of {chosen.of:,}"
    count = some if chosen.of > len(chosen.rows) else f"{len(chosen.rows):,}"
    with st.container(horizontal=True, vertical_alignment="center", key="nl-audit-shown"):
        st.markdown(f"**{plain(sentence)}** · {count} {'patch' * (count == '1') or 'patches'}")
        if shown_now() != Shown():
            st.button("Show all", icon=":material/close:", on_click=show_all, key="audit-show-all")


def _in_words(sentence: str) -> str:
    """Return a sentence with measures as they are called on the page."""
    first, *rest = sentence.split(" ")
    if first in MEASURES:
        return " ".join([measure_text(first).capitalize(), *rest])
    return " ".join(measure_text(word) if word in MEASURES else word for word in (first, *rest))


def _filters(view: AuditView) -> PatchFilter:
    first, second, third = st.columns([1.2, 1, 1], vertical_alignment="bottom")
    with first:
        text = st.text_input(
            "Find in id, path or slide", icon=":material/search:", key="audit-text",
            persist_state="session",
        )  # fmt: skip
    with second:
        order = st.selectbox("Order", list(Order), format_func=str, key="audit-order",
                             persist_state="session")  # fmt: skip
    with third:
        measure, seed = "detail_share", 0
        if order in {Order.HIGHEST, Order.LOWEST}:
            measure = st.selectbox(
                "Measure", MEASURES, format_func=measure_text, key="audit-order-measure",
                persist_state="session",
            )  # fmt: skip
        elif order is Order.RANDOM:
            seed = int(str(state.chosen("audit-seed", 0)))
            st.button("Draw others", icon=":material/casino:", key="audit-draw", on_click=_redraw)
    labels = _pills("Label", list(pd.unique(view.label_words)), "audit-labels")
    splits = _pills("Split", view.splits, "audit-splits") if len(view.splits) > 1 else []
    counts = view.flags.sum()
    flagged = [name for name in FLAG_NAMES if counts.get(name, 0)]
    flags = _pills("Quality", flagged, "audit-flags") if flagged else []
    return PatchFilter(
        frozenset(labels),
        frozenset(splits),
        frozenset(flags),
        (text or "").strip(),
        order or Order.AS_FOUND,
        measure or "detail_share",
        seed,
    )


def _redraw() -> None:
    state.choose("audit-seed", int(str(state.chosen("audit-seed", 0))) + 1)


def _pills(label: str, options: list[str], key: str) -> list[str]:
    return st.pills(
        label,
        options,
        selection_mode="multi",
        format_func=lambda name: FLAGS.get(name, name),
        key=key,
        persist_state="session",
    )


def _page(
    store: AuditStore,
    job: Job,
    view: AuditView,
    chosen: Chosen,
    rows: Rows,
    *,
    side: int,
    a_page: int,
) -> None:
    if not len(rows):
        st.html('<div class="nl-empty"><b>No patch.</b> None passes these filters.</div>')
        return
    pages = -(-len(rows) // a_page)
    page = min(int(str(state.chosen(_PAGE, 1) or 1)), pages)
    shown = rows[(page - 1) * a_page : page * a_page]
    source = source_or_none(store, job)
    cards = [
        Card((tile(view, source, int(row), why=_why(view, int(row), chosen.measure)),))
        for row in shown
    ]
    tiles(cards, key="audit-tiles", side=side)
    with st.container(horizontal=True, vertical_alignment="center"):
        first = (page - 1) * a_page + 1
        st.caption(f"{first:,} to {first + len(shown) - 1:,} of {len(rows):,}")
        if pages > 1:
            st.pagination(pages, key=_PAGE, max_visible_pages=5)


def _why(view: AuditView, row: int, measure: str) -> str:
    said = []
    if measure:
        said.append(f"{measure_text(measure)} {view.patches[measure].iloc[row]:.3g}")
    if view.flag_words[row]:
        said.append(flags_text(str(view.flag_words[row])))
    return " · ".join(said)
