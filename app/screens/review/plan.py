"""The plan of a new worklist: how many patches, with controls and repeats, and which come first."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import streamlit as st

from app import resources
from app.screens.review import words
from app.screens.shared.listing import is_drawn
from app.state import widgets
from core.bundle import same_model
from core.errors import ReviewError
from core.explanation import Measurement
from core.jobs import Job, JobStore
from core.review import (
    Candidate,
    CaseOrder,
    Filters,
    ReadingMode,
    WorklistPlan,
    patches_and_repeats,
)
from core.review.label_candidates import COLUMNS, read_label_candidates, with_label_candidates
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


_PASS: Final = 8


@dataclass(frozen=True)
class Ranked:
    """Candidates with what an order goes by.

    Attributes:
        candidates: The patches.
        note: What it was measured from, for the record; "" if nothing was.
    """

    candidates: Sequence[Candidate]
    note: str = ""


def orders(
    candidates: Sequence[Candidate], mode: ReadingMode, *, measurable: bool
) -> list[CaseOrder]:
    """Return the orders that fit; those that would tell a blinded reader the call do not.

    Args:
        candidates: The patches.
        mode: Who sees what.
        measurable: Whether patches and model are at hand.
    """
    if mode is ReadingMode.SECOND_READER:  # an order by the score would tell the score
        return [CaseOrder.AS_LISTED]
    blind = mode is ReadingMode.BLIND_FIRST
    fitting = [CaseOrder.NEAREST_TO_THRESHOLD]
    if not blind:
        fitting.append(CaseOrder.SCORE)
    if any(one.d4_sd_logit is not None for one in candidates):
        fitting.append(CaseOrder.D4_SPREAD)
    if measurable and not blind:  # its first patches are all called tumour
        fitting.append(CaseOrder.RING_DECIDED)
    if measurable:
        fitting += [CaseOrder.QUALITY, CaseOrder.LABEL_ERROR]
    elif any(one.patch.label is not None for one in candidates):
        fitting.append(CaseOrder.LABEL_ERROR)
    return [*fitting, CaseOrder.AS_LISTED]


def ranked(
    jobs: JobStore, job: Job | None, candidates: Sequence[Candidate], order: CaseOrder
) -> Ranked:
    """Return the candidates with what an order goes by, measured now where it is not known.

    Raises:
        NodelensError: Patches, model or list cannot be used.
    """
    if order is CaseOrder.LABEL_ERROR:
        return _doubted(candidates)
    if job is None or order not in {CaseOrder.RING_DECIDED, CaseOrder.QUALITY}:
        return Ranked(candidates)
    if order is CaseOrder.QUALITY:
        poor = resources.poor_quality(jobs, job)
        return Ranked([replace(one, poor_quality=poor.get(one.patch.sha256)) for one in candidates])
    reliance = _centre_reliance(jobs, job)
    known = sum(one.patch.sha256 in reliance for one in candidates)
    called = sum(one.patch.predicted_label == 1 for one in candidates)
    if known < called:
        st.caption(words.ONLY_HIGHEST.format(known=known, called=called))
    return Ranked(
        [replace(one, centre_reliance=reliance.get(one.patch.sha256)) for one in candidates]
    )


def _centre_reliance(jobs: JobStore, job: Job) -> dict[str, float]:
    """Return the centre reliance of the patches called tumour; shared with the Explanation page."""
    classifier = resources.classifier(resources.settings())
    collection = resources.job_collection(jobs, job, drawn=is_drawn(job))
    if not same_model(collection.scored_by, classifier.model_id):
        model, current = collection.scored_by, classifier.model_id
        raise ReviewError(words.BATCH_OTHER_MODEL.format(model=model, current=current))
    explainer = resources.explainer(classifier)
    known = resources.explained(explainer, collection)
    rows = resources.rows(jobs, job)
    called = [at for at in collection.positions if rows[at].predicted_label == 1]
    untested = [at for at in called if (row := known.row(at)) is None or row.reliance is None]
    if untested:
        bar = st.progress(
            0.0, text="Replacing the centre and the surroundings of each patch called tumour …"
        )
        measurement = Measurement(centre_test=known.centre_test)
        for start in range(0, len(untested), _PASS):
            known.measure(collection.source, untested[start : start + _PASS], measurement)
            bar.progress(min(1.0, (start + _PASS) / len(untested)))
        bar.empty()
    measured = ((rows[at].sha256, known.row(at)) for at in called)
    return {
        sha256: row.reliance.score
        for sha256, row in measured
        if row is not None and row.reliance is not None
    }


def _doubted(candidates: Sequence[Candidate]) -> Ranked:
    file = st.file_uploader(
        words.LABEL_LIST,
        type=["csv"],
        key="new-label-list",
        help=words.LABEL_LIST_HELP.format(columns=", ".join(COLUMNS)),
    )
    if file is None:
        if not any(one.patch.label is not None for one in candidates):
            raise ReviewError(words.NO_LABELS)
        return Ranked(candidates)
    resources.settings().check_upload([file.size])
    doubtful = read_label_candidates("The list", file.getvalue())
    made = with_label_candidates(candidates, doubtful)
    listed = sum(one.label_rank is not None for one in made)
    st.caption(words.LISTED.format(listed=listed, total=len(doubtful)))
    return Ranked(made, f"; ranks from a list of {len(doubtful)} doubtful labels")
