"""Many patches with their maps, sorted by a measure; a click looks at one."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from html import escape
from typing import Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.screens.explanation import words
from app.screens.explanation.choice import way_in_words
from app.screens.explanation.look import MapLook, Scale, scale_bar
from app.screens.explanation.patch_list import (
    clear_filters,
    filter_names,
    filters_in_use,
    key,
    limits,
    order_in_use,
    text_in_use,
)
from app.screens.explanation.tiles import Tiles
from app.screens.shared.pager import page_of, pager
from app.screens.shared.parts import download, empty, show_problem
from core.errors import NodelensError
from core.explanation import ExplanationRow, Measurement, Method, OverlayStyle, table_csv
from core.explanation.explained import ExplainedPatches, PatchCollection, zipped
from core.explanation.listing import FILTERS, NEED_MAPS, NEED_TESTS, ORDERS, is_tested, listed

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
    shown: ExplainedPatches, collection: PatchCollection, look: MapLook, scale: Scale
) -> None:
    """Draw the list's controls, its tiles and its downloads; maps come when they are made.

    Args:
        shown: Whose maps the tiles show.
        collection: The patches.
        look: How maps are drawn.
        scale: What value gets the full colour.
    """
    named = collection.named(text_in_use(collection))
    rows = shown.listed(named)
    _list_controls(collection, rows)
    pressed = _measure_button(shown, collection)
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
    look: MapLook,
    scale: Scale,
) -> Tiles:
    order = order_in_use(collection)
    positions = listed(rows, filters_in_use(collection), order)
    tiles = Tiles(shown, collection, order, look.style, scale.value)
    if not positions:
        _no_match(collection, rows)
        return tiles
    page = page_of(len(positions), _TILES, key=key("page", collection))
    st.html(_legend(shown, scale, look.style))
    with st.container(horizontal=True, key="nl-tiles"):
        for position in positions[page.part]:
            tiles.draw(position, rows[position])
    with st.container(horizontal=True, vertical_alignment="center"):
        pager(page)
        style = replace(look.style, zoom=_EXPORT_ZOOM)
        _downloads(shown, collection, positions, rows=rows, style=style, scale=scale)
    return tiles


def _downloads(
    shown: ExplainedPatches,
    collection: PatchCollection,
    positions: Sequence[int],
    *,
    rows: dict[int, ExplanationRow],
    style: OverlayStyle,
    scale: Scale,
) -> None:
    name = f"explanations-{collection.key[:8]}"
    listed_rows = [rows[at] for at in positions]
    download(
        "This list as CSV",
        partial(table_csv, listed_rows),
        f"{name}.csv",
        "explain-list-csv",
        help=words.LIST_CSV_HELP,
    )
    waiting = len(shown.missing(positions)) + len(shown.untested_maps(positions))
    many = waiting > _MOST_MADE_FOR_ZIP
    download(
        "Pictures and table as ZIP",
        partial(zipped, shown, collection, positions, scale=scale.value, style=style),
        f"{name}.zip",
        "explain-list-zip",
        icon=":material/folder_zip:",
        disabled=many,
        help=words.ZIP_WAITS.format(maps=waiting) if many else words.ZIP_HELP,
    )


def _legend(shown: ExplainedPatches, scale: Scale, style: OverlayStyle) -> str:
    explainer = shown.explainer
    most = "" if scale.value is None else f"{scale.value:.2f}"
    bar = scale_bar(explainer.target, most, scale.words, style)
    point = explainer.classifier.operating_point.threshold
    turned = f"<li>{words.TURNED}</li>" if scale.value is None else ""
    return (
        f'<div class="nl-legend">{bar}<ul><li>{escape(way_in_words(explainer))}, for '
        f"{words.TARGETS[explainer.target]}.</li>"
        f"<li>▲ called tumour at {point:.3f} or above, ▽ below.</li>"
        f"<li>The box is the centre 32 × 32 px.</li>"
        f"{turned}<li>{words.NOT_A_FINDING}</li></ul></div>"
    )


def _no_match(collection: PatchCollection, rows: dict[int, ExplanationRow]) -> None:
    filters = limits(collection)
    unknown = sum(row.explanation is None or not is_tested(row) for row in rows.values())
    needs = unknown and (NEED_TESTS | NEED_MAPS).intersection(filters)
    note = words.NOT_MEASURED.format(unknown=unknown, total=len(rows)) if needs else ""
    empty(f"No patch matches {filter_names(filters) or 'this list'}.", note)
    if filters:
        clear_filters(collection, "gallery")


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
            text = _so_far("Making and testing the maps on this page:", total - start, total)
            place.progress(start / total, text)
            some = waiting[start : start + _MAPS_PASS]
            if missing:
                shown.measure(collection.source, some, Measurement())
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
            key=key("filter", collection),
            persist_state="session",
            wrap=True,
        )
    with order_part:
        st.selectbox("Order", list(ORDERS), key=key("order", collection), persist_state="session")


def _lacking(shown: ExplainedPatches, collection: PatchCollection) -> list[int]:
    positions = collection.positions
    return [*shown.missing(positions), *shown.untested(positions)]


def _measure_button(shown: ExplainedPatches, collection: PatchCollection) -> bool:
    lacking = _lacking(shown, collection)
    if not lacking:
        return False
    filters, order = filters_in_use(collection), order_in_use(collection)
    done = len(collection.positions) - len(lacking)
    needed = bool(NEED_TESTS.intersection(filters)) or order.tested
    if shown.explainer.method is Method.REPLACEMENT:  # its maps are made on demand
        needed = needed or bool(NEED_MAPS.intersection(filters)) or order.of_map
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button(
            f"Measure {len(lacking):,} patches",
            icon=":material/rule:",
            type="primary" if needed else "secondary",
            key="explain-test-all",
        )
        text = words.MEASURED_SO_FAR.format(done=done, total=len(collection.positions))
        st.caption(text + words.REST_LAST * needed)
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
