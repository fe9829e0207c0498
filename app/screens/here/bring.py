"""Step 1: labelled patches, from a batch that is there or newly added."""

from functools import partial

import streamlit as st

from app import resources
from app.screens.here import words
from app.screens.shared.jobs import job_line, looked_at, marks, so_far, stopped, when
from app.screens.shared.parts import badge, head_line, plain, section, way_back
from app.screens.shared.sources import add_labels, new_batch, said_of_tables
from app.state import address, identity
from core.jobs import Job, JobStore
from core.scoring import Classifier
from core.settings import Settings
from core.thresholds.scores import slides_text

_LISTED = 12
_LIVE_EVERY_S = 1.5


def labelled_batch(store: JobStore, settings: Settings, classifier: Classifier) -> Job | None:
    """Draw the first step and return the batch; None while none with labels is scored."""
    looked_at = address.job.now()
    job = store.job(identity.owner(), looked_at) if looked_at else None
    section(words.STEPS[0])
    if job is None:
        _choose(store, settings)
        return None
    state = resources.progress(store, job).state
    with st.container(horizontal=True, vertical_alignment="center", key="nl-here-batch"):
        way_back("Other patches", "here-other", address.job.look_at)
        head_line(job.name, marks(job, state) + _about(store, job), level=2)
    return job if _scored(store, job, classifier) else None


def _about(store: JobStore, job: Job) -> str:
    check = resources.label_check(store, job)
    if check is None:
        return ""
    evidence = check.evidence
    return badge(
        words.READY.format(
            patches=len(evidence), positives=evidence.n_positive, slides=slides_text(evidence)
        )
    )


def _choose(store: JobStore, settings: Settings) -> None:
    """Draw both ways to labelled patches."""
    there, added = st.columns([1, 1.35], gap="large")
    with there:
        st.markdown(f"**{words.SCORED}**")
        jobs = store.jobs(identity.owner())[:_LISTED]
        labelled = [job for job in jobs if resources.label_check(store, job) is not None]
        if labelled:
            for job in labelled:
                st.button(
                    f"{plain(job.name)} · {when(job)}",
                    key=f"here-{job.id}",
                    icon=":material/grid_view:",
                    on_click=address.job.look_at,
                    args=(job.id,),
                )
        else:
            st.caption(words.SCORED_NONE)
        st.caption(words.BRING)
        st.code(words.EXAMPLE, language=None)
        st.caption(words.EXAMPLE_NOTE)
    with added:
        st.markdown(f"**{words.ADD_NEW}**")
        new_batch(store, settings)


def _scored(store: JobStore, job: Job, classifier: Classifier) -> bool:
    """Bring a batch to its end, drawing how far it is; return whether it has scores and labels."""
    progress = resources.progress(store, job)
    if progress.state == "new":
        report = looked_at(store, job)
        if report is None:
            return False
        if report.nothing_readable:
            reason = report.problems[0].reason if report.problems else ""
            st.warning(plain(words.NOTHING_READABLE.format(reason=reason)))
            said_of_tables(report.unused_tables)
            return False
        store.start(job, classifier)
        st.rerun()
    if progress.state == "running":
        st.fragment(_progress, run_every=_LIVE_EVERY_S)(store, job)
        return False
    if progress.state in {"stopped", "broken"}:
        text = words.STOPPED.format(done=progress.done, total=progress.total)
        go_on = partial(store.start, job, classifier)
        stopped(progress.error, text, go_on, writable=store.is_writable, key="here-continue")
        return False
    if resources.label_check(store, job) is None:
        st.info(words.NOT_LABELLED, icon=":material/label:")
        said_of_tables(store.run_notes(job))
        add_labels(store, job)
        return False
    return True


def _progress(store: JobStore, job: Job) -> None:
    progress = resources.progress(store, job)
    if progress.state != "running":
        st.rerun()
    job_line(progress, so_far(progress, "patches"), partial(store.cancel, job))
