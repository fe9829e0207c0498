"""Labels that scores contradict, the most doubtful first, and the scores that this needs."""

from functools import partial
from typing import Final

import pandas as pd
import streamlit as st

from app.screens.audit import words
from app.screens.audit.patches import source_or_none
from app.screens.audit.tiles import TileCard, tile, tiles
from app.screens.shared.pager import page_of, pager
from app.screens.shared.parts import download, empty, section
from app.state import widgets
from core.audit.browse import AuditView, csv_bytes, review_table
from core.audit.folder import Skip
from core.audit.store import AuditStore
from core.jobs import Job
from core.wording import score_text

_A_PAGE: Final = 30
_UPLOADER: Final = "audit-scores"


def labels_panel(store: AuditStore, job: Job, view: AuditView) -> None:
    """Draw the candidates, or what is missing to find them."""
    candidates = view.audit.table("label_candidates")
    if candidates is None:
        progress = view.audit.progress
        if progress.skipped.get("labels") is Skip.NO_SCORES:
            _ask_for_scores(store, job)
        else:
            empty(
                "Doubtful labels were not searched for.",
                f"Reason: {progress.why_not('labels', words.NOT_YET)}.",
            )
        return
    if not len(candidates):
        empty(words.NO_DOUBTFUL)
        return
    section("Labels worth a second look", f"{len(candidates):,}, the most doubtful first")
    st.caption(
        words.DOUBTFUL + ("" if bool(candidates["out_of_fold"].iloc[0]) else words.IN_SAMPLE)
    )
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
            "List for review, CSV",
            partial(_csv, view, candidates),
            f"doubtful-labels-{job.name}.csv",
            "audit-doubtful-csv",
            icon=":material/rate_review:",
        )


def _csv(view: AuditView, candidates: pd.DataFrame) -> bytes:
    named = review_table(view, candidates["row"].tolist()).reset_index(drop=True)
    measured = candidates[["prob_tumour", "self_confidence", "rank", "reason"]].reset_index(
        drop=True
    )
    return csv_bytes(pd.concat([named, measured], axis=1))


def _ask_for_scores(store: AuditStore, job: Job) -> None:
    section("Labels worth a second look", "needs scores of these patches")
    st.caption(words.SCORES_CSV)
    out_of_fold = st.toggle(words.OUT_OF_FOLD, key="audit-out-of-fold")
    file = st.file_uploader(
        "Scores", type=["csv"], key=widgets.uploader_key(_UPLOADER), label_visibility="collapsed"
    )
    if file is None:
        return
    store.keep_scores(job, file.getvalue(), out_of_fold=out_of_fold)
    widgets.release([file])
    widgets.clear_uploader(_UPLOADER)
    store.start(job)
    st.rerun()
