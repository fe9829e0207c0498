"""Everything the slider moves, drawn as few and light elements, and the figures that stay."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from html import escape
from typing import Final

import streamlit as st

from app import charts, resources
from app.charts import threshold as figures
from app.screens.threshold import numbers
from app.screens.threshold.slider import threshold_slider
from app.state import tuning, widgets
from core.bundle import OperatingPoint
from core.errors import NodelensError
from core.jobs import Job, JobStore
from core.scoring import GREY, Batch, BatchEffect, Change
from core.scoring.what_if import Calls
from core.statistics import Measured
from core.thresholds import Assumptions, LockedPoint, Snapshot, Source, ThresholdStudy, rule_of

PICTURES: Final = 12
_BY_HAND: Final = "Chosen by hand."
_CALLS: Final = {1: "▲ tumour", 0: "▽ no tumour", GREY: "◆ grey zone"}


@dataclass(frozen=True, eq=False)
class Scene:
    """What surrounds the threshold that is tried.

    Attributes:
        study: The scores.
        assumptions: Of their use.
        in_force: What new scores are called with.
        versions: Locked before, oldest first.
        comparable: Whether the threshold in force means the same on these scores.
        batch: The scored batch at hand; None without one.
        calls: What its patches are called at the point in force.
        job: Of that batch.
        model_id: The model in this app.
        jobs: Where it is.
    """

    study: ThresholdStudy
    assumptions: Assumptions
    in_force: OperatingPoint
    versions: Sequence[LockedPoint]
    comparable: bool
    batch: Batch | None
    calls: Calls | None
    job: Job | None
    model_id: str
    jobs: JobStore


def settle(threshold: float, settled: bool) -> None:
    """Take the threshold that a hand has chosen; into the URL once the hand has let go."""
    lower = tuning.current().lower
    tuning.change(
        threshold=threshold,
        lower=lower if lower is not None and lower < threshold else None,
        rule="",
    )
    widgets.choose("threshold-moving", not settled)
    if settled:
        tuning.share()


@st.fragment
def moving_part(scene: Scene, lock: Callable[[], None]) -> None:
    """Draw the slider and all numbers that it moves; a move runs this again and nothing else.

    Args:
        scene: What surrounds the threshold.
        lock: Draws the way to lock it.
    """
    now = tuning.current()
    study = scene.study
    snapshot = study.at(now.threshold, scene.assumptions, now.lower)
    said, action = st.columns([3.2, 1.25], vertical_alignment="center")
    with said:
        st.html(standing(scene, now.threshold, now.lower))
    with action:
        lock()
    slider, box = st.columns([3.2, 1.25], vertical_alignment="center")
    with slider:
        threshold_slider(now.threshold, now.lower, figures.marks(snapshot), settle)
    with box:
        _boxes(now)
    st.html(
        numbers.sentences(snapshot, study.scores.name)
        + (
            ""
            if snapshot.deferral is None
            else numbers.grey_zone(snapshot.deferral, snapshot.threshold)
        )
        + '<div class="nl-pair">'
        + numbers.matrices(snapshot)
        + numbers.in_use(snapshot)
        + "</div>"
        + numbers.metrics(snapshot)
        + numbers.caveats(snapshot, study)
        + _heading("Slides, most errors first", f"at {now.threshold:.4f}")
        + numbers.slides(
            study.slides_at(now.threshold),
            at_most=10**6 if widgets.chosen("threshold-all-slides") else numbers.SLIDES_SHOWN,
        )
        + _heading("Your batch at this threshold", scene.batch.name if scene.batch else "")
        + _batch(scene, snapshot, pictures=not widgets.chosen("threshold-moving", False))
    )


def _boxes(now: tuning.Tuning) -> None:
    widgets.choose("threshold-box", now.threshold)
    st.number_input(
        "Threshold",
        min_value=0.0,
        max_value=1.0,
        step=0.01,
        format="%.6f",
        key="threshold-box",
        label_visibility="collapsed",
        on_change=lambda: settle(float(str(widgets.chosen("threshold-box"))), True),
    )


def chosen_by(study: ThresholdStudy, assumptions: Assumptions) -> str:
    """Return how the threshold was chosen, in words that let a reader repeat it."""
    now = tuning.current()
    if now.rule:
        try:
            choice = study.choose(rule_of(now.rule, assumptions))
        except NodelensError:
            return _BY_HAND
        if (choice.threshold, choice.lower) == (now.threshold, now.lower):
            return f"{choice.rule}: {choice.description}"
    return _BY_HAND


def standing(scene: Scene, threshold: float, lower: float | None) -> str:
    """Return as HTML whether this threshold is only tried, or locked, or in force."""
    point = scene.in_force
    now = f"In force for new scores: <b>{escape(point.version)}</b> at {_places(point)}."
    if not scene.comparable:
        kind = "training run" if scene.study.scores.source is Source.RUN else "other scores"
        return (
            f'<div class="nl-standing nl-exploring"><span class="nl-badge">exploring, {kind}</span>'
            f"<p>{escape(chosen_by(scene.study, scene.assumptions))} The threshold in force does "
            "not mean the same on these scores, and is not marked.</p></div>"
        )
    if (threshold, lower) == (point.threshold, point.lower_threshold):
        return (
            '<div class="nl-standing nl-locked"><span class="nl-badge">'
            f"{'🔒 ' if point.version != 'shipped' else ''}{escape(point.version)}</span>"
            f"<p>This is the threshold in force. {escape(point.rule)}</p></div>"
        )
    for locked in reversed(scene.versions):
        if (threshold, lower) == (locked.threshold, locked.lower_threshold):
            return (
                f'<div class="nl-standing nl-locked"><span class="nl-badge">🔒 locked '
                f"{locked.version}</span><p>Locked by {escape(locked.locked_by)}, but not in "
                f"force. {now}</p></div>"
            )
    return (
        '<div class="nl-standing nl-exploring"><span class="nl-badge">exploring</span>'
        f"<p>{escape(chosen_by(scene.study, scene.assumptions))} Nothing changes until you lock. "
        f"{now}</p></div>"
    )


def _places(point: OperatingPoint) -> str:
    if point.lower_threshold is None:
        return f"{point.threshold:.4f}"
    return f"{point.lower_threshold:.4f} / {point.threshold:.4f}"


def _heading(title: str, note: str) -> str:
    return f'<div class="nl-section"><h2>{title}</h2><span>{escape(note)}</span></div>'


def _batch(scene: Scene, snapshot: Snapshot, *, pictures: bool) -> str:
    if scene.study.scores.source is Source.RUN:
        return (
            '<div class="nl-empty">These are scores of a training run; they say nothing about a '
            "batch that this app's model scored.</div>"
        )
    if scene.batch is None or scene.calls is None or scene.job is None:
        return (
            '<div class="nl-empty"><b>No finished batch.</b> Score patches under Batch scoring; '
            "this page then tells how many of them would be called otherwise.</div>"
        )
    if not scene.batch.models:
        return '<div class="nl-empty">No patch of this batch has a score.</div>'
    if scene.batch.models != (scene.model_id,):
        return (
            f'<div class="nl-empty">This batch was scored by {escape(scene.batch.models[0])}, not '
            "by the model in this app. Score it anew to compare.</div>"
        )
    lower = None if snapshot.deferral is None else snapshot.deferral.lower
    effect = scene.batch.effect(snapshot.threshold, lower, scene.calls, at_most=PICTURES)
    share = effect.changed / effect.patches
    lead = (
        f"<p><b>{effect.changed:,}</b> of {effect.patches:,} patches would be called otherwise "
        f"<small>({numbers.percent(share)}; against {escape(scene.in_force.version)} at "
        f"{_places(scene.in_force)})</small></p>"
    )
    foreign = [name for name in scene.batch.versions if name != scene.in_force.version]
    if foreign:
        lead += (
            f"<p><small>Its rows were written at {escape(', '.join(foreign))}, and stay so.</small>"
            "</p>"
        )
    shown = _pictures(scene, scene.job, effect) if pictures and effect.changes else ""
    return f'<div class="nl-say">{lead}</div>{_calls(effect)}{shown}'


def _calls(effect: BatchEffect) -> str:
    names = ("▲ tumour", "▽ no tumour", "◆ grey zone")
    cells = "".join(
        f"<tr><th>{name}</th><td>{before:,}</td><td>{after:,}</td><td>{after - before:+,}</td></tr>"
        for name, before, after in zip(names, effect.before, effect.after, strict=True)
        if before or after or name != names[2]
    )
    return (
        '<table class="nl-metrics nl-calls"><thead><tr><th>Called</th><th>in force</th>'
        f"<th>here</th><th>change</th></tr></thead><tbody>{cells}</tbody></table>"
    )


def _pictures(scene: Scene, job: Job, effect: BatchEffect) -> str:
    positions = [change.position for change in effect.changes]
    try:
        found = resources.thumbnails(scene.jobs, job, positions)
        rows = resources.rows(scene.jobs, job)
    except NodelensError:
        return ""
    cards = "".join(
        _card(change, picture, rows[change.position].path)
        for change, picture in zip(effect.changes, found, strict=True)
    )
    more = effect.changed - len(effect.changes)
    rest = f"<p>and {more:,} more, further from the threshold</p>" if more > 0 else ""
    return f'<div class="nl-changes">{cards}</div><div class="nl-from">{rest}</div>'


def _card(change: Change, picture: str | None, path: str) -> str:
    image = f'<img src="{picture}" alt="">' if picture else '<span class="nl-noimage"></span>'
    return (
        f'<figure title="{escape(path)}">{image}<figcaption><b>{change.probability:.3f}</b>'
        f"<small>{_CALLS[change.before]}<br>→ {_CALLS[change.after]}</small></figcaption></figure>"
    )


def still_part(scene: Scene) -> None:
    """Draw the figures; they stay while the slider moves the marks over them."""
    study, point = scene.study, scene.in_force
    colours = charts.palette(dark=widgets.is_dark())
    line = point.threshold if scene.comparable else None
    at_point = study.table.confusion(point.threshold) if scene.comparable else None
    assumed = scene.assumptions
    show = partial(_figure, scene)
    show(
        "histogram",
        "Scores by class",
        "square-root scale; dotted: in force",
        figures.histogram(study.histogram, in_force=line, colours=colours),
    )
    area = study.auroc
    curve = study.decision_curve(assumed)
    scores = study.scores_for(curve.probabilities, assumed.prevalence)
    left, right = st.columns(2)
    with left:
        show(
            "roc",
            f"ROC, area {area.value:.3f}",
            f"95 % {'over slides' if area.by_slides else 'by patches'} {_three(area)}",
            figures.roc(study.roc, in_force=at_point, colours=colours),
        )
    with right:
        show(
            "precision-recall",
            f"Precision–recall, AP {study.average_precision:.3f}",
            f"{study.prevalence:.1%} tumour here, not clinical",
            figures.precision_recall(
                study.precision_recall,
                prevalence=study.prevalence,
                in_force=at_point,
                colours=colours,
            ),
        )
    left, right = st.columns(2)
    with left:
        show(
            "calibration",
            "Calibration",
            _calibration_words(study),
            figures.calibration(study.calibration, in_force=line, colours=colours),
        )
    with right:
        show(
            "decision",
            f"Decision curve at {100 * assumed.prevalence:g} %",
            f"flagging pays from {assumed.fair_probability:.3f} on",
            figures.decision(
                curve, scores, fair_probability=assumed.fair_probability, colours=colours
            ),
        )
    st.caption(
        f"{study.scores.name}, {len(study.scores.evidence):,} patches. Circle and line: the "
        "threshold tried; ◇ and dots: the one in force. Click a curve, bar or point to try it."
    )


def _three(area: Measured) -> str:
    return f"{area.low:.3f}–{area.high:.3f}" if area.has_interval else "–"


def _calibration_words(study: ThresholdStudy) -> str:
    found, line = study.calibration, study.calibration_line
    slope = "" if isinstance(line, str) else f", slope {line.slope.value:.2f}"
    return f"ECE {found.ece:.3f}, Brier {found.brier:.3f}{slope}"


def _figure(scene: Scene, name: str, title: str, note: str, figure: object) -> None:
    st.html(f'<div class="nl-figure"><b>{escape(title)}</b><span>{escape(note)}</span></div>')
    with st.container(key=f"nl-figure-{name}"):
        st.plotly_chart(
            figure,
            theme=None,
            key=f"threshold-{name}-{scene.study.scores.sha256[:8]}",
            config={"displayModeBar": False},
            alt=f"{title}. {note}",
        )
