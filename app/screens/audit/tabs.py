"""The parts of the data-set page and which of them is looked at."""

from functools import partial
from typing import Final

import streamlit as st

from app.screens.audit import patches
from app.state import address, widgets

FINDINGS: Final = "Findings"
CLASSES: Final = "Classes"
BALANCE: Final = "Slides and splits"
PAIRS: Final = "Duplicates and leaks"
LABELS: Final = "Doubtful labels"
MAP: Final = "Map"
PATCHES: Final = "Patches"
PARTS: Final = (FINDINGS, CLASSES, BALANCE, PAIRS, LABELS, MAP, PATCHES)


def part_choice(job_id: str) -> str:
    """Draw the choice of a part and return it; it stands in the URL."""
    key = _key(job_id)
    if widgets.chosen(key) is None:
        named = address.audit_part()
        widgets.choose(key, named if named in PARTS else FINDINGS)
    part = st.segmented_control(
        "Part",
        PARTS,
        required=True,
        key=key,
        label_visibility="collapsed",
        on_change=partial(_turned, key),
    )
    address.look_at_audit_part(part or FINDINGS)
    return part or FINDINGS


def _turned(key: str) -> None:
    """Drop what was chosen in the chart of the part that is left; Patches shows it large."""
    if widgets.chosen(key) != PATCHES:
        patches.show_all()


def go_to(job_id: str, part: str) -> None:
    """Look at another part."""
    widgets.choose(_key(job_id), part)


def _key(job_id: str) -> str:
    return f"audit-part-{job_id}"
