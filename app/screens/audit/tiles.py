"""Patches as tiles that can be clicked, one by one or in pairs.

Own component, because sixty pictures with sixty buttons over them are slow in Streamlit.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from app import resources
from app.screens.audit.words import MOVED
from app.screens.shared.component import component
from app.state import address, widgets
from core.audit.browse import AuditView
from core.patches import PatchSource
from core.wording import call_text

_SCRIPT: Final = Path(__file__).with_name("tiles.js")
_TONES: Final = {"tumour": "tumour", "no tumour": "no-tumour", "unknown": ""}


Tile = dict[str, Any]
"""A patch as the component draws it."""


def tile(
    view: AuditView,
    source: PatchSource | None,
    row: int,
    *,
    why: str = "",
    orientation: int = 0,
    region: tuple[float, ...] = (),
    bare: bool = False,
) -> Tile:
    """Return a row as a tile, with its label in words and a sign.

    Args:
        view: The audit.
        source: Of the pictures; None if it cannot be opened.
        row: Which.
        why: Why it is here.
        orientation: How to turn the picture.
        region: Left, top, width and height in per cent of what is to be outlined besides the
            centre; empty for nothing.
        bare: Whether nothing is said below the picture.
    """
    patch = view.patches.iloc[row]
    label, picture = str(view.label_words[row]), None
    if source is not None and not patch["fault"]:
        picture = resources.audit_picture(source, row, str(patch["sha256"]), orientation)
    known = [f"{name} {patch[name]}" for name in ("slide", "split") if isinstance(patch[name], str)]
    return {
        "row": row,
        "title": str(patch["id"]),
        "src": picture,
        "label": "" if bare else call_text(label),
        "tone": _TONES[label],
        "why": why,
        "lines": () if bare else (*known, str(patch["id"])),
        "region": region,
        "missing": str(patch["reason"]) or MOVED,
    }


def card(*shown: Tile, title: str = "", words: str = "") -> dict[str, Any]:
    """Return one tile, or two that belong together with words above them."""
    return {"tiles": shown, "title": title, "words": words}


def tiles(
    cards: Sequence[dict[str, Any]], *, key: str, side: int = 96, followed: bool = False
) -> None:
    """Draw cards; a click looks at the patch.

    Args:
        cards: From `card`, with one tile each, or with two each.
        key: Of the component.
        side: Of a picture in CSS pixels, a multiple of 96.
        followed: Whether a narrow page moves to them when they change.
    """

    def picked() -> None:
        clicked = widgets.component_value(key, "picked")
        if clicked:
            address.audit_patch.look_at(int(clicked["row"]))

    data: dict[str, Any] = {
        "cards": cards,
        "side": side,
        "followed": followed,
        "pairs": any(len(one["tiles"]) > 1 for one in cards),
    }
    data["stamp"] = hashlib.sha256(json.dumps(data).encode()).hexdigest()
    component("nodelens_tiles", _SCRIPT)(
        key=key, data=data, on_picked_change=picked, height="content"
    )
