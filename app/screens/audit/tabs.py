"""The parts of the data-set page and which of them is looked at."""

from typing import Final

import streamlit as st

from app.state import address, widgets

FINDINGS: Final = "Findings"
PATCHES: Final = "Patches"
BALANCE: Final = "Classes and slides"
PAIRS: Final = "Duplicates and leaks"
LABELS: Final = "Doubtful labels"
MEASURES: Final = "Measures"
MAP: Final = "Map"
LIMITS: Final = "Limits"
TABLE: Final = "Table"
PARTS: Final = (FINDINGS, PATCHES, BALANCE, PAIRS, LABELS, MEASURES, MAP, LIMITS, TABLE)


def part_choice(job_id: str) -> str:
    """Draw the choice of a part and return it; it stands in the URL."""
    key = _key(job_id)
    if widgets.chosen(key) is None:
        named = address.audit_part.now()
        widgets.choose(key, named if named in PARTS else FINDINGS)
    part = st.segmented_control(
        "Part",
        PARTS,
        required=True,
        key=key,
        label_visibility="collapsed",
    )
    address.audit_part.look_at(part or FINDINGS)
    return part or FINDINGS


def go_to(job_id: str, part: str) -> None:
    """Look at another part."""
    widgets.choose(_key(job_id), part)


def _key(job_id: str) -> str:
    return f"audit-part-{job_id}"
