"""One patch explained: beside its map, in words, and with its parts replaced."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from html import escape
from typing import Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.screens.explanation import words
from app.screens.explanation.look import ZOOM, Look, scale_bar
from app.screens.explanation.measures import draw_measures, of_map, of_map_test
from app.screens.explanation.strips import centre_strip, orientations
from app.screens.shared.downloads import download
from app.screens.shared.parts import badge, facts, plain, show_problem
from core.errors import NodelensError
from core.explanation import (
    ExplanationRow,
    MapState,
    Measurement,
    draw_overlay,
    draw_patch_box,
    drawn_map,
    explained_picture,
    own_scale,
    table_csv,
)
from core.explanation.explained import ExplainedPatches
from core.explanation.words import METHODS, badge_text, plain_line
from core.patches import ImageU8
from core.pictures import png_bytes
from core.wording import label_text

_EXPORT_ZOOM: Final = 8


def patch_explained(known: ExplainedPatches, position: int, look: Look) -> None:
    """Draw a patch, then its map, then what takes longer: each as soon as it is there."""
    image = known.collection.image(position)
    line = st.empty()
    left, right, beside = st.columns([1, 1, 1.05], gap="medium")
    # Emptied before anything is measured: nothing of the patch before may stand beside this one.
    places = (right.empty(), beside.empty(), st.empty(), line)
    if image is not None:
        with left:
            _titled("The patch")
            _picture(draw_patch_box(image, look.style), look, "patch", "The patch")
            st.caption(words.SIZE.format(zoom=ZOOM))
    try:
        if known.missing([position]):
            places[0].html(f'<div class="nl-nomap" role="status"><b>{words.MEASURING}</b></div>')
            known.measure([position], Measurement())
        row = known.row(position)
        if image is None or row is None or row.explanation is None:
            _without_score(places, image, row)
            return
        if known.untested([position]):
            _map_and_line(places, image, look, row, checked=False)
            with places[2].container(), st.spinner(words.CHECKING):
                known.measure([position], known.tests())
            row = known.row(position) or row
    except NodelensError as error:
        places[0].empty()
        with places[1].container():
            show_problem(error)
        return
    _map_and_line(places, image, look, row, checked=True)
    with places[2].container():
        st.html(f'<div class="nl-warn">{words.NOT_A_FINDING}</div>')
        with st.expander("Details", key="nl-explain-details"):
            draw_measures([*of_map(row), *of_map_test(row)], "The map")
            centre_strip(known, position, image=image, row=row)
            orientations(image, row)
        _exports(image, look, row, f"{position:06d}-{known.explainer.method}")


def _without_score(
    places: Sequence[DeltaGenerator], image: ImageU8 | None, row: ExplanationRow | None
) -> None:
    for place in places[:2]:
        place.empty()
    reason = "" if row is None else row.score.reason
    with places[2 if image is None else 0].container():
        st.warning(plain(reason or words.NO_SCORE), icon=":material/warning:")


def _map_and_line(
    places: Sequence[DeltaGenerator],
    image: ImageU8,
    look: Look,
    row: ExplanationRow,
    *,
    checked: bool,
) -> None:
    """Draw the map with how far it can be trusted, and the line that says what it amounts to."""
    with places[0].container():
        _map(image, look, row, "checked" if checked else "first")
    places[3].html(f'<p class="nl-plain-line">{escape(plain_line(row))}</p>')
    with places[1].container():
        _head(row)
        untestable = checked and row.map_state is MapState.UNTESTED
        st.caption(plain(words.UNTESTABLE) if untestable else plain(f"{badge_text(row)}."))


def _titled(title: str, badge: str = "") -> None:
    st.html(f'<div class="nl-pictitle"><b>{escape(title)}</b>{badge}</div>')


def _map(image: ImageU8, look: Look, row: ExplanationRow, stage: str) -> None:
    explanation = row.explanation
    if explanation is None:
        return
    cam = explanation.cam
    mark = badge(str(row.map_state), words.BADGES[row.map_state])
    _titled(f"{METHODS[cam.method]}", mark)
    picture = draw_overlay(
        image, cam, scale=look.scale, style=look.style, strength=explanation.strength
    )
    _picture(picture, look, f"overlay-{stage}", f"The patch under its {METHODS[cam.method]}")
    if look.scale is None:
        cam = drawn_map(cam)
    st.html(scale_bar(cam.target, f"{look.scale or own_scale(cam):.2f}", look))


def _picture(picture: ImageU8, look: Look, name: str, alt: str) -> None:
    kind = "soft" if look.style.smooth_patch else "sharp"
    with st.container(key=f"nl-{kind}-{name}"):
        st.image(png_bytes(picture), output_format="PNG", alt=alt)


def _head(row: ExplanationRow) -> None:
    score = row.score
    known = {
        "Threshold": f"{score.threshold:.4f} ({score.operating_point})",
        "Reference label": "" if score.label is None else label_text(score.label),
        "File": score.path,
    }
    facts({name: text for name, text in known.items() if text})


def _exports(image: ImageU8, look: Look, row: ExplanationRow, name: str) -> None:
    def both() -> bytes:
        style = replace(look.style, zoom=_EXPORT_ZOOM)
        return png_bytes(explained_picture(image, row, scale=look.scale, style=style))

    measures = partial(table_csv, [row])
    with st.container(horizontal=True):
        download("Patch and map as PNG", both, f"{name}.png", "explain-png")
        download("Measures as CSV", measures, f"{name}-measures.csv", "explain-csv")
