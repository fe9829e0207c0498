"""A batch against its labels: rates, curve, table of calls, and each patch that is called wrong."""

from collections.abc import Sequence
from typing import Final

import streamlit as st

from app import resources
from app.screens.batch import words
from app.screens.batch.browser import browser
from app.screens.batch.rows import BatchRows
from app.screens.shared.pager import page_of, pager
from app.screens.shared.parts import empty, plain, roc_chart, section, table, with_small
from app.screens.shared.sources import add_labels
from app.screens.shared.ways import try_threshold
from core.scoring import LabelCheck, ScoreRow
from core.scoring.against_labels import AREA_BY_PATCHES
from core.thresholds.scores import slides_of, too_perfect
from core.wording import (
    agreeing,
    call_of,
    call_text,
    interval_text,
    number,
    percent,
    percent_interval,
)

_ERRORS_A_PAGE: Final = 30
_NAMES: Final = {
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "ppv": "PPV in this batch",
    "npv": "NPV in this batch",
    "accuracy": "Accuracy",
}


def against_labels(batch: BatchRows, positions: Sequence[int]) -> list[int]:
    """Draw the batch against its labels and return the positions of what was called wrong.

    Without labels, those that the filters leave stay the list.
    """
    store, job = batch.store, batch.job
    check = resources.label_check(store, job)
    if check is None:
        empty(*words.NO_LABELS)
        add_labels(store, job)
        return list(positions)
    numbers, curve = st.columns([1.2, 1], gap="small")
    with numbers:
        _rates(check)
    with curve:
        tried = roc_chart(
            check.roc,
            sensitivity=check.rates["sensitivity"].value,
            specificity=check.rates["specificity"].value,
            named="threshold of the batch",
            key=f"roc-{job.id}",
            alt="ROC curve of the batch, with its threshold",
            clicked=True,
        )
    if tried is not None:
        try_threshold(tried, "batch", job.id)
    _calls(check)
    st.caption(_basis(check, batch.rows))
    for caution in _cautions(batch, check):
        st.warning(plain(caution), icon=":material/warning:")
    wrong = [*check.missed, *check.false_alarms]
    missed, alarms = len(check.missed), len(check.false_alarms)
    if wrong:
        section("Called wrong", agreeing(words.ERRORS, alarms).format(missed=missed, alarms=alarms))
        page = page_of(len(wrong), _ERRORS_A_PAGE, key=f"wrong-{job.id}")
        browser(batch, wrong[page.part], sheet=True)
        pager(page)
    else:
        empty("", words.NO_ERRORS)
    with st.expander("Other labels", key=f"more-labels-{job.id}"):
        add_labels(store, job)
    return wrong or list(positions)


def _rates(check: LabelCheck) -> None:
    area = check.auroc
    rows = [("AUROC", with_small(number(area.value), interval_text(area.low, area.high)))]
    for name, rate in check.rates.items():
        cell = with_small(percent(rate.value), percent_interval(rate.low, rate.high))
        rows.append((_NAMES[name], cell))
    table(("", "95 % interval"), rows, "nl-table nl-rates")


def _calls(check: LabelCheck) -> None:
    grey = check.counts[1, None] + check.counts[0, None]
    calls = (1, None, 0) if grey else (1, 0)
    head = ("Label", *(f"called {call_text(call_of(call))}" for call in calls))
    rows = [
        (call_text(call_of(label)), *(f"{check.counts[label, call]:,}" for call in calls))
        for label in (1, 0)
    ]
    table(head, rows, "nl-table nl-matrix")


def _basis(check: LabelCheck, rows: Sequence[ScoreRow]) -> str:
    evidence = check.evidence
    scored = sum(row.prob_tumour is not None for row in rows)
    parts = [agreeing(words.LABELLED, len(evidence)).format(labelled=len(evidence), scored=scored)]
    slides = len(slides_of(evidence))
    parts.append(
        agreeing(words.BY_SLIDES, slides).format(slides=slides) if slides else words.BY_PATCHES
    )
    parts += check.notes
    if slides and check.auroc.by == "patches":
        parts.append(AREA_BY_PATCHES)
    if check.counts[1, None] + check.counts[0, None]:
        parts.append(words.GREY_COUNTS)
    return " ".join(parts)


def _cautions(batch: BatchRows, check: LabelCheck) -> list[str]:
    """What makes the numbers better than they are."""
    classifier, doubt = batch.classifier, too_perfect(check.evidence)
    seen = classifier and resources.seen_patches(batch.store, batch.job, classifier.bundle)
    return [*([doubt] if doubt else []), *(seen or ())]
