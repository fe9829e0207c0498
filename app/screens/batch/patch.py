"""One patch of a batch, enlarged, with what is known of it."""

from collections.abc import Sequence

import streamlit as st

from app import resources
from app.screens.shared.parts import (
    Stat,
    facts,
    outcome_text,
    outcome_tone,
    patch_picture,
    score_text,
    stat_strip,
)
from app.state import address
from core.jobs import Job, JobStore
from core.scoring import ScoreRow, Status, outcome


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
        st.button(
            "Previous patch",
            icon=":material/chevron_left:",
            key="previous",
            disabled=place <= 0,
            on_click=address.look_at_row,
            args=(positions[place - 1] if place > 0 else None,),
            shortcut="K",
        )
        st.button(
            "Next patch",
            icon=":material/chevron_right:",
            icon_position="right",
            key="next",
            disabled=place + 1 >= len(positions),
            on_click=address.look_at_row,
            args=(positions[min(place + 1, len(positions) - 1)],),
            shortcut="J",
        )
        where = f"{place + 1:,} of {len(positions):,} in this list" if place >= 0 else "not in list"
        st.caption(where)
        outlined = st.toggle("Outline the centre", value=True, key="outline")
    stat_strip(
        [
            Stat("Score", score_text(row.prob_tumour)),
            Stat("Call", outcome_text(outcome(row)), tone=outcome_tone(outcome(row))),
        ]
    )
    picture = resources.detail(store, job, position, outlined=outlined)
    if picture is not None:
        patch_picture(picture, f"Patch {row.path}, enlarged seven times")
        st.caption(
            "96 × 96 px, about 93 × 93 µm, enlarged up to 7 times. "
            "The score answers for the outlined centre 32 × 32 only."
        )
    else:
        st.html('<div class="nl-nopicture">No picture: this input could not be read.</div>')
    patch_facts(row)


def patch_facts(row: ScoreRow) -> None:
    """Draw what is known of a scored input, in words."""
    pairs = [("File", row.path)]
    if row.status is Status.SCORED and row.prob_tumour is not None:
        side = "at or above" if row.prob_tumour >= row.threshold else "below"
        distance = abs(row.prob_tumour - row.threshold)
        pairs.append(
            (
                "Threshold",
                f"{row.threshold:.4f} ({row.operating_point}); {side} it by {distance:.3f}",
            )
        )
    if row.reason:
        pairs.append(("Remark", row.reason))
    if row.note:
        pairs.append(("Converted", row.note))
    if row.d4_sd_logit is not None:
        pairs.append(("Orientations", f"logits differ by an SD of {row.d4_sd_logit:.2f}"))
    if row.label is not None:
        pairs.append(
            ("Reference label", "tumour in the centre" if row.label else "no tumour in the centre")
        )
    if row.slide:
        pairs.append(("Slide", row.slide))
    if row.split:
        pairs.append(("Split", row.split))
    pairs += [("Model", row.model_id), ("SHA-256", row.sha256[:16] + "…" if row.sha256 else "–")]
    facts(pairs)
