"""One patch of a batch, enlarged, with what is known of it."""

from collections.abc import Sequence

import streamlit as st

from app import resources
from app.screens.batch import words
from app.screens.shared.pager import step_button
from app.screens.shared.parts import TONES, Stat, facts, patch_picture, stat_strip
from app.screens.shared.words import CENTRE_ONLY
from app.state import address
from core.jobs import Job, JobStore
from core.scoring import ScoreRow, Status, outcome
from core.wording import NOTHING, call_text, label_text, score_text


def patch_detail(
    store: JobStore, job: Job, rows: Sequence[ScoreRow], positions: Sequence[int]
) -> None:
    """Draw the patch that is looked at, or the first of the list."""
    if not positions:
        return
    position = address.row()
    if position is None or position >= len(rows):
        position = positions[0]
    row = rows[position]
    place = positions.index(position) if position in positions else -1
    with st.container(horizontal=True, vertical_alignment="center", key="nl-walk"):
        before = positions[place - 1] if place > 0 else None
        after = positions[place + 1] if place + 1 < len(positions) else None
        step_button("Previous patch", address.look_at_row, before, "previous", "K")
        step_button("Next patch", address.look_at_row, after, "next", "J", forward=True)
        in_list = f"{place + 1:,} of {len(positions):,} in this list"
        st.caption(in_list if place >= 0 else "not in this list")
        outlined = st.toggle("Outline the centre", value=True, key="outline")
    stat_strip(
        [
            Stat("Score", score_text(row.prob_tumour)),
            Stat("Call", call_text(outcome(row)), tone=TONES[outcome(row)]),
        ]
    )
    picture = resources.detail(store, job, position, outlined=outlined)
    if picture is not None:
        patch_picture(picture, f"Patch {row.path}, enlarged seven times")
        st.caption(f"{words.SIZE} {CENTRE_ONLY}")
    else:
        st.html(f'<div class="nl-nopicture">{words.NO_PICTURE}</div>')
    patch_facts(row)


def patch_facts(row: ScoreRow) -> None:
    """Draw what is known of a scored input."""
    pairs = [("File", row.path)]
    if row.status is Status.SCORED and row.prob_tumour is not None:
        side = "above" if row.prob_tumour >= row.threshold else "below"
        distance = abs(row.prob_tumour - row.threshold)
        point = f"{row.threshold:.4f} ({row.operating_point})"
        pairs.append(("Threshold", f"{point}; the score is {distance:.3f} {side} it"))
    spread, label = row.d4_sd_logit, row.label
    known = {
        "Remark": row.reason,
        "Converted": row.note,
        "Orientations": "" if spread is None else f"SD of the logits {spread:.2f}",
        "Reference label": "" if label is None else label_text(label),
        "Slide": row.slide,
        "Split": row.split,
        "Model": row.model_id,
        "SHA-256": f"{row.sha256[:16]}…" if row.sha256 else NOTHING,
    }
    facts([*pairs, *((name, text) for name, text in known.items() if text)])
