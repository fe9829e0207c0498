"""Labels that scores contradict, the most doubtful first, and the scores that this needs."""

from functools import partial
from typing import Final

import pandas as pd
import streamlit as st

from app import resources
from app.screens.audit import words
from app.screens.audit.patches import source_or_none
from app.screens.audit.tiles import TileCard, tile, tiles
from app.screens.shared import model
from app.screens.shared.jobs import when
from app.screens.shared.pager import page_of, pager
from app.screens.shared.parts import download, empty, section, show_problem
from app.state import identity, widgets
from core.audit.browse import AuditView, csv_bytes
from core.audit.folder import Skip
from core.audit.scores import batch_scores
from core.audit.store import AuditStore
from core.errors import NodelensError
from core.jobs import Job
from core.settings import Settings
from core.wording import score_text

_A_PAGE: Final = 30
_UPLOADER: Final = "audit-scores"


def labels_panel(store: AuditStore, job: Job, view: AuditView, settings: Settings) -> None:
    """Draw the candidates, or what is missing to find them."""
    candidates = view.audit.table("label_candidates")
    progress = view.audit.progress
    if candidates is None and progress.skipped.get("labels") is not Skip.NO_SCORES:
        reason = progress.why_not("labels", words.NOT_YET)
        empty(words.NOT_SEARCHED, f"Reason: {reason}.")
    elif candidates is None:
        section("Labels worth a second look", "needs scores of these patches")
        ask_for_scores(store, job, view, settings)
    else:
        if len(candidates):
            _candidates(store, job, view, candidates)
        else:
            empty(words.NO_DOUBTFUL)
        with st.expander("Other scores"):
            ask_for_scores(store, job, view, settings)


def _candidates(store: AuditStore, job: Job, view: AuditView, candidates: pd.DataFrame) -> None:
    section("Labels worth a second look", f"{len(candidates):,}, the most doubtful first")
    own = bool(candidates["out_of_fold"].iloc[0])
    st.caption(words.DOUBTFUL + ("" if own else words.IN_SAMPLE))
    page = page_of(len(candidates), _A_PAGE, key="labels-page")
    source = source_or_none(store, job)
    cards = []
    for row in candidates.iloc[page.part].to_dict("records"):
        why = f"score {score_text(float(row['prob_tumour']))}"
        cards.append(TileCard((tile(view, source, int(row["row"]), why=why),)))
    tiles(cards, key="audit-doubtful", side=192)
    with st.container(horizontal=True, vertical_alignment="center"):
        pager(page)
        download(
            "This list as CSV",
            partial(_csv, view, candidates),
            f"doubtful-labels-{job.name}.csv",
            "audit-doubtful-csv",
        )


def _csv(view: AuditView, candidates: pd.DataFrame) -> bytes:
    known = view.patches[["path", "sha256", "split"]]
    return csv_bytes(candidates.join(known, on="row"))


def ask_for_scores(store: AuditStore, job: Job, view: AuditView, settings: Settings) -> None:
    """Draw the ways to scores: the current model, a batch that has been scored, a CSV."""
    score_now(store, job, settings, "labels")
    _from_batch(store, job, view, settings)
    with st.expander("From a CSV"):
        st.caption(words.SCORES_CSV)
        own = st.toggle(words.OUT_OF_FOLD, key="audit-out-of-fold")
        file = st.file_uploader(
            "Scores", type=["csv"], key=widgets.fresh_key(_UPLOADER),
            label_visibility="collapsed",
        )  # fmt: skip
        if file is None:
            return
        name, data = file.name, file.getvalue()
        widgets.release([file])
        try:
            store.keep_scores_in(job, name, data, out_of_fold=own)
        except NodelensError as error:
            show_problem(error)
            return
        widgets.renew(_UPLOADER)
        store.start(job)
        st.rerun()


def score_now(store: AuditStore, job: Job, settings: Settings, key: str) -> None:
    """Draw the button that has the current model score the patches."""
    if st.button(
        "Score with the current model",
        icon=":material/play_arrow:",
        type="primary",
        key=f"audit-score-{key}",
        disabled=not store.jobs.is_writable,
        help=words.SCORE_NOW,
    ):
        classifier = model.classifier_or_problem(settings)
        if classifier is not None:
            store.start(job, classifier)
            st.rerun()


def _from_batch(store: AuditStore, job: Job, view: AuditView, settings: Settings) -> None:
    """Draw the choice among scored batches that hold some of these patches."""
    batches = resources.job_store(settings)
    contents = set(view.patches.loc[view.patches["fault"] == "", "sha256"])
    shared = {}
    for batch in batches.jobs(identity.owner()):
        rows = resources.rows(batches, batch)
        scored = {row.sha256 for row in rows if row.prob_tumour is not None}
        if both := len(scored & contents):
            shared[batch.id] = (batch, f"{batch.name}, {both:,} of these patches, {when(batch)}")
    if not shared:
        st.caption(words.NO_SCORED_BATCH)
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            "Scored batch", list(shared), format_func=lambda each: shared[each][1],
            key="audit-scored-batch",
        )  # fmt: skip
        pressed = st.button("Use its scores", key="audit-use-scores")
    if pressed:
        store.keep_scores(job, batch_scores(resources.rows(batches, shared[chosen][0])))
        store.start(job)
        st.rerun()
