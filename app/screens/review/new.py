"""A new case: who sees what, which patches, in which order, with which controls and repeats."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import streamlit as st

from app import resources
from app.screens.review import words
from app.screens.shared.parts import attempt, button, choice, empty, show_problem
from app.state import address, identity, widgets
from core import review
from core.bundle import same_model
from core.errors import NodelensError, ReviewError
from core.jobs import Job, JobStore
from core.review.patches import PatchFolder
from core.roles import Person
from core.scoring import ScoreRow
from core.wording import call_of, call_text

_FROM_BATCH: Final = (review.ReadingMode.AI_FIRST, review.ReadingMode.BLIND_FIRST)
MOST_PATCHES: Final = 2_000
_USUAL: Final = 200


@dataclass(frozen=True)
class PatchesOfCase:
    """Where the patches of a new case come from, whose scores they carry, and at which threshold.

    Either a batch, or earlier cases, whose patches are kept already.
    """

    name: str
    candidates: Sequence[review.Candidate]
    model_id: str
    operating_point: str
    threshold: float
    of: tuple[str, ...] = ()
    job: Job | None = None


def new_case(
    store: review.ReviewStore, kept: PatchFolder, jobs: JobStore, record: review.Record, who: Person
) -> None:
    """Draw the choices for a new case, and its start."""
    usual = {"default": review.ReadingMode.BLIND_FIRST, "persist_state": "session"}
    mode = choice("Reading mode", words.MODES, "new-mode", **usual)
    st.caption(words.MODE_NOTES[mode])
    of_what, called = st.columns(2)
    with of_what:
        source = _from_batch(jobs) if mode in _FROM_BATCH else _from_cases(record, mode, who)
    if source is None:
        return
    with called:
        key = f"new-name-{mode}-{source.name}"
        name = st.text_input("Name of the case", value=source.name, max_chars=120, key=key)
    planned = attempt(_planned, jobs, source, mode)
    if planned is None:
        return
    plan, made = planned
    label = f"Start reading {len(made.tasks):,}"
    start = button(label, "start-case", "play_arrow", type="primary")
    once = len(made.patches)
    st.caption(f"{words.readings(len(made.tasks), once)} {words.OPENING}")
    if not start:
        return
    case = review.CaseOpened(
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
        with st.spinner("Storing the patches …"):
            if source.job is not None:
                _keep_patches(jobs, source.job, case, kept)
            store.append(case)
    except NodelensError as error:
        show_problem(error)
        return
    address.case.look_at(case.case)
    st.rerun()


def _from_batch(jobs: JobStore) -> PatchesOfCase | None:
    finished = [
        job
        for job in jobs.jobs(identity.owner())
        if resources.progress(jobs, job).state == "done"
        and any(row.status != "failed" for row in resources.rows(jobs, job))
    ]
    if not finished:
        empty(*words.NO_BATCH)
        st.page_link("views/batch.py", label="Score patches", icon=":material/grid_view:")
        return None
    looked_at = address.job.now()
    job = st.selectbox(
        "Scored batch",
        finished,
        index=next((n for n, job in enumerate(finished) if job.id == looked_at), 0),
        format_func=lambda job: f"{job.name} · {len(resources.rows(jobs, job)):,} patches",
        key="new-batch",
    )
    job = job or finished[0]
    rows: Sequence[ScoreRow] = resources.rows(jobs, job)
    picked = [at for at in address.picked() if at < len(rows)] if job.id == looked_at else []
    name = job.name
    if picked and st.checkbox(words.ONLY_PICKED.format(picked=len(picked)), True, key="new-picked"):
        rows = [rows[at] for at in picked]
        name = f"{name}, {len(picked)} selected"
    return PatchesOfCase(
        name=name,
        candidates=review.candidates_of(rows),
        model_id=rows[0].model_id,
        operating_point=rows[0].operating_point,
        threshold=rows[0].threshold,
        job=job,
    )


def _from_cases(
    record: review.Record, mode: review.ReadingMode, who: Person
) -> PatchesOfCase | None:
    adjudicate = mode is review.ReadingMode.ADJUDICATION
    suitable = [
        case
        for case in record.cases.values()
        if not record.filings[case.case].archived
        and record.readers(case.case)
        and case.mode is not review.ReadingMode.ADJUDICATION
        and (adjudicate or not record.has_read(case.case, who.name))
    ]
    if not suitable:
        by = "" if adjudicate else " by another reader"
        empty(f"No case has been read{by} yet.", words.NEED_A_CASE)
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
        disputed = review.disputed_patches(record, tuple(case.case for case in chosen))
        patches = {sha256: patch for sha256, patch in patches.items() if sha256 in disputed}
        if not patches:
            st.info(words.NO_DISAGREEMENT, icon=":material/handshake:")
            return None
    listed = list(patches.values())
    if not adjudicate:  # the first case's order goes by the score
        order = np.random.default_rng(_seed()).permutation(len(listed))
        listed = [listed[int(index)] for index in order]
    word = "disagreements" if adjudicate else "second reading"
    return PatchesOfCase(
        name=f"{chosen[0].name}, {word}",
        candidates=[review.Candidate(patch=patch) for patch in listed],
        model_id=chosen[0].model_id,
        operating_point=chosen[0].operating_point,
        threshold=chosen[0].threshold,
        of=tuple(case.case for case in chosen),
    )


def _keep_patches(jobs: JobStore, job: Job, case: review.CaseOpened, kept: PatchFolder) -> None:
    source = resources.source(jobs, job)
    places: dict[str, int] = {}
    for number, row in enumerate(resources.rows(jobs, job)):
        places.setdefault(row.sha256, number)
    for patch in case.patches:
        kept.keep(source.read_bytes(places[patch.sha256]), sha256=patch.sha256)


def _planned(
    jobs: JobStore, source: PatchesOfCase, mode: review.ReadingMode
) -> tuple[review.WorklistPlan, review.Worklist]:
    """Draw what can be set about a worklist; return it, and what comes of it.

    Raises:
        NodelensError: What the order goes by cannot be measured.
    """
    amount, order_part, controls_part, repeats_part = st.columns(4, vertical_alignment="bottom")
    with order_part:
        orders = _orders(jobs, source, mode)
        order = st.selectbox("Sort by", orders, format_func=str, key=f"new-order-{mode}")
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
    patches, repeat_share = review.patches_and_repeats(int(readings), repeats / 100)
    order = order or review.CaseOrder.AS_LISTED
    st.caption(words.ORDERS[order])
    plan = review.WorklistPlan(
        order=order,
        filters=review.Filters() if source.of else _filters(source, mode),
        limit=patches,
        control_share=controls / 100,
        repeat_share=repeat_share,
        seed=_seed(),
    )
    ranked = _ranked(jobs, source, order)
    return plan, review.build_worklist(ranked, plan, threshold=source.threshold)


def _seed() -> int:
    """Return the seed of the next case; the same until the session ends, so the preview holds."""
    widgets.start("new-seed", secrets.randbelow(2**31))
    return int(str(widgets.chosen("new-seed")))


def _filters(source: PatchesOfCase, mode: review.ReadingMode) -> review.Filters:
    """Draw the filters; those that would tell a blinded reader the call are not offered."""
    slides = sorted({one.patch.slide for one in source.candidates if one.patch.slide})
    blind = mode is review.ReadingMode.BLIND_FIRST
    if blind and not slides:
        return review.Filters()
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
    return review.Filters(
        predicted_label=call,
        least_prob=low,
        most_prob=high,
        slides=frozenset(chosen),
        label_contradicts_model=contradicted,
    )


def _orders(
    jobs: JobStore, source: PatchesOfCase, mode: review.ReadingMode
) -> list[review.CaseOrder]:
    """Return the orders that fit; those that would tell a blinded reader the call do not."""
    if mode is review.ReadingMode.SECOND_READER:  # an order by the score would tell the score
        return [review.CaseOrder.AS_LISTED]
    blind = mode is review.ReadingMode.BLIND_FIRST
    fitting = [review.CaseOrder.NEAREST_TO_THRESHOLD]
    if not blind:
        fitting.append(review.CaseOrder.SCORE)
    if any(one.d4_sd_logit is not None for one in source.candidates):
        fitting.append(review.CaseOrder.D4_SPREAD)
    job = source.job
    if job is not None and not blind and jobs.surroundings(job).is_file():
        fitting.append(review.CaseOrder.RING_DECIDED)  # its first patches are all called tumour
    if any(one.patch.label is not None for one in source.candidates):
        fitting.append(review.CaseOrder.LABEL_ERROR)
    return [*fitting, review.CaseOrder.AS_LISTED]


def _ranked(
    jobs: JobStore, source: PatchesOfCase, order: review.CaseOrder
) -> Sequence[review.Candidate]:
    """Return the patches; for `RING_DECIDED` with what the batch has measured of its calls."""
    job = source.job
    if job is None or order is not review.CaseOrder.RING_DECIDED:
        return source.candidates
    classifier = resources.classifier(resources.settings())
    collection = resources.job_collection(jobs, job)
    if not same_model(collection.scored_by, classifier.model_id):
        model, current = collection.scored_by, classifier.model_id
        raise ReviewError(words.BATCH_OTHER_MODEL.format(model=model, current=current))
    rows, known = resources.rows(jobs, job), resources.halves(jobs, job, collection, classifier)
    margins = {rows[at].sha256: one.margin(least) for at, (one, least) in known.items()}
    return [replace(one, ring_margin=margins.get(one.patch.sha256)) for one in source.candidates]
