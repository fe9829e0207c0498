"""One patch explained: beside its map, in words, and with its parts replaced."""

from dataclasses import replace
from functools import partial
from html import escape
from typing import Final

import streamlit as st

from app.screens.explanation import words
from app.screens.explanation.look import ZOOM, Look, Scale, scale_bar
from app.screens.explanation.measures import of_map, of_map_test, why_not_shown
from app.screens.explanation.tests import centre_strip, draw_measures, orientations
from app.screens.shared.listing import badge
from app.screens.shared.parts import TONES, Stat, download, plain, show_problem, stat_strip
from core.errors import NodelensError
from core.explanation import (
    ExplanationRow,
    MapState,
    OverlayStyle,
    draw_overlay,
    draw_patch_box,
    explained_picture,
    own_scale,
    png_bytes,
    table_csv,
)
from core.explanation.explained import ExplainedPatches, PatchCollection
from core.patches import ImageU8
from core.scoring import outcome
from core.wording import call_text, label_text, score_text

_EXPORT_ZOOM: Final = 8


def prepare(known: ExplainedPatches, collection: PatchCollection, position: int) -> None:
    """Have the patch that comes next measured meanwhile."""
    known.prepare(collection.source, [position], known.tests())


def patch_explained(
    known: ExplainedPatches,
    collection: PatchCollection,
    position: int,
    look: Look,
    scale: Scale,
) -> None:
    """Draw all that is known of one patch; measure it first, with the patch on the screen.

    Args:
        known: The rows.
        collection: The patches.
        position: Which of them.
        look: How maps are drawn.
        scale: What value gets the full colour.
    """
    image = collection.image(position)
    left, right, numbers = st.columns([1, 1, 1.05], gap="medium")
    # Emptied before anything is measured: nothing of the patch before may stand beside this one.
    row = known.row(position)
    waits = row is None or bool(known.untested([position]))
    places = [
        where.empty() if waits else where.container() for where in (right, numbers, st.container())
    ]
    if image is not None:
        with left:
            _titled("The patch")
            _picture(draw_patch_box(image, look.style), look.style, "patch", "The patch")
            st.caption(words.SIZE.format(zoom=ZOOM))
    if waits:
        places[0].html(f'<div class="nl-nomap" role="status"><b>{words.MEASURING}</b></div>')
        try:
            with places[1], st.spinner("Replacing the centre and the ring, rotating the patch …"):
                known.measure(collection.source, [position], known.tests())
        except NodelensError as error:
            places[0].empty()
            with places[1].container():
                show_problem(error)
            return
        row = known.row(position)
    if image is None or row is None or row.explanation is None:
        for place in places[:2]:
            place.empty()
        reason = "" if row is None else row.score.reason
        with places[2 if image is None else 0].container():
            st.warning(
                plain(reason or words.NO_SCORE),
                icon=":material/warning:",
            )
        return
    drawn_scale = scale.value or own_scale(row.explanation.cam)
    with places[0].container():
        _map(image, row, drawn_scale, scale.words, look.style)
    with places[1].container():
        _head(row)
        draw_measures([*of_map(row), *of_map_test(row)], "The map")
        if row.map_state is MapState.UNTESTED and known.untestable:
            st.caption(words.UNTESTABLE.format(reason=plain(known.untestable)))
    with places[2].container():
        st.html(f'<div class="nl-warn">{words.NOT_A_FINDING}</div>')
        centre_strip(known, collection, position, image=image, row=row)
        orientations(image, row)
        name = f"{position:06d}-{known.explainer.method}"
        _exports(image, row, drawn_scale, look.style, name)


def _titled(title: str, badge: str = "") -> None:
    st.html(f'<div class="nl-pictitle"><b>{escape(title)}</b>{badge}</div>')


def _map(
    image: ImageU8, row: ExplanationRow, scale: float, whose: str, style: OverlayStyle
) -> None:
    cam = row.shown_map
    _titled("Its map", badge(str(row.map_state), words.BADGES[row.map_state]))
    if cam is None:
        st.html(
            f'<div class="nl-nomap"><b>{words.NO_MAP}</b><span>{escape(why_not_shown(row))}</span>'
            f"<span>{words.SCORE_STANDS}</span></div>"
        )
        return
    picture = draw_overlay(image, cam, scale=scale, style=style)
    _picture(picture, style, "overlay", "The patch under its map")
    st.html(scale_bar(cam.target, cam.unit, f"{scale:.2f}", whose, style))


def _picture(picture: ImageU8, style: OverlayStyle, name: str, alt: str) -> None:
    kind = "soft" if style.smooth_patch else "sharp"
    with st.container(key=f"nl-{kind}-{name}"):
        st.image(png_bytes(picture), output_format="PNG", alt=alt)


def _head(row: ExplanationRow) -> None:
    score = row.score
    side = "at or above" if (score.prob_tumour or 0) >= score.threshold else "below"
    stat_strip(
        [
            Stat("Score", score_text(score.prob_tumour), f"{side} {score.threshold:.3f}"),
            Stat(
                "Model's call",
                call_text(outcome(score)),
                "" if score.label is None else f"reference: {label_text(score.label)}",
                TONES[outcome(score)],
            ),
        ]
    )
    st.html(f'<div class="nl-path">{escape(score.path)}</div>')


def _exports(
    image: ImageU8, row: ExplanationRow, scale: float, style: OverlayStyle, name: str
) -> None:
    with st.container(horizontal=True):
        download(
            "Patch and map as PNG",
            partial(_pair_png, image, row, scale, replace(style, zoom=_EXPORT_ZOOM)),
            f"{name}.png",
            "explain-png",
        )
        download(
            "Measures as CSV", partial(table_csv, [row]), f"{name}-measures.csv", "explain-csv"
        )


def _pair_png(image: ImageU8, row: ExplanationRow, scale: float, style: OverlayStyle) -> bytes:
    return png_bytes(explained_picture(image, row, scale=scale, style=style))
