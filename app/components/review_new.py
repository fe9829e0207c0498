"""A new case: who sees what, which patches, in which order."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import streamlit as st

from app import resources, state
from app.components.parts import show_problem
from app.components.review_cases import MODE_NOTES, MODE_WORDS
from core.errors import NodelensError
from core.jobs import Job, JobStore
from core.review import (
    Candidate,
    CaseOpened,
    Filters,
    Order,
    Person,
    ReadingMode,
    Record,
    ReviewStore,
    WorklistPlan,
    build_worklist,
    candidates_of,
    disputed_patches,
)
from core.review.patches import PatchFolder

MOST_PATCHES: Final = 2_000
_USUAL: Final = 200
_CALLS: Final = {1: "called tumour", 0: "called no tumour"}
_FROM_BATCH: Final = (ReadingMode.AI_FIRST, ReadingMode.BLIND_FIRST)


@dataclass(frozen=True)
class Source:
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


def new_case(
    store: ReviewStore, kept: PatchFolder, jobs: JobStore, record: Record, who: Person
) -> None:
    """Draw the choices for a new case, and its start."""
    mode = st.segmented_control(
        "Who sees what",
        list(ReadingMode),
        format_func=lambda choice: MODE_WORDS[choice],
        default=ReadingMode.BLIND_FIRST,
        required=True,
        key="new-mode",
        persist_state="session",
    )
    mode = mode or ReadingMode.BLIND_FIRST
    st.caption(MODE_NOTES[mode])
    source = _from_batch(jobs) if mode in _FROM_BATCH else _from_cases(record, mode, who)
    if source is None:
        return
    name = st.text_input(
        "Name of the case", value=source.name, max_chars=120, key=f"new-name-{mode}-{source.name}"
    )
    plan = _plan(source, mode)
    try:
        made = build_worklist(source.candidates, plan, threshold=source.threshold)
    except NodelensError as error:
        show_problem(error)
        return
    extra = len(made.tasks) - len(made.patches)
    repeats = f" and {extra} hidden repeat{'s' * (extra != 1)}" if extra else ""
    start = st.button(
        f"Start with {len(made.patches):,} patches{repeats}",
        type="primary",
        icon=":material/play_arrow:",
        key="start-case",
    )
    st.caption(
        "Opening a case writes its worklist to the record and keeps a copy of these patches beside "
        "it, also when the batch is deleted. Everybody who uses this installation can read it."
    )
    if not start:
        return
    case = CaseOpened(
        case=secrets.token_hex(6),
        reader=who.name,
        name=(name or "").strip() or source.name,
        mode=mode,
        model_id=source.model_id,
        operating_point=source.operating_point,
        threshold=source.threshold,
        order=str(plan),
        patches=made.patches,
        tasks=made.tasks,
        of=source.of,
    )
    try:
        with st.spinner("Keeping the patches …"):
            if source.job is not None:
                _keep_patches(jobs, source.job, case, kept)
            store.append(case)
    except NodelensError as error:
        show_problem(error)
        return
    state.look_at_case(case.case)
    st.rerun()


def _from_batch(jobs: JobStore) -> Source | None:
    finished = [
        job
        for job in jobs.jobs(state.owner())
        if resources.progress(jobs, job).state == "done"
        and any(row.status != "failed" for row in resources.rows(jobs, job))
    ]
    if not finished:
        st.html(
            '<div class="nl-empty"><b>No scored batch yet.</b> Score patches first, or open the '
            "drawn samples on the batch page; then start a case from them.</div>"
        )
        st.page_link("views/batch.py", label="Score patches", icon=":material/grid_view:")
        return None
    looked_at = state.job_id()
    job = st.selectbox(
        "Scored batch",
        finished,
        index=next((n for n, job in enumerate(finished) if job.id == looked_at), 0),
        format_func=lambda job: f"{job.name} · {len(resources.rows(jobs, job)):,} inputs",
        key="new-batch",
    )
    rows = resources.rows(jobs, job or finished[0])
    return Source(
        name=(job or finished[0]).name,
        candidates=candidates_of(rows),
        model_id=rows[0].model_id,
        operating_point=rows[0].operating_point,
        threshold=rows[0].threshold,
        job=job,
    )


def _from_cases(record: Record, mode: ReadingMode, who: Person) -> Source | None:
    adjudicate = mode is ReadingMode.ADJUDICATION
    suitable = [
        case
        for case in record.cases.values()
        if record.readers(case.case)
        and case.mode is not ReadingMode.ADJUDICATION
        and (adjudicate or not record.has_read(case.case, who.name))
    ]
    if not suitable:
        what = "read" if adjudicate else "read by somebody else"
        st.html(f'<div class="nl-empty"><b>No case {what} yet.</b> It needs one to go by.</div>')
        return None
    if not adjudicate:
        first = st.selectbox(
            "First reading", suitable, format_func=lambda case: case.name, key="new-first"
        )
        chosen = [first or suitable[0]]
    else:
        chosen = st.multiselect(
            "Readings to compare", suitable, format_func=lambda case: case.name, key="new-readings"
        )
    if not chosen:
        return None
    patches = {patch.sha256: patch for case in chosen for patch in case.patches}
    if adjudicate:
        disputed = disputed_patches(record, tuple(case.case for case in chosen))
        patches = {sha256: patch for sha256, patch in patches.items() if sha256 in disputed}
        if not patches:
            st.info("These readings do not differ on any patch.", icon=":material/handshake:")
            return None
    listed = list(patches.values())
    if not adjudicate:  # the first case's order goes by the score
        order = np.random.default_rng(_seed()).permutation(len(listed))
        listed = [listed[int(index)] for index in order]
    word = "disagreements" if adjudicate else "second reading"
    return Source(
        name=f"{chosen[0].name}, {word}",
        candidates=[Candidate(patch=patch) for patch in listed],
        model_id=chosen[0].model_id,
        operating_point=chosen[0].operating_point,
        threshold=chosen[0].threshold,
        of=tuple(case.case for case in chosen),
    )


def _orders(source: Source, mode: ReadingMode) -> list[Order]:
    if mode is ReadingMode.SECOND_READER:  # an order by the score would tell the score
        return [Order.AS_LISTED]
    orders = [Order.NEAREST_TO_THRESHOLD]
    if mode is not ReadingMode.BLIND_FIRST:
        orders.append(Order.SCORE)
    if any(found.d4_sd_logit is not None for found in source.candidates):
        orders.append(Order.D4_SPREAD)
    if any(found.patch.label is not None for found in source.candidates):
        orders.append(Order.LABEL_ERROR)
    return [*orders, Order.AS_LISTED]


def _plan(source: Source, mode: ReadingMode) -> WorklistPlan:
    amount, order_part, controls_part, repeats_part = st.columns(4, vertical_alignment="bottom")
    most = min(len(source.candidates), MOST_PATCHES)
    with amount:
        limit = st.number_input(
            "Patches at most", 1, most, min(_USUAL, most), key=f"new-limit-{most}"
        )
    with order_part:
        order = st.selectbox(
            "Most urgent first by", _orders(source, mode), format_func=str, key=f"new-order-{mode}"
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
            help="Drawn at random from all patches and mixed in, so that the reading is not only "
            "of hard patches. The reader is not told which they are.",
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
            help="Shown a second time later on, to see how well a reader agrees with themselves.",
        )
    return WorklistPlan(
        order=order or Order.AS_LISTED,
        filters=Filters() if source.of else _filters(source, mode),
        limit=int(limit),
        control_share=controls / 100,
        repeat_share=repeats / 100,
        seed=_seed(),
    )


def _seed() -> int:
    """Return the seed of the next case; the same until the session ends, so the preview holds."""
    if state.chosen("new-seed") is None:
        state.choose("new-seed", secrets.randbelow(2**31))
    return int(str(state.chosen("new-seed")))


def _filters(source: Source, mode: ReadingMode) -> Filters:
    """Draw the filters; those that would tell a blinded reader the call are not offered."""
    slides = sorted({found.patch.slide for found in source.candidates if found.patch.slide})
    blind = mode is ReadingMode.BLIND_FIRST
    if blind and not slides:
        return Filters()
    call, low, high, contradicted = None, 0.0, 1.0, False
    with st.expander("Only some of the patches", icon=":material/filter_alt:"):
        if not blind:
            call = st.pills(
                "Called", list(_CALLS), format_func=lambda label: _CALLS[label], key="new-call"
            )
            low, high = st.slider("Score from … to", 0.0, 1.0, (0.0, 1.0), 0.01, key="new-scores")
            if any(found.patch.label is not None for found in source.candidates):
                contradicted = st.toggle("Only where label and call differ", key="new-contradicted")
        chosen = st.multiselect("Slides", slides, key="new-slides") if slides else []
    return Filters(
        predicted_label=call,
        least_prob=low,
        most_prob=high,
        slides=frozenset(chosen),
        label_contradicts_model=contradicted,
    )


def _keep_patches(jobs: JobStore, job: Job, case: CaseOpened, kept: PatchFolder) -> None:
    source = resources.source(jobs, job)
    places: dict[str, int] = {}
    for number, row in enumerate(resources.rows(jobs, job)):
        places.setdefault(row.sha256, number)
    for patch in case.patches:
        kept.keep(source.read_bytes(places[patch.sha256]), sha256=patch.sha256)
