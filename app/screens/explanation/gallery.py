"""Many patches with their maps, sorted by a measure; a click looks at one."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from html import escape
from typing import Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.screens.explanation.choice import (
    clear_filters,
    filter_key,
    filters_in_force,
    order_in_force,
    order_key,
    way_in_words,
)
from app.screens.explanation.look import Look, Scale, scale_bar
from app.screens.explanation.tiles import Tiles
from app.screens.explanation.words import NOT_A_FINDING, target_words
from app.screens.shared.parts import show_problem
from app.state import widgets
from core.errors import NodelensError
from core.explanation import (
    ExplanationRow,
    Measurement,
    OverlayStyle,
    table_csv,
)
from core.explanation.cam import unit_of
from core.explanation.explained import ExplainedPatches, PatchCollection, list_rows, zipped
from core.explanation.listing import (
    FILTERS,
    NEED_MAPS,
    NEED_TESTS,
    ORDERS,
    is_tested,
    listed,
)

_TILES: Final = 24
_SCORES_PASS: Final = 16
_MAPS_PASS: Final = 2
_MOST_MADE_FOR_ZIP: Final = 48
_EXPORT_ZOOM: Final = 3


def explain_all(known: ExplainedPatches, collection: PatchCollection) -> None:
    """Explain what is not explained yet, pass by pass, with progress."""
    place = st.empty()
    missing = known.missing(collection.positions)
    if not missing:
        return
    total = len(collection.positions)
    bar = place.progress(1 - len(missing) / total, _so_far("Explained", len(missing), total))
    try:
        while missing:
            known.measure(collection.source, missing[:_SCORES_PASS], Measurement())
            missing = known.missing(collection.positions)
            bar.progress(1 - len(missing) / total, _so_far("Explained", len(missing), total))
    except NodelensError as error:
        show_problem(error)
    bar.empty()


def _so_far(done: str, left: int, total: int) -> str:
    return f"{done} {total - left:,} of {total:,} patches"


def gallery(
    shown: ExplainedPatches,
    scored: ExplainedPatches,
    collection: PatchCollection,
    look: Look,
    scale: Scale,
) -> None:
    """Draw the list's controls, its tiles and its downloads; maps come when they are made.

    Args:
        shown: Whose maps the tiles show.
        scored: What has scored all patches; may be the same.
        collection: The patches.
        look: How maps are drawn.
        scale: What value gets the full colour.
    """
    rows = list_rows(shown, scored, collection.positions)
    _list_controls(collection, rows)
    pressed = _wants_tests(shown, scored, collection)
    place = st.empty()
    tiles = _list(shown, collection, rows, look, scale)
    if pressed:  # last, so that the tiles stay on the page and can be clicked meanwhile
        _test_all(shown, collection, place)
    else:
        _make_maps(shown, collection, tiles, place)


def _list(
    shown: ExplainedPatches,
    collection: PatchCollection,
    rows: dict[int, ExplanationRow],
    look: Look,
    scale: Scale,
) -> Tiles:
    order = order_in_force(collection)
    positions, page, on_page = _on_page(collection, rows)
    tiles = Tiles(shown, collection, order, look.style, scale.value)
    if not positions:
        _no_match(collection, rows)
        return tiles
    st.html(_legend(shown, scale, look.style))
    with st.container(horizontal=True, key="nl-tiles"):
        for position in on_page:
            tiles.draw(position, rows[position])
    with st.container(horizontal=True, vertical_alignment="center"):
        first = (page - 1) * _TILES + 1
        st.caption(f"{first:,} to {first + len(on_page) - 1:,} of {len(positions):,}")
        if len(positions) > _TILES:
            pages = -(-len(positions) // _TILES)
            st.pagination(pages, key=_page_key(collection), max_visible_pages=5)
        _downloads(shown, collection, positions, rows=rows, style=look.style, scale=scale.value)
    return tiles


def _downloads(
    shown: ExplainedPatches,
    collection: PatchCollection,
    positions: Sequence[int],
    *,
    rows: dict[int, ExplanationRow],
    style: OverlayStyle,
    scale: float | None,
) -> None:
    st.download_button(
        "This list as CSV",
        data=partial(table_csv, [rows[at] for at in positions]),
        file_name=f"explanations-{collection.key[:8]}.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        key="explain-list-csv",
        help="Measures that were not made are empty.",
    )
    waiting = len(shown.missing(positions)) + len(shown.untested_maps(positions))
    many = waiting > _MOST_MADE_FOR_ZIP
    st.download_button(
        "Pictures and table as ZIP",
        data=partial(
            zipped,
            shown,
            collection,
            positions,
            scale=scale,
            style=replace(style, zoom=_EXPORT_ZOOM),
        ),
        file_name=f"explanations-{collection.key[:8]}.zip",
        mime="application/zip",
        icon=":material/folder_zip:",
        on_click="ignore",
        key="explain-list-zip",
        disabled=many,
        help=f"{waiting:,} maps of this list are not made or not tested yet. Measure the patches "
        "first, with the button above."
        if many
        else "Patch beside map for each patch of this list, with its scale and whether the map "
        "passed its test. Maps that are not there yet are made first.",
    )


def _legend(shown: ExplainedPatches, scale: Scale, style: OverlayStyle) -> str:
    explainer = shown.explainer
    most = "" if scale.value is None else f"{scale.value:.2f}"
    bar = scale_bar(explainer.target, unit_of(explainer.method), most, scale.words, style)
    point = explainer.classifier.operating_point.threshold
    return (
        f'<div class="nl-legend">{bar}<ul><li>{escape(way_in_words(explainer))}, for '
        f"{target_words(explainer.target)}.</li>"
        f"<li>▲ called tumour from {point:.3f} on, ▽ below.</li>"
        f"<li>The box is the centre 32 × 32 px.</li>"
        f"<li>{NOT_A_FINDING}</li></ul></div>"
    )


def _no_match(collection: PatchCollection, rows: dict[int, ExplanationRow]) -> None:
    wanted = filters_in_force(collection)
    names = " and ".join(f"“{escape(name)}”" for name in wanted)
    unknown = sum(not _is_measured(row) for row in rows.values())
    note = (
        f" {unknown:,} of {len(rows):,} were not measured; they pass no filter that needs it."
        if unknown and (NEED_TESTS | NEED_MAPS).intersection(wanted)
        else ""
    )
    st.html(
        f'<div class="nl-empty" role="status"><b>No patch passes {names or "this list"}.</b>'
        f"{note}</div>"
    )
    if wanted:
        clear_filters(collection, "gallery")


def _is_measured(row: ExplanationRow) -> bool:
    return row.explanation is not None and is_tested(row)


def _page_key(collection: PatchCollection) -> str:
    return f"explain-page-{collection.key}"


def _on_page(
    collection: PatchCollection, rows: dict[int, ExplanationRow]
) -> tuple[list[int], int, list[int]]:
    """Return the whole list, the page that is open, from 1, and what of the list is on it."""
    wanted, order = filters_in_force(collection), order_in_force(collection)
    positions = listed(rows, wanted, order)
    held = widgets.chosen(_page_key(collection), 1)
    pages = max(1, -(-len(positions) // _TILES))
    page = min(held if isinstance(held, int) else 1, pages)
    return positions, page, positions[(page - 1) * _TILES : page * _TILES]


def _make_maps(
    shown: ExplainedPatches, collection: PatchCollection, tiles: Tiles, place: DeltaGenerator
) -> None:
    """Make and test the maps of the open page; each is drawn as soon as its test is passed."""
    missing = shown.missing(list(tiles.places))
    untested = [] if missing else shown.untested_maps(list(tiles.places))
    waiting = missing or untested
    total = len(waiting)
    if not total:
        return
    try:
        for start in range(0, total, _MAPS_PASS):
            said = _so_far("Making and testing the maps of this page:", total - start, total)
            place.progress(start / total, said)
            some = waiting[start : start + _MAPS_PASS]
            if missing:
                shown.measure(collection.source, some, Measurement(twins=shown.twins))
            else:
                shown.test_maps(collection.source, some)
            for position in some:
                if (row := shown.row(position)) is not None:
                    tiles.redraw(position, row)
    except NodelensError as error:
        with place.container():
            show_problem(error)
        return
    st.rerun()  # the counts and the order may have changed


def _list_controls(collection: PatchCollection, rows: dict[int, ExplanationRow]) -> None:
    counts = {name: sum(map(passes, rows.values())) for name, passes in FILTERS.items()}
    filter_part, order_part = st.columns([2.4, 1], vertical_alignment="bottom")
    with filter_part:
        st.pills(
            "Only",
            list(FILTERS),
            selection_mode="multi",
            format_func=lambda name: f"{name}  {counts[name]:,}",
            key=filter_key(collection),
            persist_state="session",
            wrap=True,
        )
    with order_part:
        st.selectbox("Order", list(ORDERS), key=order_key(collection), persist_state="session")


def _lacking(shown: ExplainedPatches, collection: PatchCollection) -> list[int]:
    positions = collection.positions
    return [*shown.missing(positions), *shown.untested(positions)]


def _wants_tests(
    shown: ExplainedPatches, scored: ExplainedPatches, collection: PatchCollection
) -> bool:
    lacking = _lacking(shown, collection)
    if not lacking:
        return False
    wanted, order = filters_in_force(collection), order_in_force(collection)
    done = len(collection.positions) - len(lacking)
    needed = bool(NEED_TESTS.intersection(wanted)) or order.tested
    if shown is not scored:  # its maps are made on demand
        needed = needed or bool(NEED_MAPS.intersection(wanted)) or order.of_map
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button(
            f"Measure {len(lacking):,} patches",
            icon=":material/rule:",
            type="primary" if needed else "secondary",
            key="explain-test-all",
        )
        unknown = " The rest pass no such filter and come last." if needed else ""
        st.caption(
            f"{done:,} of {len(collection.positions):,} are measured in full: the map and its "
            f"test, centre against ring, eight orientations; about 80 scores a patch.{unknown}"
        )
    return pressed


def _test_all(shown: ExplainedPatches, collection: PatchCollection, place: DeltaGenerator) -> None:
    lacking = _lacking(shown, collection)
    total = len(collection.positions)
    try:
        while lacking:
            left = len(lacking)
            place.progress(1 - left / total, _so_far("Measured", left, total))
            shown.measure(collection.source, lacking[:_MAPS_PASS], shown.tests())
            lacking = _lacking(shown, collection)
    except NodelensError as error:
        with place.container():
            show_problem(error)
        return
    st.rerun()
