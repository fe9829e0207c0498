"""Many patches with their maps, sorted by a measure; a click looks at one."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from html import escape
from typing import Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import resources, state
from app.components.explanation_choice import (
    Look,
    filter_key,
    filters_in_force,
    order_in_force,
    order_key,
    position_key,
    view_key,
)
from app.components.parts import outcome_text, score_text, show_problem
from app.explained import PASS, ExplainedPatches, PatchCollection, zipped
from core.errors import NodelensError
from core.explanation import (
    ExplanationRow,
    MapState,
    Measurement,
    OverlayStyle,
    draw_overlay,
    draw_patch_box,
    own_scale,
    png_bytes,
    table_csv,
)
from core.explanation.listing import FILTERS, NEED_TESTS, ORDERS, MeasureOrder, listed
from core.jobs import outcome

ONE_PATCH: Final = "One patch"
GALLERY: Final = "Gallery"
_TILES: Final = 24
_TILE_ZOOM: Final = 2
_TEST_PASS: Final = 8
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
            known.measure(collection.source, missing[:PASS], Measurement())
            missing = known.missing(collection.positions)
            bar.progress(1 - len(missing) / total, _so_far("Explained", len(missing), total))
    except NodelensError as error:
        show_problem(error)
    bar.empty()


def _so_far(done: str, left: int, total: int) -> str:
    return f"{done} {total - left:,} of {total:,} patches"


def gallery(
    known: ExplainedPatches, collection: PatchCollection, look: Look, scale: float | None
) -> None:
    """Draw the list's controls, its tiles and its downloads."""
    # Before anything is counted or drawn: no map is shown, and none is said to be fine, untested.
    _test_maps(known, collection, _on_page(known, collection)[2])
    rows = known.rows(collection.positions)
    wanted, order = _list_controls(collection, rows)
    place = st.empty()
    pressed = _wants_tests(known, collection, wanted, order)
    _list(known, collection, look, scale)
    if pressed:  # last, so that the tiles stay on the page and can be clicked meanwhile
        _test_all(known, collection, place)


