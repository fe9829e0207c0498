"""One patch of an audit: large, with what is known of it, its relations and its neighbours."""

import streamlit as st

from app.screens.audit.patches import source_or_none
from app.screens.audit.tiles import Card, tile, tiles
from app.screens.audit.words import KINDS, flags_text, label_text, measure_text, orientation_text
from app.screens.shared.parts import facts, patch_picture, section
from app.state import address
from core.audit import QUALITY
from core.audit.browse import AuditView, nearest
from core.audit.store import AuditStore
from core.jobs import Job
from core.patches import Patch, PatchSource
from core.pictures import enlarged_png

_NEIGHBOURS = 12
_MOST_RELATED = 12


def patch_dialog(store: AuditStore, job: Job, view: AuditView) -> None:
    """Open the patch that is looked at, if one is."""
    row = address.audit_patch()
    if row is None:
        return
    if row >= len(view.patches):
        address.look_at_audit_patch(None)
        return
    opened = st.dialog("Patch", width="large", on_dismiss=_close)(_patch)
    opened(store, job, view)


def _close() -> None:
    address.look_at_audit_patch(None)


def _patch(store: AuditStore, job: Job, view: AuditView) -> None:
    row = address.audit_patch()
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
            st.caption("96 × 96 px; the label answers for the outlined centre 32 × 32 only.")
        else:
            said = str(patch["reason"]) or "It is not in its place, or changed since the audit."
            st.html('<div class="nl-nopicture">No picture</div>')
            st.caption(said)
    with known:
        _facts(view, row)
    _related(view, source, row)
    if patch["fault"]:
        return
    rows = nearest(view, row, _NEIGHBOURS)
    if len(rows):
        section("Nearest patches", "in the colour and stain means of centre and ring")
        cards = [Card((tile(view, source, int(near)),)) for near in rows]
        tiles(cards, key="audit-neighbours")


def _facts(view: AuditView, row: int) -> None:
    patch = view.patches.iloc[row]
    pairs = [
        ("Id", str(patch["id"])),
        ("Label", label_text(patch["label"])),
        ("Slide", str(patch["slide"]) if isinstance(patch["slide"], str) else "unknown"),
        ("Split", str(patch["split"]) if isinstance(patch["split"], str) else "unknown"),
        ("File", str(patch["path"])),
        ("Row", f"{row:,}"),
    ]
    for name, words in (("reason", "Not readable"), ("note", "Converted")):
        if patch[name]:
            pairs.append((words, str(patch[name])))
    if view.flag_words[row]:
        pairs.append(("Quality", flags_text(str(view.flag_words[row]))))
    if not patch["fault"]:
        for name in QUALITY:
            value = float(patch[name])
            below = float((view.patches[name] < value).mean())
            said = f"{value:.3g}" if value == value else "not defined"  # noqa: PLR0124 - NaN
            pairs.append((measure_text(name).capitalize(), f"{said}, above {below:.0%} of patches"))
    pairs.append(("SHA-256", f"{patch['sha256'][:16]}…" if patch["sha256"] else "–"))
    facts(pairs)


def _related(view: AuditView, source: PatchSource | None, row: int) -> None:
    pairs = view.audit.pairs
    places = view.relations_of.get(row, [])
    if pairs is None or not places:
        return
    section("Related patches", f"{len(places):,} found, each confirmed on its pixels")
    cards = []
    for place in places[:_MOST_RELATED]:
        pair = pairs.iloc[place]
        other = int(pair["row_b"] if pair["row_a"] == row else pair["row_a"])
        where = orientation_text(
            int(pair["orientation"]), int(pair["shift_x_px"]), int(pair["shift_y_px"])
        )
        why = f"{KINDS.get(str(pair['kind']), pair['kind'])}, {where}"
        cards.append(Card((tile(view, source, other, why=why),)))
    tiles(cards, key="audit-related")
