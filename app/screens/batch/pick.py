"""The patches of a batch that were picked by hand, and what can be done with them."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from app.screens.batch import words
from app.screens.batch.steps import file_name, to_review
from app.screens.shared.parts import download
from app.state import address
from core.jobs import Job, rows_csv
from core.scoring import ScoreRow


def picked_bar(job: Job, rows: Sequence[ScoreRow]) -> None:
    """Draw what can be done with the picked patches, if there are any."""
    positions = [at for at in address.picked() if at < len(rows)]
    if not positions:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="nl-picked"):
        st.html(f"<b>{words.PICKED.format(picked=len(positions))}</b>")
        if st.button("Review these", icon=":material/rate_review:", key="review-picked"):
            to_review(positions)
        download(
            "Download these",
            partial(rows_csv, [rows[at] for at in positions]),
            file_name(job, "picked.csv"),
            "download-picked",
        )
        st.button("Clear", key="clear-picked", on_click=address.pick, args=((),))
