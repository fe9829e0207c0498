"""The part of the data-set page that is looked at, and the patches: filters, tiles, one large."""

from collections.abc import Callable
from functools import partial
from math import isnan
from typing import Any, Final

import pandas as pd
import streamlit as st

from app import resources
from app.screens.audit import words
from app.screens.audit.tiles import card, tile, tiles
from app.screens.audit.words import KINDS, flags_text, orientation_text
from app.screens.shared.downloads import download
from app.screens.shared.pager import page_of, pager
from app.screens.shared.parts import button, choice, empty, facts, patch_picture, plain, section
from app.state import address, widgets
from core.audit import FLAGS, MEASURES, QUALITY
from core.audit.browse import (
    AuditView,
    Chosen,
    PatchChoice,
    PatchFilter,
    PatchOrder,
    Rows,
    choose,
    csv_bytes,
    exported,
    listed,
    parquet_bytes,
)
from core.audit.columns import measure_text
from core.audit.store import AuditStore
from core.errors import NodelensError
from core.jobs import Job
from core.patches import Patch, PatchSource
from core.pictures import enlarged_png
from core.wording import NOTHING, call_text, percent

FINDINGS: Final = "Findings"
CLASSES: Final = "Classes"
BALANCE: Final = "Slides and splits"
PAIRS: Final = "Duplicates and leaks"
LABELS: Final = "Doubtful labels"
MAP: Final = "Map"
PATCHES: Final = "Patches"
PARTS: Final = (FINDINGS, CLASSES, BALANCE, PAIRS, LABELS, MAP, PATCHES)
_SEED: Final = "audit-seed"
_ALONE: Final = 192
_BESIDE: Final = 96
_A_PAGE: Final = 36
_PAGE: Final = "show-page"
_FILES: Final = {"CSV": csv_bytes, "Parquet": parquet_bytes}


def part_choice(job_id: str) -> str:
    """Draw the choice of a part and return it; it stands in the URL."""
    key = _part_key(job_id)
    if widgets.chosen(key) is None:
        named = address.audit_part()
        widgets.choose(key, named if named in PARTS else FINDINGS)

    def turned() -> None:
        if widgets.chosen(key) != PATCHES:  # which shows large what was chosen in another part
            show_all()

    part = choice("Part", PARTS, key, label_visibility="collapsed", on_change=turned)
    address.look_at_audit_part(part)
    return part


def go_to(job_id: str, part: str) -> None:
    """Look at another part."""
    widgets.choose(_part_key(job_id), part)


def _part_key(job_id: str) -> str:
    return f"audit-part-{job_id}"


def shown_now() -> PatchChoice:
    """Return what is looked at."""
    text, rows = address.audit_shown()
    return PatchChoice("rows", "Selected in the chart", rows) if rows else PatchChoice.parse(text)


def show(shown: PatchChoice) -> None:
    """Look at other patches."""
    address.show_in_audit("" if shown.kind in {"all", "rows"} else str(shown), shown.rows)


def show_all() -> None:
    """Look at all patches."""
    show(PatchChoice())


def source_or_none(store: AuditStore, job: Job) -> PatchSource | None:
    """Return the audited patches, or say why there are no pictures."""
    try:
        return resources.audit_source(store, job)
    except NodelensError as error:
        st.caption(f"No pictures: {error}")
        return None


def patches_beside(store: AuditStore, job: Job, view: AuditView) -> None:
    """Draw the patches that are looked at in a narrow place."""
    chosen = choose(view, shown_now())
    headline(chosen)
    rows = listed(view, chosen, PatchFilter())
    _page(store, job, view, rows, chosen.measure, side=_BESIDE)


