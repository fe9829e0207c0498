"""A new case: who sees what, which patches, in which order."""

import secrets
from collections.abc import Sequence
from typing import Final

import numpy as np
import streamlit as st

from app import resources
from app.screens.review import words
from app.screens.review.plan import PatchesOfCase, plan_of, seed
from app.screens.shared.parts import empty, show_problem
from app.state import address, identity
from core.errors import NodelensError
from core.jobs import Job, JobStore
from core.review import (
    Candidate,
    CaseOpened,
    ReadingMode,
    Record,
    ReviewStore,
    build_worklist,
    candidates_of,
    disputed_patches,
)
from core.review.patches import PatchFolder
from core.roles import Person
from core.scoring import ScoreRow

_FROM_BATCH: Final = (ReadingMode.AI_FIRST, ReadingMode.BLIND_FIRST)


def new_case(
    store: ReviewStore, kept: PatchFolder, jobs: JobStore, record: Record, who: Person
) -> None:
    """Draw the choices for a new case, and its start."""
    mode = st.segmented_control(
        "Reading mode",
        list(ReadingMode),
        format_func=lambda choice: words.MODES[choice],
        default=ReadingMode.BLIND_FIRST,
        required=True,
        key="new-mode",
        persist_state="session",
    )
    mode = mode or ReadingMode.BLIND_FIRST
    st.caption(words.MODE_NOTES[mode])
    of_what, called = st.columns(2)
    with of_what:
        source = _from_batch(jobs) if mode in _FROM_BATCH else _from_cases(record, mode, who)
    if source is None:
        return
    with called:
        key = f"new-name-{mode}-{source.name}"
        name = st.text_input("Name of the case", value=source.name, max_chars=120, key=key)
    try:
        plan, candidates = plan_of(jobs, source, mode)
        made = build_worklist(candidates, plan, threshold=source.threshold)
    except NodelensError as error:
        show_problem(error)
        return
    start = st.button(
        f"Start reading {len(made.tasks):,}",
        type="primary",
        icon=":material/play_arrow:",
        key="start-case",
    )
    once = len(made.patches)
    st.caption(f"{words.readings(len(made.tasks), once)} {words.OPENING}")
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
        candidates=candidates_of(rows),
        model_id=rows[0].model_id,
        operating_point=rows[0].operating_point,
        threshold=rows[0].threshold,
        job=job,
    )


def _from_cases(record: Record, mode: ReadingMode, who: Person) -> PatchesOfCase | None:
    adjudicate = mode is ReadingMode.ADJUDICATION
    suitable = [
        case
        for case in record.cases.values()
        if not record.filings[case.case].archived
        and record.readers(case.case)
        and case.mode is not ReadingMode.ADJUDICATION
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
        disputed = disputed_patches(record, tuple(case.case for case in chosen))
        patches = {sha256: patch for sha256, patch in patches.items() if sha256 in disputed}
        if not patches:
            st.info(words.NO_DISAGREEMENT, icon=":material/handshake:")
            return None
    listed = list(patches.values())
    if not adjudicate:  # the first case's order goes by the score
        order = np.random.default_rng(seed()).permutation(len(listed))
        listed = [listed[int(index)] for index in order]
    word = "disagreements" if adjudicate else "second reading"
    return PatchesOfCase(
        name=f"{chosen[0].name}, {word}",
        candidates=[Candidate(patch=patch) for patch in listed],
        model_id=chosen[0].model_id,
        operating_point=chosen[0].operating_point,
        threshold=chosen[0].threshold,
        of=tuple(case.case for case in chosen),
    )


def _keep_patches(jobs: JobStore, job: Job, case: CaseOpened, kept: PatchFolder) -> None:
    source = resources.source(jobs, job)
    places: dict[str, int] = {}
    for number, row in enumerate(resources.rows(jobs, job)):
        places.setdefault(row.sha256, number)
    for patch in case.patches:
        kept.keep(source.read_bytes(places[patch.sha256]), sha256=patch.sha256)
