"""The plan of a new worklist: how many patches, with controls and repeats, and which come first."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import streamlit as st

from app import resources
from app.screens.review import words
from app.state import widgets
from core.bundle import same_model
from core.errors import ReviewError
from core.explanation.reliance import threshold_logit
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


def plan_of(
    jobs: JobStore, source: PatchesOfCase, mode: ReadingMode
) -> tuple[WorklistPlan, Sequence[Candidate]]:
    """Draw what can be set about a worklist; return it, and the patches with what it sorts by.

    Raises:
        NodelensError: What the order goes by cannot be measured.
    """
    amount, order_part, controls_part, repeats_part = st.columns(4, vertical_alignment="bottom")
    with order_part:
        order = st.selectbox(
            "Sort by",
            _orders(jobs, source, mode),
            format_func=str,
            key=f"new-order-{mode}",
        )
    usual = 0 if source.of else 1
    controls, repeats = (
        part.slider(label, 0, most, start * usual, 5, format="%d %%", key=key, help=about)
        for part, label, most, start, key, about in (
            (controls_part, "Random controls", 50, 10, "new-controls", words.CONTROLS_HELP),
            (repeats_part, "Hidden repeats", 30, 5, "new-repeats", words.REPEATS_HELP),
        )
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
    plan = WorklistPlan(
        order=order,
        filters=Filters() if source.of else _filters(source, mode),
        limit=patches,
        control_share=controls / 100,
        repeat_share=repeat_share,
        seed=seed(),
    )
    return plan, _ranked(jobs, source, order)


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


def _orders(jobs: JobStore, source: PatchesOfCase, mode: ReadingMode) -> list[CaseOrder]:
    """Return the orders that fit; those that would tell a blinded reader the call do not."""
    if mode is ReadingMode.SECOND_READER:  # an order by the score would tell the score
        return [CaseOrder.AS_LISTED]
    blind = mode is ReadingMode.BLIND_FIRST
    fitting = [CaseOrder.NEAREST_TO_THRESHOLD]
    if not blind:
        fitting.append(CaseOrder.SCORE)
    if any(one.d4_sd_logit is not None for one in source.candidates):
        fitting.append(CaseOrder.D4_SPREAD)
    job = source.job
    if job is not None and not blind and jobs.surroundings(job).is_file():
        fitting.append(CaseOrder.RING_DECIDED)  # its first patches are all called tumour
    if any(one.patch.label is not None for one in source.candidates):
        fitting.append(CaseOrder.LABEL_ERROR)
    return [*fitting, CaseOrder.AS_LISTED]


def _ranked(jobs: JobStore, source: PatchesOfCase, order: CaseOrder) -> Sequence[Candidate]:
    """Return the patches; for `RING_DECIDED` with what the batch has measured of its calls."""
    job = source.job
    if job is None or order is not CaseOrder.RING_DECIDED:
        return source.candidates
    classifier = resources.classifier(resources.settings())
    collection = resources.job_collection(jobs, job)
    if not same_model(collection.scored_by, classifier.model_id):
        model, current = collection.scored_by, classifier.model_id
        raise ReviewError(words.BATCH_OTHER_MODEL.format(model=model, current=current))
    rows, known = resources.rows(jobs, job), resources.halves(jobs, job, collection, classifier)
    margins = {
        rows[at].sha256: one.margin(threshold_logit(rows[at].threshold, classifier.temperature))
        for at, one in known.items()
    }
    return [replace(one, ring_margin=margins.get(one.patch.sha256)) for one in source.candidates]
