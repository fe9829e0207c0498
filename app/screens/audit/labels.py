"""Labels that scores contradict, the most doubtful first, and the scores that this needs."""

from functools import partial
from typing import Final

import pandas as pd
import streamlit as st

from app.screens.audit.patches import source_or_none
from app.screens.audit.tiles import Card, tile, tiles
from app.screens.shared.pager import page_of, pager
from app.screens.shared.parts import score_text, section
from app.state import widgets
from core.audit.browse import AuditView, csv_bytes, review_table
from core.audit.run import NO_SCORES
from core.audit.store import AuditStore
from core.jobs import Job

_A_PAGE: Final = 30
_UPLOADER: Final = "audit-scores"


def labels_panel(store: AuditStore, job: Job, view: AuditView) -> None:
    """Draw the candidates, or what is missing to find them."""
    found = view.audit.label_candidates
    if found is None:
        reason = view.audit.progress.skipped.get("labels", "this step is not done yet")
        if reason != NO_SCORES:
            st.html(
                '<div class="nl-empty"><b>Doubtful labels were not looked for.</b> '
                f"Reason: {reason}.</div>"
            )
            return
        _ask_for_scores(store, job)
        return
    if not len(found):
        st.html('<div class="nl-empty"><b>No label is contradicted by the scores.</b></div>')
        return
    section("Labels worth a second look", f"{len(found):,}, the most doubtful first")
    st.caption(
        "The scores contradict these labels; either may be wrong. Only a reader decides."
        + (
            ""
            if bool(found["out_of_fold"].iloc[0])
            else " The scores may be of patches that the model was trained on: then most wrong "
            "labels stay hidden."
        )
    )
    page = page_of(len(found), _A_PAGE, key="labels-page")
    source = source_or_none(store, job)
    tiles(
        [
            Card(
                (
                    tile(
                        view,
                        source,
                        int(row["row"]),
                        why=f"score {score_text(float(row['prob_tumour']))}",
                    ),
                )
            )
            for row in found.iloc[page.part].to_dict("records")
        ],
        key="audit-doubtful",
        side=192,
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        pager(page)
        st.download_button(
            "List for the review, CSV",
            data=partial(_csv, view, found),
            file_name=f"doubtful-labels-{job.name[:40]}.csv",
            mime="text/csv",
            icon=":material/rate_review:",
            on_click="ignore",
            key="audit-doubtful-csv",
        )


def _csv(view: AuditView, found: pd.DataFrame) -> bytes:
    told = review_table(view, found["row"].tolist()).reset_index(drop=True)
    measured = found[["prob_tumour", "self_confidence", "rank", "reason"]].reset_index(drop=True)
    return csv_bytes(pd.concat([told, measured], axis=1))


def _ask_for_scores(store: AuditStore, job: Job) -> None:
    section("Labels worth a second look", "needs scores of these patches")
    st.caption(
        "A CSV with the columns id and prob_tumour, such as the one that Batch scoring gives. "
        "Best are scores of models that have not seen the patch in training."
    )
    out_of_fold = st.toggle("No score is of a model that was trained on its patch",
                            key="audit-out-of-fold")  # fmt: skip
    file = st.file_uploader(
        "Scores", type=["csv"], key=widgets.uploader_key(_UPLOADER), label_visibility="collapsed"
    )
    if file is None:
        return
    store.keep_scores(job, file.getvalue(), out_of_fold=out_of_fold)
    widgets.clear_uploader(_UPLOADER)
    store.start(job)
    st.rerun()
