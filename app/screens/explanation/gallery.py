"""Many patches with their maps, sorted by a measure; a click looks at one."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from html import escape
from typing import Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import resources
from app.screens.explanation import walk, words
from app.screens.explanation.look import Look, scale_bar
from app.screens.shared.downloads import download
from app.screens.shared.pager import page_of, pager
from app.screens.shared.parts import button, empty, show_problem
from core.errors import NodelensError
from core.explanation import (
    Explainer,
    ExplanationRow,
    MapState,
    Measurement,
    Method,
    draw_overlay,
    draw_patch_box,
    table_csv,
)
from core.explanation.explained import ExplainedPatches, PatchCollection
from core.explanation.listing import (
    FILTERS,
    NEED_MAPS,
    NEED_TESTS,
    ORDERS,
    is_tested,
    listed,
)
from core.explanation.words import METHODS
from core.pictures import png_bytes
from core.scoring import Status, outcome
from core.wording import agreeing, call_text, score_text

_TILE_ZOOM: Final = 2


class Tiles:
    """The tiles of the open page; a tile can be drawn again when its map is there.

    Attributes:
        places: Where the picture and the words of a position are.
    """

    def __init__(self, known: ExplainedPatches, look: Look) -> None:
        """Start with none."""
        self.places: dict[int, DeltaGenerator] = {}
        self._known = known
        self._order = walk.order_in_use(known.collection)
        self._style, self._scale = replace(look.style, zoom=_TILE_ZOOM), look.scale

    def draw(self, position: int, row: ExplanationRow) -> None:
        """Draw a tile with the button that looks at its patch."""
        with st.container(key=f"nl-tile-{position}"):
            self.places[position] = st.empty()
            self.redraw(position, row)
            label = (
                f"View patch {position + 1}, score {score_text(row.score.prob_tumour)}, "
                f"{_call(row)}, {_state_of_map(row)}"
            )
            key = f"explain-tile-{position}"
            button(label, key, "", walk.look_at, self._known.collection, position)

    def redraw(self, position: int, row: ExplanationRow) -> None:
        """Draw the picture and the words of a tile."""
        picture = self._picture(position, row)
        order = self._order
        measured = "" if order.of_score else f"<i>{escape(order.text(row))}</i>"
        state = _state_of_map(row)
        strong = row.map_state in (MapState.UNRELIABLE, MapState.UNTESTED)
        untested = " nl-untested" if row.map_state is MapState.UNTESTED else ""
        self.places[position].html(
            f'<figure class="nl-tile{untested}" title="{escape(row.score.path)}">'
            f'<img alt="" src="{picture}"><figcaption>'
            f"<span>{escape(score_text(row.score.prob_tumour))} {escape(_call(row))}{measured}"
            f"</span><small>{f'<b>{state}</b>' if strong else state}</small>"
            f"<small>{escape(row.score.path)}</small></figcaption></figure>"
        )

    def _picture(self, position: int, row: ExplanationRow) -> str:
        """Return a patch under its map, or alone, as a data URI."""
        explanation, style, scale = row.explanation, self._style, self._scale
        cam = None if explanation is None else explanation.cam
        mapped = "" if cam is None else f"{cam.method} {cam.layer} {cam.target}"
        model, collection = self._known.explainer.classifier.model_id, self._known.collection

        def draw() -> bytes:
            image = collection.image(position)
            if image is None:
                return b""
            if explanation is None:
                return png_bytes(draw_patch_box(image, style))
            strength = explanation.strength
            drawn = draw_overlay(
                image, explanation.cam, scale=scale, style=style, strength=strength
            )
            return png_bytes(drawn)

        key = f"{model} {collection.key} {position} {mapped} {style} {scale}"
        return resources.picture_uri(draw, key)


def _call(row: ExplanationRow) -> str:
    return call_text(outcome(row.score))


def _state_of_map(row: ExplanationRow) -> str:
    if row.map_state is MapState.NONE:
        return "preparing the map …" if row.score.status is Status.SCORED else "no map"
    return row.map_state.value.capitalize()


_TILES: Final = 24
_SCORES_PASS: Final = 16
_MAPS_PASS: Final = 2


def explain_all(known: ExplainedPatches) -> None:
    """Explain what is not explained yet, pass by pass, with progress."""
    positions = known.collection.positions

    def explain(left: list[int]) -> None:
        known.measure(left[:_SCORES_PASS], Measurement())

    _work(st.empty(), "Explained", len(positions), partial(known.missing, positions), explain)


def _work(
    place: DeltaGenerator,
    done: str,
    total: int,
    lacking: Callable[[], list[int]],
    measure: Callable[[list[int]], None],
) -> bool:
    """Measure pass by pass until nothing is lacking.

    Return whether anything was, and nothing failed.
    """
    left = lacking()
    worked = bool(left)
    try:
        while left:
            text = f"{done} {total - len(left):,} of {total:,} patches"
            place.progress(1 - len(left) / total, text)
            measure(left)
            left = lacking()
    except NodelensError as error:
        with place.container():
            show_problem(error)
        return False
    place.empty()
    return worked


def gallery(known: ExplainedPatches, look: Look) -> None:
    """Draw the list's controls, its tiles and its downloads; maps come when they are made."""
    rows = known.listed(known.collection.positions)
    _list_controls(known.collection, rows)
    pressed = _measure_button(known)
    place = st.empty()
    tiles = _list(known, rows, look)
    if pressed:  # last, so that the tiles stay on the page and can be clicked meanwhile
        _test_all(known, place)
    else:
        _make_maps(known, tiles, place)


