"""The results of a batch: who scored it, what its calls rest on, the scores, what is listed."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Final

import plotly.graph_objects as go
import streamlit as st

from app import charts, resources
from app.screens.batch import words
from app.screens.batch.browser import browser
from app.screens.batch.rows import BatchRows
from app.screens.shared.pager import page_of, pager
from app.screens.shared.parts import button, chart, choice, colours, empty, plain
from app.state import address, widgets
from core.bundle import same_model
from core.explanation.surroundings import MOST_UNASKED
from core.jobs import Job
from core.scoring import (
    Classifier,
    Filter,
    Order,
    Outcome,
    ScoreRow,
    TestTimeAugmentation,
    outcome_counts,
    remarks,
    score_histogram,
    select,
    unlike_training,
)
from core.wording import agreeing, call_text, percent

ROWS_A_PAGE = 50
TABLE = "List"
SHEET = "Contact sheet"
LABELS = "Against labels"
_VIEWS = {"sheet": SHEET, "labels": LABELS}
"""By name in the URL; the list goes without."""
_ALL = (0.0, 1.0)
_LIVE_EVERY_S: Final = 1.0
_ONLY = ("unlike", "around")
"""Filters that are on or off."""


def scored_by(batch: BatchRows) -> None:
    """Draw which threshold made the calls, and how many patches are unlike the training data.

    Those are told loudly where chance does not allow as many, unless the patches are drawn.
    """
    job, rows, row = batch.job, batch.rows, batch.rows[0]
    if notes := batch.store.run_notes(job):
        loud = batch.store.looks_swapped(job)
        (st.warning if loud else st.caption)(plain(" ".join(notes)))
    if noted := resources.from_rows(batch.store, job, remarks):
        st.caption(plain(" ".join(noted)))
    text = words.SCORED_BY.format(threshold=row.threshold, version=row.operating_point)
    if job.precision:
        text += f" {words.FAST_SCORED}"
    domain = batch.classifier.bundle.card.domain if batch.classifier else None
    shift = None if domain is None else unlike_training(rows, domain.share)
    if shift is None or not shift.unlike:
        st.caption(text)
        return
    unlike = agreeing(words.UNLIKE, shift.unlike).format(
        unlike=shift.unlike, compared=shift.compared
    )
    many = words.UNLIKE_MANY.format(expected=percent(shift.expected, 0))
    loud = shift.more_than_chance and not job.is_drawn  # whose badge says that they are no tissue
    if loud:
        st.caption(text)
    with st.container(horizontal=True, vertical_alignment="center", key="nl-unlike"):
        if loud:
            st.warning(f"{unlike} {many}")
        else:
            st.caption(f"{text} {unlike}", width="content")
        only(job, "unlike")


def only(job: Job, name: str) -> bool:
    """Draw the button that shows only the patches of one of `_ONLY`, then all again.

    Return whether it was pressed: a fragment has to run the page again.
    """
    on = bool(widgets.chosen(f"{name}-{job.id}"))
    label, show = words.SHOW_ALL if on else words.SHOW_THESE, "" if on else name
    return button(label, f"only-{name}", "", _show_only, job.id, show, type="tertiary")


def _show_only(job_id: str, name: str) -> None:
    _clear_filters(job_id)
    if name:
        address.step(0)
        widgets.give(f"{name}-{job_id}", True)
        if widgets.chosen(f"view-{job_id}") == LABELS:  # which has no such filter
            widgets.give(f"view-{job_id}", TABLE)


def result_histogram(batch: BatchRows) -> None:
    """Draw how the scores spread around the threshold; a click on a bar lists its patches."""
    chart(
        resources.from_rows(batch.store, batch.job, _histogram, colours()),
        f"histogram-{batch.job.id}",
        "Histogram of the scores, coloured by call, with the threshold as a dashed line",
        partial(_show_bar, batch.job.id),
    )


def _show_bar(job_id: str, bars: list[tuple[float, float]]) -> None:
    low, high = (min(low for low, _ in bars), max(high for _, high in bars)) if bars else _ALL
    address.step(0)
    widgets.give(f"scores-{job_id}", (round(low, 2), round(high, 2)))


def _histogram(rows: Sequence[ScoreRow], colours: charts.Colours) -> go.Figure:
    return charts.score_histogram(
        score_histogram(rows),
        threshold=rows[0].threshold,
        lower_threshold=rows[0].lower_threshold,
        colours=colours,
    )


def result_filter(batch: BatchRows) -> list[int]:
    """Draw the filters and return the positions of the rows to show, in order."""
    store, job, rows, margins = batch.store, batch.job, batch.rows, batch.margins
    counts = resources.from_rows(store, job, outcome_counts)
    kinds = [kind for kind in Outcome if counts[kind]]
    order_key, calls_key, view_key = (f"{name}-{job.id}" for name in ("order", "outcomes", "view"))
    scores_key = widgets.kept(f"scores-{job.id}")
    compared = any(row.domain_distance is not None for row in rows)
    senseless = {
        Order.UNSTEADY: job.tta == TestTimeAugmentation.NONE,
        Order.UNLIKE: not compared,
        Order.AROUND: not margins and widgets.chosen(order_key) is not Order.AROUND,
    }
    orders = [item for item in Order if not senseless.get(item)]
    _start_by_url(job, kinds, orders)
    with st.container(horizontal=True, vertical_alignment="center", key="nl-batch-show"):
        chosen = st.pills(
            "Show",
            kinds,
            selection_mode="multi",
            format_func=lambda kind: f"{call_text(kind)}  {counts[kind]:,}",
            key=widgets.kept(calls_key),
            label_visibility="collapsed",
        )
        views = [TABLE, SHEET, LABELS]
        choice("View", views, widgets.kept(view_key), label_visibility="collapsed")
    if view_of(job) == LABELS:
        st.empty()  # where the other views have more
        return select(rows, Filter(frozenset(chosen)), Order.HIGHEST)
    text_part, order_part, score_part = st.columns([1.3, 1.5, 0.8], vertical_alignment="center")
    with text_part:
        text = st.text_input(
            "Search",
            key=widgets.kept(f"text-{job.id}"),
            icon=":material/search:",
            placeholder=words.SEARCH,
            label_visibility="collapsed",
        )
    with order_part:
        order = st.selectbox(
            "Order",
            orders,
            format_func=str,
            key=widgets.kept(order_key),
            label_visibility="collapsed",
        )
    within = widgets.chosen(f"scores-{job.id}")
    label, icon = words.FILTER, ":material/filter_alt:"
    if isinstance(within, tuple) and within != _ALL:
        label, icon = f"{within[0]:.2f} to {within[1]:.2f}", ""
    with score_part, st.popover(label, icon=icon or None, width="stretch", key="nl-filter"):
        low, high = st.slider("Score range", 0.0, 1.0, _ALL, 0.01, key=scores_key)
        unlike = compared and st.toggle(words.ONLY_UNLIKE, key=widgets.kept(f"unlike-{job.id}"))
        around = bool(margins) and st.toggle(
            words.ONLY_AROUND, key=widgets.kept(f"around-{job.id}")
        )
    filters = Filter(frozenset(chosen), low, high, text or "", unlike, around)
    about = (tuple(margins.items()), resources.shared_folder(store, job))
    listed = resources.from_rows(store, job, _listed, filters, order, *about)
    return [at for at in listed if at < len(rows)]  # a batch that runs may have more since


def _listed(
    rows: Sequence[ScoreRow],
    filters: Filter,
    order: Order,
    margins: tuple[tuple[int, float], ...],
    folder: str | None,
) -> list[int]:
    return select(rows, filters, order, dict(margins), folder)


def _start_by_url(job: Job, kinds: Sequence[Outcome], orders: Sequence[Order]) -> None:
    """Let filters that hold nothing yet hold what the URL says."""
    named, only = (address.shown(name).split(",") for name in ("calls", "only"))
    by_name = {order.name.lower(): order for order in orders}
    widgets.start(f"order-{job.id}", by_name.get(address.shown("order"), Order.HIGHEST))
    widgets.start(f"outcomes-{job.id}", [kind for kind in kinds if kind.name.lower() in named])
    widgets.start(f"view-{job.id}", _VIEWS.get(address.shown("view"), TABLE))
    widgets.start(f"text-{job.id}", address.shown("find"))
    for name in _ONLY:
        widgets.start(f"{name}-{job.id}", name in only)


def view_of(job: Job) -> str:
    """Return how the rows are shown: `TABLE`, `SHEET` or `LABELS`."""
    return str(widgets.chosen(f"view-{job.id}"))


def shown_as(job: Job) -> dict[str, str]:
    """Return how the batch is looked at, as the URL has it."""
    order = Order(str(widgets.chosen(f"order-{job.id}")))
    calls = widgets.chosen(f"outcomes-{job.id}")
    view = next((name for name, view in _VIEWS.items() if view == view_of(job)), "")
    names = [Outcome(call).name.lower() for call in calls] if isinstance(calls, list) else []
    return {
        "order": "" if order is Order.HIGHEST else order.name.lower(),
        "calls": ",".join(names),
        "view": view,
        "find": str(widgets.chosen(f"text-{job.id}") or ""),
        "only": ",".join(name for name in _ONLY if widgets.chosen(f"{name}-{job.id}")),
    }


def result_list(batch: BatchRows, positions: Sequence[int]) -> None:
    """Draw one page of rows, that of the patch that was stepped to."""
    job = batch.job
    if not positions:
        empty(words.NO_MATCH)
        button("Clear filters", "clear", "", _clear_filters, job.id)
        return
    _follow(job, positions)
    page = page_of(len(positions), ROWS_A_PAGE, key=widgets.kept(f"page-{job.id}"))
    sheet = view_of(job) == SHEET
    browser(batch, positions[page.part], sheet=sheet)
    with st.container(horizontal=True, vertical_alignment="center"):
        pager(page)


def _follow(job: Job, positions: Sequence[int]) -> None:
    """Turn to the page of the patch that is looked at, once for each patch and each order."""
    looked_at, key = address.row(), f"followed-{job.id}"
    now = (looked_at, *shown_as(job).values())
    if now != widgets.chosen(key) and looked_at in positions:
        widgets.give(f"page-{job.id}", positions.index(looked_at) // ROWS_A_PAGE + 1)
    widgets.choose(key, now)


def _clear_filters(job_id: str) -> None:
    cleared: dict[str, object] = {
        "outcomes": [],
        "text": "",
        "scores": None,
        **dict.fromkeys(_ONLY, False),
    }
    for name, value in cleared.items():
        widgets.give(f"{name}-{job_id}", value)


def what_calls_rest_on(batch: BatchRows, classifier: Classifier) -> None:
    """Say how many calls the surroundings decide; begin to measure it unless there are many."""
    called = sum(row.predicted_label == 1 for row in batch.rows)
    if not called or not same_model(batch.rows[0].model_id, classifier.model_id):
        return
    measuring = resources.surroundings(batch.store)
    task = measuring.task(batch.job)
    if len(batch.margins) < called <= MOST_UNASKED and task is None and batch.store.is_writable:
        _begin(batch, classifier)
        task = measuring.task(batch.job)
    running = task is not None and task.is_alive()
    st.fragment(_line, run_every=_LIVE_EVERY_S if running else None)(
        batch, classifier, called, was_running=running
    )


def _line(batch: BatchRows, classifier: Classifier, called: int, *, was_running: bool) -> None:
    measuring = resources.surroundings(batch.store)
    task = measuring.task(batch.job)
    with st.container(horizontal=True, vertical_alignment="center", key="nl-around"):
        if was_running:
            if task is None or not task.is_alive():
                st.rerun()
            st.caption(words.AROUND_RUNNING.format(done=task.done, total=task.total))
            button("Stop", "around-stop", "", measuring.cancel, batch.job)
            return
        margins = replace(batch).margins  # known by now: the page may have begun before
        if margins:
            around = sum(margin >= 0 for margin in margins.values())
            text = agreeing(words.AROUND, around) if around else words.AROUND_NONE
            st.caption(text.format(around=around, measured=len(margins)), width="content")
            if around and only(batch.job, "around"):
                st.rerun()
        if task is not None and task.error:
            st.caption(plain(task.error))
        if len(margins) < called and batch.store.is_writable:
            left = called - len(margins)
            label = agreeing(words.AROUND_MEASURE, left).format(calls=left)
            if button(label, "around-measure", help=words.AROUND_HELP):
                _begin(batch, classifier)
                st.rerun()  # the whole page: how far that is shows only there


def _begin(batch: BatchRows, classifier: Classifier) -> None:
    measuring = resources.surroundings(batch.store)
    measuring.start(batch.job, batch.rows, lambda: batch.collection, classifier)
