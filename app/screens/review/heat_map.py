"""The model's map beside the patch that is read, asked for by a key and never waited for."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import streamlit as st

from app import resources
from app.screens.review import words
from app.state import widgets
from core.errors import NodelensError
from core.pictures import png_bytes
from core.review import CaseOpened, CasePatch, MapShown, ReadingMode

_WANTED: Final = "review-map"
_LOOK_EVERY_S: Final = 0.4


@dataclass(frozen=True)
class MapView:
    """What is to be drawn of a map.

    Attributes:
        shown: What goes on the record; None if there is no map to speak of.
        picture: Data URI of the patch under its map; "" while none is ready.
        sentences: What it says, or why there is none.
        how: How it was made.
        waiting: Whether it is being made.
    """

    shown: MapShown | None
    picture: str
    sentences: Sequence[str]
    how: str = ""
    waiting: bool = False


def map_view(case: CaseOpened, patch: CasePatch | None, hashes: Sequence[str]) -> MapView | None:
    """Return the map of the patch on the screen; None if it is not asked for or not allowed.

    Args:
        case: What is read.
        patch: On the screen; None while the reader is blind to the model.
        hashes: Of this patch and the next ones, whose maps are made ahead.
    """
    if not widgets.chosen(_WANTED) or case.mode is ReadingMode.SECOND_READER:
        return None
    try:
        maps = resources.review_maps(resources.settings())
        maps.maker.require_model(case.model_id)
        ready = None if patch is None else maps.ready(patch.sha256)
        maps.prepare(hashes)
    except NodelensError as error:
        return None if patch is None else MapView(None, "", (f"No map. {error}",))
    if patch is None:
        return None
    if ready is None:
        return MapView(None, "", (), waiting=True)
    shown = ready.shown
    key = f"review-map-{shown.model_id}-{patch.sha256}"
    uri = resources.picture_uri(partial(png_bytes, ready.picture_rgb_u8), key)
    return MapView(shown, uri, ready.sentences, f"Made at the layer {shown.layer}.")


def map_button(*, allowed: bool) -> None:
    """Draw the switch of the map; it holds from patch to patch."""
    on = bool(widgets.chosen(_WANTED))
    st.button(
        "Hide Grad-CAM" if on else "Grad-CAM",
        key="map",
        shortcut="M",
        icon=":material/layers:",
        disabled=not allowed,
        help=words.MAP_HELP,
        on_click=widgets.choose,
        args=(_WANTED, not on),
    )


@st.fragment(run_every=_LOOK_EVERY_S)
def wait_for_map(sha256: str) -> None:
    """Draw that a map is being made, and the page anew when it is there."""
    st.html(f'<div class="nl-read-hidden">{words.MAP_WAIT}</div>')
    try:
        ready = resources.review_maps(resources.settings()).ready(sha256) is not None
    except NodelensError:
        ready = True  # the page says what is wrong
    if ready:
        st.rerun()