def _list(
    known: ExplainedPatches, collection: PatchCollection, look: Look, scale: float | None
) -> None:
    order = order_in_force(collection)
    positions, page, shown = _on_page(known, collection)
    if not positions:
        st.html(
            '<div class="nl-empty"><b>No patch passes these filters.</b> Patches that were not '
            "tested pass no filter that needs the tests.</div>"
        )
        return
    _test_maps(known, collection, shown)  # of patches that a new filter or order brought up
    with st.container(horizontal=True, key="nl-tiles"):
        for position in shown:
            _tile(known, collection, position, order=order, look=look, scale=scale)
    with st.container(horizontal=True, vertical_alignment="center"):
        first = (page - 1) * _TILES + 1
        st.caption(f"{first:,} to {first + len(shown) - 1:,} of {len(positions):,}")
        if len(positions) > _TILES:
            pages = -(-len(positions) // _TILES)
            st.pagination(pages, key=_page_key(collection), max_visible_pages=5)
        st.download_button(
            "This list as CSV",
            data=partial(_csv, known, positions),
            file_name=f"explanations-{collection.key[:8]}.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
            key="explain-list-csv",
        )
        style = replace(look.style, zoom=_EXPORT_ZOOM)
        st.download_button(
            "Pictures and table as ZIP",
            data=partial(zipped, known, collection, positions, scale=scale, style=style),
            file_name=f"explanations-{collection.key[:8]}.zip",
            mime="application/zip",
            icon=":material/folder_zip:",
            on_click="ignore",
            key="explain-list-zip",
            help="Patch beside map for each patch of this list, with its scale and whether the "
            "map passed its test. Maps that were not tested are tested first: about 0.2 seconds "
            "a patch.",
        )


def _page_key(collection: PatchCollection) -> str:
    return f"explain-page-{collection.key}"


def _on_page(
    known: ExplainedPatches, collection: PatchCollection
) -> tuple[list[int], int, list[int]]:
    """Return the whole list, the page that is open, from 1, and what of the list is on it."""
    wanted, order = filters_in_force(collection), order_in_force(collection)
    positions = listed(known.rows(collection.positions), wanted, order)
    held = state.chosen(_page_key(collection), 1)
    pages = max(1, -(-len(positions) // _TILES))
    page = min(held if isinstance(held, int) else 1, pages)
    return positions, page, positions[(page - 1) * _TILES : page * _TILES]


def _test_maps(known: ExplainedPatches, collection: PatchCollection, shown: Sequence[int]) -> None:
    """Test the maps that are about to be drawn, so that none is shown that explains nothing."""
    untested = known.untested_maps(shown)
    if not untested:
        return
    total = len(untested)
    place = st.empty()
    try:
        while untested:
            said = _so_far("Testing the maps of this page:", len(untested), total)
            place.progress(1 - len(untested) / total, said)
            known.test_maps(collection.source, untested[:_TEST_PASS])
            untested = known.untested_maps(shown)
    except NodelensError as error:
        show_problem(error)
    place.empty()


def _csv(known: ExplainedPatches, positions: Sequence[int]) -> bytes:
    return table_csv(list(known.rows(positions).values()))


def _list_controls(
    collection: PatchCollection, rows: dict[int, ExplanationRow]
) -> tuple[list[str], MeasureOrder]:
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
    name = state.chosen(order_key(collection))
    return filters_in_force(collection), ORDERS[str(name)]


def _wants_tests(
    known: ExplainedPatches,
    collection: PatchCollection,
    wanted: Sequence[str],
    order: MeasureOrder,
) -> bool:
    untested = known.untested(collection.positions)
    if not untested:
        return False
    done = len(collection.positions) - len(untested)
    needed = bool(NEED_TESTS.intersection(wanted)) or order.tested
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button(
            f"Test {len(untested):,} patches",
            icon=":material/rule:",
            type="primary" if needed else "secondary",
            key="explain-test-all",
        )
        st.caption(
            f"{done:,} of {len(collection.positions):,} tested. The tests replace centre and "
            "ring, turn the patch and compare its map with random twins: about 70 scores a patch."
        )
    return pressed


def _test_all(known: ExplainedPatches, collection: PatchCollection, place: DeltaGenerator) -> None:
    untested = known.untested(collection.positions)
    total = len(untested)
    bar = place.progress(0.0, _so_far("Tested", total, total))
    try:
        while untested:
            known.measure(collection.source, untested[:_TEST_PASS], known.tests())
            untested = known.untested(collection.positions)
            bar.progress(1 - len(untested) / total, _so_far("Tested", len(untested), total))
    except NodelensError as error:
        show_problem(error)
        return
    st.rerun()


def _tile(
    known: ExplainedPatches,
    collection: PatchCollection,
    position: int,
    *,
    order: MeasureOrder,
    look: Look,
    scale: float | None,
) -> None:
    row = known.row(position)
    if row is None:
        return
    score = score_text(row.score.prob_tumour)
    style = replace(look.style, zoom=_TILE_ZOOM)
    picture = _tile_uri(known, collection, position, row=row, style=style, scale=scale)
    with st.container(key=f"nl-tile-{position}"):
        call = outcome_text(outcome(row.score))
        measured = "" if order.name.startswith("Score") else f" · {order.text(row)}"
        state_of_map = _state_of_map(row)
        untested = row.map_state is MapState.UNTESTED
        st.html(
            f'<figure class="nl-tile{" nl-untested" if untested else ""}" '
            f'title="{escape(row.score.path)}">'
            f'<img alt="" src="{picture}">'
            f"<figcaption>{escape(score)} {escape(call)}{escape(measured)}"
            f"<small>{state_of_map}</small><small>{escape(row.score.path)}</small>"
            "</figcaption></figure>"
        )
        st.button(
            f"Look at patch {position + 1}, score {score}",
            key=f"explain-tile-{position}",
            on_click=_look_at,
            args=(collection, position),
        )


def _state_of_map(row: ExplanationRow) -> str:
    words = row.map_state.value
    strong = row.map_state in (MapState.UNRELIABLE, MapState.UNTESTED)
    return f"<b>{words.capitalize()}</b>" if strong else words


def _tile_uri(
    known: ExplainedPatches,
    collection: PatchCollection,
    position: int,
    *,
    row: ExplanationRow,
    style: OverlayStyle,
    scale: float | None,
) -> str:
    cam = row.shown_map
    mapped = "" if cam is None else f"{cam.method} {cam.layer} {cam.target}"
    key = f"{known.explainer.classifier.model_id} {collection.key} {position} {mapped} {style}"

    def draw() -> bytes:
        image = collection.image(position)
        if image is None:
            return b""
        if cam is None:
            return png_bytes(draw_patch_box(image, style))
        chosen = scale or own_scale(cam)
        return png_bytes(draw_overlay(image, cam, scale=chosen, style=style))

    return resources.picture_uri(draw, f"{key} {scale}")


def _look_at(collection: PatchCollection, position: int) -> None:
    state.choose(position_key(collection), position)
    state.choose(view_key(collection), ONE_PATCH)
