"""The plan of a new worklist: how many patches, which first, with controls and repeats."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import streamlit as st

from app.screens.review import words
from app.screens.review.orders import orders, ranked
from app.state import widgets
from core.jobs import Job, JobStore
from core.review import (
    Candidate,
    CaseOrder,
    Filters,
    ReadingMode,
    WorklistPlan,
    patches_and_repeats,
)
from core.wording import call_of, call_text

MOST_PATCHES: Final = 2_000
_USUAL: Final = 200


@dataclass(frozen=True)
class PatchesOfCase:
    """Where the patches of a new case come from.

    Attributes:
        name: What to call the case.
        candidates: The patches.
        model_id: Whose scores they carry.
        operating_point: Version of the threshold.
        threshold: The threshold.
        of: Earlier cases.
        job: The batch; None where the patches are kept already.
    """

    name: str
    candidates: Sequence[Candidate]
    model_id: str
    operating_point: str
    threshold: float
    of: tuple[str, ...] = ()
    job: Job | None = None


@dataclass(frozen=True)
class CasePlan:
    """A plan with the patches that it is for.

    Attributes:
        plan: What was set.
        candidates: With what the order goes by.
        in_words: The plan, as it goes on the record.
    """

    plan: WorklistPlan
    candidates: Sequence[Candidate]
    in_words: str


def plan_of(jobs: JobStore, source: PatchesOfCase, mode: ReadingMode) -> CasePlan:
    """Draw what can be set about a worklist and return it.

    Raises:
        NodelensError: What the order goes by cannot be measured.
    """
    amount, order_part, controls_part, repeats_part = st.columns(4, vertical_alignment="bottom")
    with order_part:
        order = st.selectbox(
            "Sort by",
            orders(source.candidates, mode, measurable=source.job is not None),
            format_func=str,
            key=f"new-order-{mode}",
        )
    with controls_part:
        controls = st.slider(
            "Random controls",
            0,
            50,
            0 if source.of else 10,
            5,
            format="%d %%",
            key="new-controls",
            help=words.CONTROLS_HELP,
        )
    with repeats_part:
        repeats = st.slider(
            "Hidden repeats",
            0,
            30,
            0 if source.of else 5,
            5,
            format="%d %%",
            key="new-repeats",
            help=words.REPEATS_HELP,
        )
    most = min(len(source.candidates), MOST_PATCHES)
    longest = most + round(most * repeats / 100)
    with amount:
        readings = st.number_input(
            "How many to read",
            1,
            longest,
            min(_USUAL, longest),
            key=f"new-limit-{longest}",
            help=words.READINGS_HELP,
        )
    patches, repeat_share = patches_and_repeats(int(readings), repeats / 100)
    order = order or CaseOrder.AS_LISTED
    st.caption(words.ORDERS[order])
    by_order = ranked(jobs, source.job, source.candidates, order)
    plan = WorklistPlan(
        order=order,
        filters=Filters() if source.of else _filters(source, mode),
        limit=patches,
        control_share=controls / 100,
        repeat_share=repeat_share,
        seed=seed(),
    )
    return CasePlan(plan, by_order.candidates, f"{plan}{by_order.note}")


def seed() -> int:
    """Return the seed of the next case; the same until the session ends, so the preview holds."""
    widgets.start("new-seed", secrets.randbelow(2**31))
    return int(str(widgets.chosen("new-seed")))


def _filters(source: PatchesOfCase, mode: ReadingMode) -> Filters:
    """Draw the filters; those that would tell a blinded reader the call are not offered."""
    slides = sorted({one.patch.slide for one in source.candidates if one.patch.slide})
    blind = mode is ReadingMode.BLIND_FIRST
    if blind and not slides:
        return Filters()
    call, low, high, contradicted = None, 0.0, 1.0, False
    with st.expander("Only some patches", icon=":material/filter_alt:"):
        if not blind:
            call = st.pills(
                "Call", [1, 0], format_func=lambda label: call_text(call_of(label)), key="new-call"
            )
            low, high = st.slider("Score range", 0.0, 1.0, (0.0, 1.0), 0.01, key="new-scores")
            if any(one.patch.label is not None for one in source.candidates):
                contradicted = st.toggle("Only where label and call differ", key="new-contradicted")
        chosen = st.multiselect("Slides", slides, key="new-slides") if slides else []
    return Filters(
        predicted_label=call,
        least_prob=low,
        most_prob=high,
        slides=frozenset(chosen),
        label_contradicts_model=contradicted,
    )