def patches_alone(store: AuditStore, job: Job, view: AuditView) -> None:
    """Draw the patches that are looked at with filters, order and downloads."""
    chosen = choose(view, shown_now())
    headline(chosen)
    filters = _filters(view, chosen)
    rows = listed(view, chosen, filters)
    by_measure = filters.order in {PatchOrder.HIGHEST, PatchOrder.LOWEST}
    measure = filters.measure if by_measure else chosen.measure
    _page(store, job, view, rows, measure, side=_ALONE)
    with st.container(horizontal=True, vertical_alignment="center"):
        for kind, written in _FILES.items():
            label, suffix = f"{kind}, {len(rows):,} rows", kind.lower()
            make = partial(_file, written, view, rows)
            name, key = f"audit-{job.name}.{suffix}", f"audit-rows-{suffix}"
            download(label, make, name, key, disabled=not len(rows))
    counts = {"measures": len(MEASURES), "quality": len(QUALITY), "flags": len(FLAGS)}
    st.caption(words.DOWNLOADS.format(**counts))


def _file(written: Callable[[pd.DataFrame], bytes], view: AuditView, rows: Rows) -> bytes:
    return written(exported(view, rows))


def headline(chosen: Chosen) -> None:
    """Draw what is looked at and how many, with the way back to all."""
    sentence = chosen.sentence.rstrip(".")
    count = f"{len(chosen.rows):,} {'patch' if len(chosen.rows) == 1 else 'patches'}"
    if chosen.of > len(chosen.rows):
        count = f"{count}, the first of {chosen.of:,}"
    note = "" if count in sentence else f" · {count}"
    with st.container(horizontal=True, vertical_alignment="center", key="nl-audit-shown"):
        st.markdown(f"**{plain(sentence)}**{note}")
        if shown_now() != PatchChoice():
            button("Show all", "audit-show-all", "close", show_all)


def _order_text(chosen: Chosen, order: PatchOrder) -> str:
    if order is PatchOrder.AS_FOUND and not chosen.measure:
        return "in the order of the data set"
    return str(order)


def _filters(view: AuditView, chosen: Chosen) -> PatchFilter:
    text_part, order_part, more_part = st.columns([1.2, 1, 1], vertical_alignment="bottom")
    kept: dict[str, Any] = {"persist_state": "session"}
    text = text_part.text_input(
        "Search ID, path or slide",
        icon=":material/search:",
        key=f"audit-text-{view.job_id}",
        **kept,
    )
    order = order_part.selectbox(
        "Order", list(PatchOrder), format_func=lambda each: _order_text(chosen, each),
        key="audit-order", **kept,
    )  # fmt: skip
    measure = "detail_share"
    if order is PatchOrder.RANDOM:
        with more_part:
            button("Draw again", "audit-draw", "casino", redraw, _SEED)
    elif order in {PatchOrder.HIGHEST, PatchOrder.LOWEST}:
        measure = more_part.selectbox(
            "Measure", MEASURES, format_func=measure_text, key="audit-order-measure", **kept
        )
    options = {"Label": list(pd.unique(view.label_words)), "Split": view.splits,
               "Quality": list(FLAGS)}  # fmt: skip
    labels, splits, flags = (
        place.pills(
            label,
            options[label],
            selection_mode="multi",
            format_func=lambda name: words.FLAGS.get(name, name),
            key=f"audit-{label}-{view.job_id}",
            wrap=True,
            **kept,
        )
        if options[label]
        else []
        for place, label in zip(st.columns([1, 1, 2.4]), options, strict=True)
    )
    seed = int(str(widgets.chosen(_SEED, 0)))
    return PatchFilter(
        frozenset(labels), frozenset(splits), frozenset(flags), (text or "").strip(), order,
        measure, seed,
    )  # fmt: skip


def redraw(seed: str) -> None:
    """Draw other patches at random; `seed` is the key that says which."""
    widgets.choose(seed, int(str(widgets.chosen(seed, 0))) + 1)


