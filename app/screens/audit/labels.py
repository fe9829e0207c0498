"""Labels that scores contradict, the most doubtful first, and the scores that this needs."""

from collections.abc import Iterator
from functools import partial
from typing import Final

import pandas as pd
import streamlit as st

from app import resources
from app.screens.audit import words
from app.screens.audit.patches import source_or_none
from app.screens.audit.tiles import card, tile, tiles
from app.screens.shared import model
from app.screens.shared.downloads import download
from app.screens.shared.jobs import when
from app.screens.shared.pager import page_of, pager
from app.screens.shared.parts import attempt, button, empty, section, show_problem
from app.screens.shared.ways import to_review
from app.state import identity, widgets
from core.audit.browse import AuditView, csv_bytes
from core.audit.folder import Skip
from core.audit.scores import batch_scores
from core.audit.store import AuditStore
from core.errors import NodelensError, SourceError
from core.jobs import Job, as_files
from core.patches import ImageU8, PatchSource, UnreadablePatch
from core.settings import Settings
from core.tables import id_key
from core.wording import score_text

_A_PAGE: Final = 30
_MOST_READ: Final = 500
_UPLOADER: Final = "audit-scores"
_MADE: Final = "audit-doubtful-batch"


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
            _candidates(store, job, view, candidates, settings)
        else:
            empty(words.NO_DOUBTFUL)
        with st.expander("Other scores"):
            ask_for_scores(store, job, view, settings)


def _candidates(
    store: AuditStore, job: Job, view: AuditView, candidates: pd.DataFrame, settings: Settings
) -> None:
    section("Labels worth a second look", f"{len(candidates):,}, the most doubtful first")
    own = bool(candidates["out_of_fold"].iloc[0])
    st.caption(words.DOUBTFUL + ("" if own else words.IN_SAMPLE))
    chosen = candidates.head(_MOST_READ)
    with st.container(horizontal=True, vertical_alignment="center"):
        label = words.REVIEW_THESE
        if len(chosen) < len(candidates):
            label = words.REVIEW_FIRST.format(most=len(chosen))
        key, blocked = "audit-doubtful-review", not store.jobs.is_writable
        about = words.REVIEW_HELP
        read = button(label, key, "rate_review", type="primary", disabled=blocked, help=about)
        download(
            "This list as CSV",
            partial(_csv, view, candidates),
            f"doubtful-labels-{job.name}.csv",
            "audit-doubtful-csv",
        )
    source = source_or_none(store, job)
    if read and source is not None:
        attempt(_review, job, view, source, chosen, settings)
    page = page_of(len(candidates), _A_PAGE, key="labels-page")
    cards = []
    for row in candidates.iloc[page.part].to_dict("records"):
        why = f"score {score_text(float(row['prob_tumour']))}"
        cards.append(card(tile(view, source, int(row["row"]), why=why)))
    tiles(cards, key="audit-doubtful", side=192)
    pager(page)


def _review(
    job: Job, view: AuditView, source: PatchSource, candidates: pd.DataFrame, settings: Settings
) -> None:
    """Go to a review of doubtful patches: of a scored batch that has them with these labels.

    Where there is none, they become one.
    """
    batches = resources.job_store(settings)
    known = view.patches.iloc[candidates["row"].to_numpy()]
    doubtful_labels = list(zip(known["sha256"], candidates["label"], strict=True))
    for batch in batches.jobs(identity.owner()):
        if resources.progress(batches, batch).state != "done":
            continue
        rows = enumerate(resources.rows(batches, batch))
        there = {(row.sha256, row.label): at for at, row in rows if row.prob_tumour is not None}
        if there.keys() >= set(doubtful_labels):
            to_review([there[each] for each in doubtful_labels], batch.id)
        if batch.id == widgets.chosen(f"{_MADE}-{view.key}"):
            to_review((), batch.id)
    classifier = model.classifier_or_problem(settings)
    if classifier is None:
        return
    with st.spinner(words.SCORING_DOUBTFUL):
        name = f"{job.name}, {len(doubtful_labels)} doubtful labels"
        files = as_files(_labelled(source, known, candidates["label"]))
        made = batches.add_upload(identity.owner(), name, files)
        batches.start(made, classifier)
        batches.wait(made, timeout_s=120)
    widgets.choose(f"{_MADE}-{view.key}", made.id)
    to_review((), made.id)


def _labelled(
    source: PatchSource, known: pd.DataFrame, labels: "pd.Series[int]"
) -> Iterator[tuple[str, ImageU8, str, str]]:
    """Yield each patch as it was checked, with its label and slide."""
    for (row, patch), label in zip(known.iterrows(), labels, strict=True):
        source_patch = source.read(int(str(row)))
        if isinstance(source_patch, UnreadablePatch) or source_patch.sha256 != patch["sha256"]:
            raise SourceError(words.CHANGED.format(file=patch["path"]))
        slide = patch["slide"]
        yield (
            id_key(str(patch["path"])),
            source_patch.image_rgb_u8,
            str(label),
            str(slide) if isinstance(slide, str) else "",
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
        key = widgets.fresh_key(_UPLOADER)
        file = st.file_uploader("Scores", key=key, label_visibility="collapsed")
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


def score_now(
    store: AuditStore,
    job: Job,
    settings: Settings,
    key: str,
    label: str = "Score with the current model",
) -> None:
    """Draw the button that has the current model score the patches."""
    key, blocked, about = f"audit-score-{key}", not store.jobs.is_writable, words.SCORE_NOW
    if button(label, key, "play_arrow", type="primary", disabled=blocked, help=about):
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
        pressed = button("Use its scores", "audit-use-scores")
    if pressed:
        store.keep_scores(job, batch_scores(resources.rows(batches, shared[chosen][0])))
        store.start(job)
        st.rerun()
