"""Patches as tiles that can be clicked, one by one or in pairs.

Own component, because sixty pictures with sixty buttons over them are slow in Streamlit.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
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


@dataclass(frozen=True)
class Tile:
    """A patch on the page.

    Attributes:
        row: Of the audit.
        title: Its id.
        src: The picture as data URI; None without one.
        label: In words, with a sign.
        tone: Which colour the label has.
        why: Why it is here.
        lines: What else is said of it.
        region: Left, top, width and height in per cent of what is to be outlined besides the
            centre; empty for nothing.
        missing: Why there is no picture.
    """

    row: int
    title: str
    src: str | None
    label: str
    tone: str
    why: str
    lines: tuple[str, ...]
    region: tuple[float, ...] = ()
    missing: str = ""


@dataclass(frozen=True)
class TileCard:
    """One tile, or two that belong together with words above them."""

    tiles: tuple[Tile, ...]
    title: str = ""
    words: str = ""


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
    """Return a row as a tile.

    Args:
        view: The audit.
        source: Of the pictures; None if it cannot be opened.
        row: Which.
        why: Why it is here.
        orientation: How to turn the picture.
        region: See `Tile`.
        bare: Whether nothing is said below the picture.
    """
    patch = view.patches.iloc[row]
    label, picture = str(view.label_words[row]), None
    if source is not None and not patch["fault"]:
        picture = resources.audit_picture(source, row, str(patch["sha256"]), orientation)
    known = [f"{name} {patch[name]}" for name in ("slide", "split") if isinstance(patch[name], str)]
    return Tile(
        row,
        str(patch["id"]),
        picture,
        "" if bare else call_text(label),
        _TONES[label],
        why,
        () if bare else (*known, str(patch["id"])),
        region,
        str(patch["reason"]) or MOVED,
    )


def tiles(cards: Sequence[TileCard], *, key: str, side: int = 96, followed: bool = False) -> None:
    """Draw cards; a click looks at the patch.

    Args:
        cards: With one tile each, or with two each.
        key: Of the component.
        side: Of a picture in CSS pixels, a multiple of 96.
        followed: Whether a narrow page moves to them when they change.
    """

    def picked() -> None:
        clicked = widgets.component_value(key, "picked")
        if clicked:
            address.audit_patch.look_at(int(clicked["row"]))

    data: dict[str, Any] = {
        "cards": [asdict(card) for card in cards],
        "side": side,
        "followed": followed,
        "pairs": any(len(card.tiles) > 1 for card in cards),
    }
    data["stamp"] = hashlib.sha256(json.dumps(data).encode()).hexdigest()
    component("nodelens_tiles", _SCRIPT)(
        key=key, data=data, on_picked_change=picked, height="content"
    )