def _page(
    store: AuditStore, job: Job, view: AuditView, rows: Rows, measure: str, *, side: int
) -> None:
    if not len(rows):
        empty(*words.NO_PATCH)
        return
    page = page_of(len(rows), _A_PAGE, key=_PAGE)
    source = source_or_none(store, job)
    cards = [
        card(tile(view, source, int(row), why=_why(view, int(row), measure)))
        for row in rows[page.part]
    ]
    tiles(cards, key="audit-tiles", side=side, followed=side == _BESIDE)
    with st.container(horizontal=True, vertical_alignment="center"):
        pager(page)


def _why(view: AuditView, row: int, measure: str) -> str:
    reasons = []
    if measure:
        reasons.append(f"{measure_text(measure)} {view.patches[measure].iloc[row]:.3g}")
    if flags := view.flags_of[row]:
        reasons.append(flags_text(flags))
    return " · ".join(reasons)


_MOST_RELATED = 12


def patch_dialog(store: AuditStore, job: Job, view: AuditView) -> None:
    """Open the patch that is looked at, if one is."""
    row = address.audit_patch.number()
    if row is None:
        return
    if row >= len(view.patches):
        address.audit_patch.look_at(None)
        return
    close = partial(address.audit_patch.look_at, None)
    opened = st.dialog("Patch", width="large", on_dismiss=close)(_patch)
    opened(store, job, view)


def _patch(store: AuditStore, job: Job, view: AuditView) -> None:
    row = address.audit_patch.number()
    if row is None or row >= len(view.patches):
        return
    patch = view.patches.iloc[row]
    source = source_or_none(store, job)
    picture, known = st.columns([1, 1], gap="medium")
    with picture:
        item = source.read(row) if source is not None and row < len(source) else None
        if isinstance(item, Patch) and item.sha256 == patch["sha256"]:
            png = enlarged_png(item.image_rgb_u8, scale=4)
            patch_picture(png, f"Patch {patch['id']}, enlarged four times")
            st.caption(words.LABEL_CENTRE)
        else:
            st.html('<div class="nl-nopicture">No picture</div>')
            st.caption(str(patch["reason"]) or words.MOVED)
    with known:
        _facts(view, row)
    _related(view, source, row)


def _facts(view: AuditView, row: int) -> None:
    patch = view.patches.iloc[row]
    known = {
        "ID": str(patch["id"]),
        "Label": call_text(str(view.label_words[row])),
        "Slide": str(patch["slide"]) if isinstance(patch["slide"], str) else "unknown",
        "Split": str(patch["split"]) if isinstance(patch["split"], str) else "unknown",
        "File": str(patch["path"]),
        "Row": f"{row:,}",
        "Unreadable": str(patch["reason"]),
        "Note": str(patch["note"]),
        "Quality": flags_text(view.flags_of[row]),
    }
    if not patch["fault"]:
        for name in QUALITY:
            value = float(patch[name])
            below = float((view.patches[name] < value).mean())
            text = "not defined" if isnan(value) else f"{value:.3g}"
            above = f"{text}, above {percent(below, 0)} of patches"
            known[measure_text(name).capitalize()] = above
    known["SHA-256"] = f"{patch['sha256'][:16]}…" if patch["sha256"] else NOTHING
    facts({name: text for name, text in known.items() if text})


def _related(view: AuditView, source: PatchSource | None, row: int) -> None:
    pairs = view.audit.table("pairs")
    if pairs is None:
        return
    related_pairs = pairs[(pairs["row_a"] == row) | (pairs["row_b"] == row)]
    if related_pairs.empty:
        return
    section("Related patches", f"{len(related_pairs):,}, each confirmed pixel by pixel")
    cards = []
    for pair in related_pairs.head(_MOST_RELATED).to_dict("records"):
        other = int(pair["row_b"] if pair["row_a"] == row else pair["row_a"])
        where = orientation_text(
            int(pair["orientation"]), int(pair["shift_x_px"]), int(pair["shift_y_px"])
        )
        why = f"{KINDS.get(str(pair['kind']), pair['kind'])}, {where}"
        cards.append(card(tile(view, source, other, why=why)))
    tiles(cards, key="audit-related")