def _list(known: ExplainedPatches, rows: dict[int, ExplanationRow], look: Look) -> Tiles:
    collection = known.collection
    positions = listed(rows, walk.filters_in_use(collection), walk.order_in_use(collection))
    tiles = Tiles(known, look)
    if not positions:
        _no_match(collection, rows)
        return tiles
    page = page_of(len(positions), _TILES, key=walk.key("page", collection))
    st.html(_legend(known.explainer, look))
    with st.container(horizontal=True, key="nl-tiles"):
        for position in positions[page.part]:
            tiles.draw(position, rows[position])
    with st.container(horizontal=True, vertical_alignment="center"):
        pager(page)
        download(
            "This list as CSV",
            partial(table_csv, [rows[at] for at in positions]),
            f"explanations-{collection.key[:8]}.csv",
            "explain-list-csv",
            help=words.LIST_CSV_HELP,
        )
    return tiles


def _legend(explainer: Explainer, look: Look) -> str:
    bar = scale_bar(explainer.target, "" if look.scale is None else f"{look.scale:.2f}", look)
    point = explainer.classifier.operating_point.threshold
    rows, columns = explainer.layer.grid
    turned = f"<li>{words.TURNED}</li>" if look.scale is None else ""
    return (
        f'<div class="nl-legend">{bar}<ul><li>{escape(METHODS[explainer.method])} '
        f"at {rows} × {columns} squares, for {words.TARGETS[explainer.target]}.</li>"
        f"<li>▲ called tumour at {point:.4f} or above, ▽ below.</li>"
        f"<li>The box is the centre 32 × 32 px.</li>"
        f"{turned}<li>{words.NOT_A_FINDING}</li></ul></div>"
    )


def _no_match(collection: PatchCollection, rows: dict[int, ExplanationRow]) -> None:
    filters = walk.filters_in_use(collection)
    unknown = sum(row.explanation is None or not is_tested(row) for row in rows.values())
    needs = unknown and (NEED_TESTS | NEED_MAPS).intersection(filters)
    note = agreeing(words.NOT_MEASURED, unknown) if needs else ""
    note = note.format(unknown=unknown, total=len(rows))
    empty(f"No patch matches {walk.filter_names(filters) or 'this list'}.", note)
    if filters:
        walk.clear_filters(collection, "gallery")


def _make_maps(known: ExplainedPatches, tiles: Tiles, place: DeltaGenerator) -> None:
    """Make the maps of the open page, or test them; each is drawn anew as soon as that is done."""
    here = list(tiles.places)
    made = not known.missing(here)

    def one_pass(left: list[int]) -> None:
        some = left[:_MAPS_PASS]
        if made:
            known.measure(some, Measurement(twins=known.twins))
        else:
            known.measure(some, Measurement())
        for position in some:
            if (row := known.row(position)) is not None:
                tiles.redraw(position, row)

    lacking = partial(known.untested_maps if made else known.missing, here)
    if _work(place, "Making and testing the maps on this page:", len(here), lacking, one_pass):
        st.rerun()  # the counts and the order may have changed


def _list_controls(collection: PatchCollection, rows: dict[int, ExplanationRow]) -> None:
    counts = {name: f"{sum(map(passes, rows.values())):,}" for name, passes in FILTERS.items()}
    if any(row.explanation is None or not is_tested(row) for row in rows.values()):
        counts |= {name: words.SO_FAR.format(counts[name]) for name in NEED_TESTS | NEED_MAPS}
    filter_part, order_part = st.columns([2.4, 1], vertical_alignment="bottom")
    with filter_part:
        st.pills(
            "Only",
            list(FILTERS),
            selection_mode="multi",
            format_func=lambda name: f"{name}  {counts[name]}",
            key=walk.key("filter", collection),
            persist_state="session",
            wrap=True,
        )
    with order_part:
        st.selectbox(
            "Order", list(ORDERS), key=walk.key("order", collection), persist_state="session"
        )


def _lacking(known: ExplainedPatches) -> list[int]:
    positions = known.collection.positions
    return [*known.missing(positions), *known.untested(positions)]


def _measure_button(known: ExplainedPatches) -> bool:
    lacking, total = _lacking(known), len(known.collection.positions)
    if not lacking:
        return False
    filters, order = walk.filters_in_use(known.collection), walk.order_in_use(known.collection)
    needed = bool(NEED_TESTS.intersection(filters)) or order.tested
    if known.explainer.method is Method.REPLACEMENT:  # its maps are made on demand
        needed = needed or bool(NEED_MAPS.intersection(filters)) or order.of_map
    with st.container(horizontal=True, vertical_alignment="center"):
        label, kind = f"Measure {len(lacking):,} patches", "primary" if needed else "secondary"
        pressed = button(label, "explain-test-all", "rule", type=kind)
        text = words.MEASURED_SO_FAR.format(done=total - len(lacking), total=total)
        st.caption(text + words.REST_LAST * needed)
    return pressed


def _test_all(known: ExplainedPatches, place: DeltaGenerator) -> None:
    def test(left: list[int]) -> None:
        known.measure(left[:_MAPS_PASS], known.tests())

    total = len(known.collection.positions)
    if _work(place, "Measured", total, partial(_lacking, known), test):
        st.rerun()
