"""What is explained and how: the batch, the method, the list of its patches, the look of maps."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from html import escape
from typing import Final

import streamlit as st

from app import resources
from app.screens.explanation import words
from app.screens.shared.jobs import when
from app.screens.shared.pager import step_buttons
from app.screens.shared.parts import attempt, button, empty, plain
from app.state import address, identity, widgets
from core.explanation import Explainer, Method, OverlayStyle, Target, draw_scale_bar
from core.explanation.explained import PatchCollection
from core.explanation.listing import FILTERS, ORDERS, MeasureOrder
from core.explanation.words import METHODS
from core.jobs import JobStore
from core.pictures import png_bytes
from core.scoring import Classifier

ONE_PATCH: Final = "One patch"
GALLERY: Final = "Gallery"
_OFFERED: Final = (Method.GRAD_CAM, Method.GRAD_CAM_PLUS_PLUS, Method.CAM, Method.REPLACEMENT)


def patches_to_explain(store: JobStore) -> PatchCollection | None:
    """Draw the choice of a finished batch and return its patches, None while there is none."""
    mine = [(job, resources.progress(store, job)) for job in store.jobs(identity.owner())]
    jobs = {job.id: job for job, now in mine if now.state == "done" and now.total}
    asked_for = address.to_explain()
    if not jobs:
        empty(*words.NO_BATCH)
        st.page_link("views/batch.py", label="Score patches", icon=":material/grid_view:")
        return None
    batch = "explain-batch"
    if asked_for is not None:
        widgets.choose(batch, address.job.known())
    if widgets.chosen(batch) not in jobs:
        looked_at = address.shown("job") or address.job.known()
        widgets.choose(batch, looked_at if looked_at in jobs else next(iter(jobs)))
    chosen = st.selectbox(
        "Batch",
        list(jobs),
        format_func=lambda job_id: f"{jobs[job_id].name} · {when(jobs[job_id])}",
        key=batch,
        persist_state="session",
    )
    collection = attempt(resources.job_collection, store, jobs[chosen])
    if collection and asked_for in collection.positions:
        look_at(collection, asked_for)
        widgets.choose(key("filter", collection), [])
    return collection


def way_to_explain(classifier: Classifier, collection: PatchCollection) -> Explainer | None:
    """Draw the choice of a method and return what explains, None where it does not fit."""
    default = resources.explainer(classifier)
    methods = [method for method in _OFFERED if method is not Method.CAM or default.exact]
    name = "explain-method"
    widgets.start(name, next((one for one in methods if one == address.shown("method")), None))
    if widgets.chosen(name) not in methods:
        widgets.choose(name, Method.GRAD_CAM)
    method = st.selectbox(
        "Method",
        methods,
        format_func=METHODS.__getitem__,
        key=name,
        persist_state="session",
        help=words.METHOD_HELP,
    )
    layer = None if method in {Method.CAM, Method.REPLACEMENT} else default.layer.name
    return attempt(resources.explainer, classifier, method, layer, collection)


def way_in_words(explainer: Explainer) -> str:
    """Return method and grid of an explainer."""
    rows, columns = explainer.layer.grid
    return f"{METHODS[explainer.method]} at {rows} × {columns} squares"


def key(name: str, collection: PatchCollection) -> str:
    """Return what a setting of a collection's list is kept under.

    It is "order", "filter", "at" (the patch that is looked at), "view" or "page".
    """
    return f"explain-{name}-{collection.key}"


def begin(collection: PatchCollection, *, linked: bool) -> None:
    """Look at a list as the URL says, unless this visit has looked at it otherwise."""
    shown = address.shown if linked else lambda _: ""
    orders = {slug(name): name for name in ORDERS}
    filters = shown("only").split(",")
    row = shown("row")
    at = int(row) if row.isascii() and row.isdigit() else None
    widgets.start(key("at", collection), at if at in collection.positions else None)
    widgets.start(key("order", collection), orders.get(shown("order"), next(iter(ORDERS))))
    widgets.start(key("filter", collection), [n for n in FILTERS if slug(n) in filters])
    widgets.start(key("view", collection), GALLERY if shown("view") == "gallery" else ONE_PATCH)


def in_url(collection: PatchCollection, explainer: Explainer) -> dict[str, str]:
    """Return what is explained and how, as the URL has it; what is usual is left out."""
    order, at = order_in_use(collection), widgets.chosen(key("at", collection))
    usual = resources.explainer(explainer.classifier).method
    return {
        "job": collection.job,
        "method": "" if explainer.method is usual else str(explainer.method),
        "row": "" if at is None else str(at),
        "order": "" if order.name == next(iter(ORDERS)) else slug(order.name),
        "only": ",".join(map(slug, filters_in_use(collection))),
        "view": "gallery" if widgets.chosen(key("view", collection)) == GALLERY else "",
    }


def slug(name: str) -> str:
    """Return the name of an order or a filter as it stands in the URL."""
    return "-".join(name.lower().replace(",", "").split())


def look_at(collection: PatchCollection, position: int | None) -> None:
    """Look at one patch of a collection."""
    widgets.choose(key("at", collection), position)
    widgets.choose(key("view", collection), ONE_PATCH)


def order_in_use(collection: PatchCollection) -> MeasureOrder:
    """Return how the list is sorted."""
    name = str(widgets.chosen(key("order", collection)))
    return ORDERS.get(name, next(iter(ORDERS.values())))


def filters_in_use(collection: PatchCollection) -> list[str]:
    """Return which filters are on."""
    names = widgets.chosen(key("filter", collection))
    return [str(name) for name in names] if isinstance(names, list) else []


def filter_names(filters: Sequence[str]) -> str:
    """Return the filters as a reader reads them."""
    return " and ".join(f"“{name}”" for name in filters)


def clear_filters(collection: PatchCollection, place: str) -> None:
    """Draw a button that shows the whole list again; it may be on the page in two places."""
    clear = partial(widgets.choose, key("filter", collection), [])
    button("Clear filters", f"explain-clear-{place}", "filter_alt_off", clear)


def walk(
    collection: PatchCollection, positions: Sequence[int], filters: Sequence[str], order: str
) -> tuple[int, int | None]:
    """Draw the way to the patches before and after.

    Returns:
        The position that is looked at and the next one of the list, None at its end.
    """
    held = widgets.chosen(key("at", collection))
    at = held if isinstance(held, int) and held in collection.positions else None
    if at is None:
        at = positions[0] if positions else collection.positions[0]
    if len(collection.positions) == 1:
        return at, None
    place, _, following = step_buttons(positions, at, partial(look_at, collection), "explain-")
    st.caption(plain(_place_text(place, len(positions), filters, order)))
    if filters:
        clear_filters(collection, "walk")
    widgets.choose(key("at", collection), at)
    return at, following


def _place_text(place: int, count: int, filters: Sequence[str], order: str) -> str:
    names = filter_names(filters)
    if not count:
        return words.SHOWN_ANYWAY.format(filters=names)
    where = f"{place + 1:,} of {count:,}" if place >= 0 else f"not in this list of {count:,}"
    only = f", only {names}" if filters else ""
    return f"{where} · {order[:1].lower()}{order[1:]}{only}"


ZOOM: Final = 4
"""Two pictures and the words fit side by side without the browser shrinking a pixel."""


@dataclass(frozen=True)
class Look:
    """How maps are drawn.

    Attributes:
        style: Of the pictures.
        scale: What value gets the full colour, in the map's unit; None where each has its own.
        whose: Whose scale it is, in words.
    """

    style: OverlayStyle
    scale: float | None = None
    whose: str = words.OWN_SCALE


_TOGGLES: Final = (
    ("centre_box", "Mark the centre", words.BOX_HELP, True),
    ("smooth", "Smooth map", words.SMOOTH_HELP, True),
    ("contour", "Contour", words.CONTOUR_HELP, True),
    ("smooth_patch", "Smooth zoom", words.ZOOM_HELP, True),
    ("shared", "One scale for all", words.SHARED_HELP, False),
)
"""Field of the style, label, help, and whether it is on at first; the last is no field."""


def look_of_maps() -> tuple[OverlayStyle, bool]:
    """Draw the settings of the picture, folded; return them, and whether all maps share a scale."""
    with st.popover("Display", icon=":material/palette:"):
        on = {
            name: st.toggle(
                label, usual, key=f"explain-{name}", persist_state="session", help=meaning
            )
            for name, label, meaning, usual in _TOGGLES
        }
        opacity = st.slider(
            "Opacity", 0.0, 1.0, 0.6, 0.05, key="explain-opacity", persist_state="session"
        )
    shared = on.pop("shared")
    return OverlayStyle(zoom=ZOOM, opacity=opacity, **on), shared


def scale_bar(target: Target, most: str, look: Look) -> str:
    """Return the colours with what they mean, as HTML."""
    bar = png_bytes(draw_scale_bar(opacity=look.style.opacity))
    high = f"for {words.TARGETS[target]}"
    most = f"+{most} " if most else ""
    return (
        f'<div class="nl-scale"><img alt="Colours from nothing to {high}" '
        f'src="data:image/png;base64,{base64.b64encode(bar).decode()}">'
        f"<div><span>0</span><span>{most}{high}</span></div>"
        f"logits per square · {escape(look.whose)}</div>"
    )
