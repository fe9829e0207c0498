"""One patch explained: beside its map, in words, and with its parts replaced."""

import base64
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from html import escape
from typing import Final

import streamlit as st

from app import state
from app.components import explanation_words as words
from app.components.explanation_choice import ZOOM, Look, Scale, position_key
from app.components.explanation_tests import centre_strip, draw_measures, orientations
from app.components.parts import Stat, outcome_text, score_text, show_problem, stat_strip
from app.explained import ExplainedPatches, PatchCollection
from core.errors import NodelensError
from core.explanation import (
    SLOW_METHODS,
    CamMap,
    ExplanationRow,
    MapState,
    Measurement,
    OverlayStyle,
    Unit,
    draw_overlay,
    draw_patch_box,
    draw_scale_bar,
    explained_picture,
    own_scale,
    png_bytes,
    table_csv,
)
from core.jobs import outcome
from core.patches import ImageU8

_EXPORT_ZOOM: Final = 8


def walk(collection: PatchCollection, positions: Sequence[int]) -> int:
    """Draw the way to the patches before and after, and return the one that is looked at."""
    key = position_key(collection)
    held = state.chosen(key)
    at = held if isinstance(held, int) and held in collection.positions else None
    if at is None:
        at = positions[0] if positions else collection.positions[0]
    place = positions.index(at) if at in positions else -1
    if len(collection.positions) > 1:
        with st.container(horizontal=True, vertical_alignment="center", key="nl-explain-walk"):
            _step(
                "Previous",
                ":material/chevron_left:",
                key,
                positions,
                place=place - 1,
                possible=place > 0,
            )
            _step(
                "Next",
                ":material/chevron_right:",
                key,
                positions,
                place=place + 1,
                possible=place + 1 < len(positions),
            )
            st.caption(
                f"{place + 1:,} of {len(positions):,} in this list" if place >= 0 else "not in list"
            )
    return at


def _step(
    label: str, icon: str, key: str, positions: Sequence[int], *, place: int, possible: bool
) -> None:
    st.button(
        label,
        icon=icon,
        key=f"explain-{label}",
        disabled=not possible,
        on_click=state.choose,
        args=(key, positions[place] if possible else None),
        shortcut="Left" if label == "Previous" else "Right",
    )


def measured_row(
    known: ExplainedPatches, collection: PatchCollection, position: int
) -> ExplanationRow | None:
    """Return a patch's row with the tests, made now if need be; None after saying why not."""
    slow = known.explainer.method in SLOW_METHODS
    row = known.row(position)
    try:
        if row is None or known.untested([position]):
            with st.spinner("Replacing the centre and the ring, turning the patch …"):
                known.measure(collection.source, [position], known.tests(twins=not slow))
    except NodelensError as error:
        show_problem(error)
    return known.row(position)


def patch_explained(
    known: ExplainedPatches,
    collection: PatchCollection,
    position: int,
    look: Look,
    scale: Scale,
) -> None:
    """Draw all that is known of one patch.

    Args:
        known: The rows.
        collection: The patches.
        position: Which of them.
        look: How maps are drawn.
        scale: What value gets the full colour.
    """
    row = measured_row(known, collection, position)
    image = collection.image(position)
    if row is None:
        return
    if image is None or row.explanation is None:
        st.warning(row.score.reason or "This input has no score, so nothing is explained.")
        return
    cam = row.shown_map
    drawn_scale = scale.value or own_scale(row.explanation.cam)
    left, right, said = st.columns([1, 1, 1.05], gap="medium")
    with left:
        _picture(draw_patch_box(image, look.style), look.style, "patch", "The patch")
        st.caption(f"96 × 96 px, enlarged {ZOOM} times.")
    with right:
        if cam is None:
            _no_map(row)
        else:
            picture = draw_overlay(image, cam, scale=drawn_scale, style=look.style)
            _picture(picture, look.style, "overlay", "The patch under its map")
            _scale_bar(cam, drawn_scale, scale.words, look.style)
    with said:
        _head(row)
        draw_measures(words.of_map(row))
        _twin_result(known, collection, position, row)
    st.html(f'<div class="nl-warn">{words.NOT_A_FINDING}</div>')
    centre_strip(known, collection, image, row)
    orientations(image, row)
    _exports(
        known,
        collection,
        position,
        image=image,
        row=row,
        scale=drawn_scale,
        style=look.style,
    )


def _picture(picture: ImageU8, style: OverlayStyle, name: str, alt: str) -> None:
    kind = "soft" if style.smooth_patch else "sharp"
    with st.container(key=f"nl-{kind}-{name}"):
        st.image(png_bytes(picture), output_format="PNG", alt=alt)


