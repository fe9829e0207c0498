"""The slider and what it moves, drawn as few and light elements."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Final

import streamlit as st
from markupsafe import Markup
from streamlit.delta_generator import DeltaGenerator

from app.charts import threshold as figures
from app.charts.threshold import FigureName, Mark
from app.screens.shared.component import component, keep_in_url
from app.screens.threshold import numbers, words
from app.screens.threshold.batch import batch_by_step, batch_part
from app.screens.threshold.lock import chosen_by, lock_button
from app.screens.threshold.rules import forget_problem, rules, stability_words
from app.screens.threshold.scene import Scene
from app.state import tuning, widgets
from core.bundle import SHIPPED
from core.thresholds import Snapshot, Source

_KEY: Final = "nl-slider"
_SCRIPT: Final = Path(__file__).with_name("slider.js")


def threshold_slider(
    threshold: float, lower: float | None, marks: Sequence[Mark], scores: str
) -> None:
    """Draw the slider at a threshold and the marks on the figures.

    Own component, because Streamlit's slider (1.67) tells the server only when the hand lets go,
    and because Plotly needs longer to draw its figures again than a reader should wait.

    Args:
        threshold: Where it stands.
        lower: Start of a grey zone; None without one.
        marks: Where the threshold lies on each figure that the page shows.
        scores: Hash of the scores; the figures of others are drawn anew, and need marks anew.
    """

    def moved() -> None:
        move = widgets.component_value(_KEY, "moved")
        if move:
            widgets.choose(f"{_KEY}-count", int(move["count"]))
            settle(float(move["threshold"]), bool(move["settled"]))

    component("nodelens_threshold", _SCRIPT)(
        key=_KEY,
        data={
            "threshold": threshold,
            "lower": lower,
            "marks": [mark.as_dict() for mark in marks],
            "figures": [mark.figure for mark in marks],
            "scores": scores,
            "count": widgets.chosen(f"{_KEY}-count", 0),
        },
        on_moved_change=moved,
        height="content",
    )


Places = dict[str, DeltaGenerator]
"""Where the numbers of each open fold go, by its name in `words.FOLDS`."""


def settle(threshold: float, settled: bool) -> None:
    """Take the threshold that a hand has chosen; into the URL once the hand has let go."""
    lower = tuning.current().lower
    tuning.change(
        threshold=threshold,
        lower=lower if lower is not None and lower < threshold else None,
        rule="",
    )
    forget_problem()
    widgets.choose("threshold-moving", not settled)
    if settled:
        tuning.share()


@st.fragment
def moving_part(scene: Scene, places: Places, shown: Collection[FigureName]) -> None:
    """Draw the slider and all that it moves; a move runs this again and nothing else."""
    now, study = tuning.current(), scene.study
    snapshot = study.at(now.threshold, scene.assumptions, now.lower)
    moving = bool(widgets.chosen("threshold-moving", False))
    left, right = st.columns([1.35, 1], gap="medium")
    with left:
        rules(study, scene.assumptions)
        slider, box = st.columns([4.2, 1], vertical_alignment="bottom")
        with slider:
            marks = [mark for mark in figures.marks(snapshot) if mark.figure in shown]
            threshold_slider(now.threshold, now.lower, marks, study.scores.sha256)
        with box:
            _typed(now.threshold)
        lines = numbers.answer(now.threshold, numbers.sentences(snapshot))
        st.html(lines + numbers.grey_zone(snapshot.deferral, now.threshold))
        status, action = st.columns([4.2, 1], vertical_alignment="center")
        with status:
            st.html(standing(scene, now.threshold, now.lower))
        with action:
            lock_button(scene)
    with right:
        batch_part(scene, snapshot, pictures=not moving)
    for name, place in places.items():
        place.html(_IN_FOLDS[name](scene, snapshot))
    keep_in_url("threshold", tuning.shared() | ({"job": scene.job.id} if scene.job else {}))


def numbers_by_step(scene: Scene) -> None:
    """Send what the numbers are at each step of the slider, so that they follow the hand at once.

    An answer takes longer than a reader should wait (Streamlit runs a fragment and sends it); it
    follows with all that is not in here, such as the intervals.
    """
    prevalence = scene.assumptions.prevalence
    texts = numbers.sentences_by_step(scene.study, prevalence) | batch_by_step(scene)
    parts = (Markup(' data-{}="{}"').format(series, rows) for series, rows in texts.items())
    st.html(Markup('<div class="nl-by-step"{}></div>').format(numbers.JOIN(parts)))


def _typed(threshold: float) -> None:
    widgets.choose("threshold-box", threshold)
    st.number_input(
        "Threshold",
        min_value=0.0,
        max_value=1.0,
        step=0.01,
        format="%.4f",
        key="threshold-box",
        label_visibility="collapsed",
        on_change=lambda: settle(float(str(widgets.chosen("threshold-box"))), True),
    )


def _measures(scene: Scene, snapshot: Snapshot) -> Markup:
    return numbers.JOIN(
        (
            numbers.matrix(snapshot),
            numbers.metrics(snapshot),
            numbers.caveats(snapshot, scene.study),
        )
    )


def _in_use(scene: Scene, snapshot: Snapshot) -> Markup:
    return numbers.in_use(snapshot) + numbers.matrix(snapshot, in_use=True)


def _slides(scene: Scene, snapshot: Snapshot) -> Markup:
    rows = scene.study.slides_at(snapshot.threshold)
    steady = Markup('<p class="nl-steady">{}</p>').format(
        stability_words(scene.study, scene.assumptions)
    )
    at_most = 10**6 if widgets.chosen("threshold-all-slides") else numbers.SLIDES_SHOWN
    return steady + numbers.slides(rows, at_most=at_most)


_IN_FOLDS: Final[dict[str, Callable[[Scene, Snapshot], Markup]]] = {
    "measures": _measures,
    "use": _in_use,
    "slides": _slides,
}


def standing(scene: Scene, threshold: float, lower: float | None) -> Markup:
    """Return whether this threshold is only tried, or locked, or in use.

    Points that read the same are the same to whoever reads them: a rule's threshold lies at a
    score itself, the shipped one a trifle below it.
    """
    point, by = scene.current, chosen_by(scene)
    tried = numbers.place(threshold, lower)
    current = numbers.place(point.threshold, point.lower_threshold)
    now = Markup("<b>{}</b> at {}.").format(point.name, current)
    if not scene.comparable:
        kind = "training run" if scene.study.scores.source is Source.RUN else "other scores"
        return _standing("exploring", f"exploring, {kind}", f"{by} {words.NOT_COMPARABLE}")
    if tried == current:
        lock = "" if point.version == SHIPPED else "🔒 "
        return _standing("locked", f"{lock}{point.name}", f"{words.IS_CURRENT} {point.rule}")
    for locked in reversed(scene.versions):
        if tried == numbers.place(locked.threshold, locked.lower_threshold):
            text = Markup("Locked by {}, {} {}").format(locked.locked_by, words.NOT_IN_USE, now)
            return _standing("locked", f"🔒 {locked.operating_point.name}", text)
    text = Markup("{} {} {}").format(by, words.NOT_LOCKED, now)
    return _standing("exploring", "exploring", text)


def _standing(kind: str, badge: str, text: str) -> Markup:
    return Markup(
        '<div class="nl-standing nl-{}"><span class="nl-badge">{}</span><p>{}</p></div>'
    ).format(kind, badge, text)
