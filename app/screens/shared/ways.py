"""The ways on from a page, so that nobody has to know the menu."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import streamlit as st

from app.screens.shared.parts import button
from app.state import address, tuning, widgets


@dataclass(frozen=True)
class Way:
    """A way on."""

    label: str
    icon: str
    page: str


BATCH: Final = Way("To the batch", "grid_view", "views/batch.py")
SCORE: Final = Way("Score patches", "grid_view", "views/batch.py")
REVIEW: Final = Way("Review", "rate_review", "views/review.py")
THRESHOLD: Final = Way("Threshold", "tune", "views/threshold.py")


def ways_on(*ways: Way, job: str = "", key: str) -> None:
    """Draw buttons that lead on."""
    with st.container(horizontal=True, width="content", key=f"nl-ways-{key}"):
        for way in ways:
            name = f"{key}-{way.icon}"
            if button(way.label, name, way.icon):
                if way is REVIEW:
                    start_review()
                st.switch_page(way.page, query_params={"job": job} if job else None)


def try_threshold(threshold: float, source: str, place: str = "") -> None:
    """Go to the Threshold page at a threshold, with its scores chosen; see `tuning.Tuning`."""
    tuning.current()
    tuning.change(threshold=threshold, lower=None, rule="", source=source, place=place)
    st.switch_page(THRESHOLD.page, query_params={"job": place} if place else None)


def start_review() -> None:
    """Have the review begin with a new case of the batch that is looked at."""
    address.case.look_at(None)
    widgets.forget("new-batch")


def to_review(positions: Sequence[int], job: str | None = None) -> None:
    """Go to a new review of a batch, of some of its patches only unless there are none.

    The batch is the one that is looked at, unless a job's id is given.
    """
    if job is not None:
        address.job.look_at(job)
    address.pick(positions)
    start_review()
    st.switch_page(REVIEW.page)