def _no_map(row: ExplanationRow) -> None:
    why = words.why_not_shown(row)
    st.html(
        '<div class="nl-nomap"><b>No reliable explanation</b>'
        f"<span>{escape(why)}</span>"
        "<span>The score stands as it is; only its map is not shown. Replacing the centre and "
        "the ring, below, does not rest on a map.</span></div>"
    )


def _scale_bar(cam: CamMap, scale: float, whose: str, style: OverlayStyle) -> None:
    bar = base64.b64encode(png_bytes(draw_scale_bar(style.palette))).decode()
    target = words.target_words(cam.target)
    low, high = f"against {target}", f"for {target}"
    if cam.unit is Unit.ACTIVATION:
        low, high = "below", "above"
    st.html(
        f'<div class="nl-scale"><img alt="" src="data:image/png;base64,{bar}">'
        f"<div><span>−{scale:.2f} {low}</span><span>+{scale:.2f} {high}</span>"
        f"</div>{cam.unit.value}s a cell · {whose}</div>"
    )


def _head(row: ExplanationRow) -> None:
    score = row.score
    side = "at or above" if (score.prob_tumour or 0) >= score.threshold else "below"
    stat_strip(
        [
            Stat("Score", score_text(score.prob_tumour), f"{side} {score.threshold:.3f}"),
            Stat("Call", outcome_text(outcome(score)), _label_words(score.label)),
        ]
    )
    st.html(f'<div class="nl-path">{escape(score.path)}</div>')


def _label_words(label: int | None) -> str:
    if label is None:
        return ""
    return "reference: tumour" if label else "reference: no tumour"


def _twin_result(
    known: ExplainedPatches, collection: PatchCollection, position: int, row: ExplanationRow
) -> None:
    if row.twins is not None:
        said = [words.of_twins(row.twins)]
        if row.road_logit is not None:
            said.append(
                words.Said(
                    f"{row.road_logit:+.2f}".replace("-", "−"),
                    "ROAD, in logits: what the map calls relevant matters more than the rest if "
                    "this is above 0.",
                    alert=row.road_logit <= 0,
                )
            )
        draw_measures(said)
    elif row.map_state is not MapState.UNTESTED:
        draw_measures(words.of_agreement(row))
    elif known.untestable:
        st.caption(f"Not tested against random twins. {known.untestable}")
    with st.container(horizontal=True):
        if row.map_state is MapState.UNTESTED and not known.untestable:
            st.caption("Not tested against random twins: with this method that takes minutes.")
            if st.button("Test this map", key="explain-test-map", icon=":material/rule:"):
                _measure_now(
                    known, collection, position, Measurement(twins=known.twins), "Testing the map …"
                )
        if row.road_logit is None and st.button(
            "Measure ROAD",
            key="explain-road",
            icon=":material/timer:",
            help="Takes some seconds: the most and the least relevant pixels are replaced by "
            "noise, and the patch is scored again.",
        ):
            _road(known, collection, position)


def _road(known: ExplainedPatches, collection: PatchCollection, position: int) -> None:
    # OpenCV, matplotlib and scikit-learn come with the library; only who asks waits.
    from core.explanation.library import RoadMetric  # noqa: PLC0415

    metric = RoadMetric(known.explainer.network)
    _measure_now(known, collection, position, Measurement(road=metric), "Replacing pixels …")


def _measure_now(
    known: ExplainedPatches,
    collection: PatchCollection,
    position: int,
    measurement: Measurement,
    doing: str,
) -> None:
    try:
        with st.spinner(doing, show_time=True):
            known.measure(collection.source, [position], measurement)
    except NodelensError as error:
        show_problem(error)
        return
    st.rerun()


def _exports(
    known: ExplainedPatches,
    collection: PatchCollection,
    position: int,
    *,
    image: ImageU8,
    row: ExplanationRow,
    scale: float,
    style: OverlayStyle,
) -> None:
    with st.container(horizontal=True):
        st.download_button(
            "Patch and map as PNG",
            data=partial(_pair_png, image, row, scale, style),
            file_name=f"{position:06d}-{known.explainer.method}.png",
            mime="image/png",
            icon=":material/download:",
            on_click="ignore",
            key="explain-png",
        )
        st.download_button(
            "Measures as CSV",
            data=partial(table_csv, [row]),
            file_name=f"{position:06d}-measures.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
            key="explain-csv",
        )


def _pair_png(image: ImageU8, row: ExplanationRow, scale: float, style: OverlayStyle) -> bytes:
    style = replace(style, zoom=_EXPORT_ZOOM)
    return png_bytes(explained_picture(image, row, scale=scale, style=style))
