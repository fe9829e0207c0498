"""The tiles of the gallery: a patch under its map, its score, and what may be done with the map."""

from dataclasses import replace
from html import escape
from typing import Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import resources
from app.screens.explanation.patch_list import look_at
from core.explanation import ExplanationRow, MapState, OverlayStyle, draw_overlay, draw_patch_box
from core.explanation.explained import ExplainedPatches, PatchCollection
from core.explanation.listing import MeasureOrder
from core.pictures import png_bytes
from core.scoring import Status, outcome
from core.wording import call_text, score_text

_TILE_ZOOM: Final = 2


class Tiles:
    """The tiles of the open page; a tile can be drawn again when its map is there.

    Attributes:
        places: Where the picture and the words of a position are.
    """

    def __init__(
        self,
        shown: ExplainedPatches,
        collection: PatchCollection,
        order: MeasureOrder,
        style: OverlayStyle,
        scale: float | None,
    ) -> None:
        """Start with none."""
        self.places: dict[int, DeltaGenerator] = {}
        self._shown = shown
        self._collection = collection
        self._order = order
        self._style = replace(style, zoom=_TILE_ZOOM)
        self._scale = scale

    def draw(self, position: int, row: ExplanationRow) -> None:
        """Draw a tile with the button that looks at its patch."""
        with st.container(key=f"nl-tile-{position}"):
            self.places[position] = st.empty()
            self.redraw(position, row)
            st.button(
                f"View patch {position + 1}, score {score_text(row.score.prob_tumour)}, "
                f"{_call(row)}, {_state_of_map(row)}",
                key=f"explain-tile-{position}",
                on_click=look_at,
                args=(self._collection, position),
            )

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
        model, collection = self._shown.explainer.classifier.model_id, self._collection

        def draw() -> bytes:
            image = collection.image(position)
            if image is None:
                return b""
            if explanation is None:
                return png_bytes(draw_patch_box(image, style))
            return png_bytes(
                draw_overlay(
                    image,
                    explanation.cam,
                    scale=scale,
                    style=style,
                    strength=explanation.strength,
                )
            )

        key = f"{model} {collection.key} {position} {mapped} {style} {scale}"
        return resources.picture_uri(draw, key)


def _call(row: ExplanationRow) -> str:
    return call_text(outcome(row.score))


def _state_of_map(row: ExplanationRow) -> str:
    if row.map_state is MapState.NONE:
        return "preparing the map …" if row.score.status is Status.SCORED else "no map"
    return row.map_state.value.capitalize()
