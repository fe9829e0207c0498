"""One patch of an audit: large, with what is known of it and its relations."""

from math import isnan

import streamlit as st

from app.screens.audit import words
from app.screens.audit.patches import source_or_none
from app.screens.audit.tiles import card, tile, tiles
from app.screens.audit.words import KINDS, flags_text, orientation_text
from app.screens.shared.parts import facts, patch_picture, section
from app.state import address
from core.audit import QUALITY
from core.audit.browse import AuditView
from core.audit.columns import measure_text
from core.audit.store import AuditStore
from core.jobs import Job
from core.patches import Patch, PatchSource
from core.pictures import enlarged_png
from core.wording import NOTHING, call_text, percent

_MOST_RELATED = 12


def patch_dialog(store: AuditStore, job: Job, view: AuditView) -> None:
    """Open the patch that is looked at, if one is."""
    row = address.audit_patch.number()
    if row is None:
        return
    if row >= len(view.patches):
        address.audit_patch.look_at(None)
        return
    opened = st.dialog("Patch", width="large", on_dismiss=_close)(_patch)
    opened(store, job, view)


def _close() -> None:
    address.audit_patch.look_at(None)


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
