"""Everything the slider moves, drawn as few and light elements, and the figures that stay."""

from functools import partial
from typing import Final

import plotly.graph_objects as go
import streamlit as st
from markupsafe import Markup, escape

from app import charts, resources
from app.charts import threshold as figures
from app.screens.shared.parts import chart, empty_html, section_html, table_html
from app.screens.threshold import numbers, words
from app.screens.threshold.lock import chosen_by, lock_button
from app.screens.threshold.scene import Scene
from app.screens.threshold.slider import threshold_slider
from app.state import tuning, widgets
from core.bundle import SHIPPED
from core.errors import NodelensError
from core.jobs import Job
from core.scoring import GREY, BatchEffect, Change
from core.thresholds import Snapshot, Source, ThresholdStudy
from core.wording import call_of, call_text, number, percent

PICTURES: Final = 12
_CALLS: Final = (1, 0, GREY)


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
def moving_part(scene: Scene) -> None:
    """Draw the slider and all numbers that it moves; a move runs this again and nothing else."""
    now = tuning.current()
    study = scene.study
    snapshot = study.at(now.threshold, scene.assumptions, now.lower)
    status, action = st.columns([3.2, 1.25], vertical_alignment="center")
    with status:
        st.html(standing(scene, now.threshold, now.lower))
    with action:
        lock_button(scene)
    slider, box = st.columns([3.2, 1.25], vertical_alignment="center")
    with slider:
        threshold_slider(now.threshold, now.lower, figures.marks(snapshot), settle)
    with box:
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
    every_slide = bool(widgets.chosen("threshold-all-slides"))
    at_most = 10**6 if every_slide else numbers.SLIDES_SHOWN
    parts = (
        numbers.everything(snapshot, study),
        section_html("Slides, most errors first", f"at {now.threshold:.4f}"),
        numbers.slides(study.slides_at(now.threshold), at_most=at_most),
        section_html("Your batch at this threshold", scene.batch.name if scene.batch else ""),
        _batch(scene, snapshot, pictures=not widgets.chosen("threshold-moving", False)),
    )
    st.html(numbers.JOIN(parts))


def standing(scene: Scene, threshold: float, lower: float | None) -> Markup:
    """Return whether this threshold is only tried, or locked, or in use."""
    point = scene.current
    by = chosen_by(scene.study, scene.assumptions)
    now = Markup("{} <b>{}</b> at {}.").format(
        words.CURRENT, point.name, numbers.place(point.threshold, point.lower_threshold)
    )
    if not scene.comparable:
        kind = "training run" if scene.study.scores.source is Source.RUN else "other scores"
        return _standing("exploring", f"exploring, {kind}", f"{by} {words.NOT_COMPARABLE}")
    tried = (threshold, lower)
    if tried == (point.threshold, point.lower_threshold):
        lock = "" if point.version == SHIPPED else "🔒 "
        return _standing("locked", f"{lock}{point.name}", f"{words.IS_CURRENT} {point.rule}")
    for locked in reversed(scene.versions):
        if tried == (locked.threshold, locked.lower_threshold):
            text = Markup("Locked by {}, but not in use. {}").format(locked.locked_by, now)
            return _standing("locked", f"🔒 {locked.operating_point.name}", text)
    text = Markup("{} {} {}").format(by, words.NOTHING_CHANGES, now)
    return _standing("exploring", "exploring", text)


def _standing(kind: str, badge: str, text: str) -> Markup:
    return Markup(
        '<div class="nl-standing nl-{}"><span class="nl-badge">{}</span><p>{}</p></div>'
    ).format(kind, badge, text)


def _batch(scene: Scene, snapshot: Snapshot, *, pictures: bool) -> Markup:
    if scene.study.scores.source is Source.RUN:
        return empty_html("", words.RUN_NO_BATCH)
    if scene.batch is None or scene.calls is None or scene.job is None:
        return empty_html(*words.NO_BATCH)
    if not scene.batch.models:
        return empty_html("", words.NO_SCORED_PATCH)
    if scene.batch.models != (scene.classifier.model_id,):
        return empty_html("", words.BATCH_OTHER_MODEL.format(model=scene.batch.models[0]))
    point = scene.current
    lower = None if snapshot.deferral is None else snapshot.deferral.lower
    effect = scene.batch.effect(snapshot.threshold, lower, scene.calls, at_most=PICTURES)
    lead = Markup(
        "<p><b>{:,}</b> of {:,} patches would be called differently <small>({}; compared with {} "
        "at {})</small></p>"
    ).format(
        effect.changed,
        effect.patches,
        percent(effect.changed / effect.patches),
        point.name,
        numbers.place(point.threshold, point.lower_threshold),
    )
    foreign = ", ".join(name for name in scene.batch.versions if name != point.name)
    if foreign:
        note = Markup("<p><small>Its rows were scored at {} and keep that version.</small></p>")
        lead += note.format(foreign)
    shown = _pictures(scene, scene.job, effect) if pictures and effect.changes else ""
    return Markup('<div class="nl-say">{}</div>{}{}').format(lead, _calls(effect), shown)


def _call(call: int) -> str:
    return call_text(call_of(None if call == GREY else call))


def _calls(effect: BatchEffect) -> Markup:
    rows = [
        (_call(call), f"{before:,}", f"{after:,}", number(after - before, 0, signed=True))
        for call, before, after in zip(_CALLS, effect.before, effect.after, strict=True)
        if before or after or call != GREY
    ]
    return table_html(("Call", "current", "here", "change"), rows, "nl-metrics nl-calls")


def _pictures(scene: Scene, job: Job, effect: BatchEffect) -> Markup:
    positions = [change.position for change in effect.changes]
    try:
        pictures = resources.thumbnails(scene.jobs, job, positions)
        rows = resources.rows(scene.jobs, job)
    except NodelensError:
        return Markup()
    cards = numbers.JOIN(
        _change_card(change, picture, rows[change.position].path)
        for change, picture in zip(effect.changes, pictures, strict=True)
    )
    more = effect.changed - len(effect.changes)
    rest = f"and {more:,} more, further from the threshold" if more > 0 else ""
    return Markup('<div class="nl-changes">{}</div><div class="nl-from"><p>{}</p></div>').format(
        cards, rest
    )


def _change_card(change: Change, picture: str | None, path: str) -> Markup:
    image = Markup('<img src="{}" alt="">').format(picture)
    if picture is None:
        image = Markup('<span class="nl-noimage"></span>')
    return Markup(
        '<figure title="{}">{}<figcaption><b>{:.3f}</b><small>{}<br>→ {}</small></figcaption>'
        "</figure>"
    ).format(
        path,
        image,
        change.probability,
        _call(change.before),
        _call(change.after),
    )


def still_part(scene: Scene) -> None:
    """Draw the figures; they stay while the slider moves the marks over them."""
    study, point = scene.study, scene.current
    colours = charts.palette(dark=widgets.is_dark())
    line = point.threshold if scene.comparable else None
    at_point = study.table.confusion(point.threshold) if scene.comparable else None
    assumed = scene.assumptions
    show = partial(_figure, scene)
    show(
        "histogram",
        "Scores by class",
        "square-root scale; dotted: current threshold",
        figures.histogram(study.histogram, in_force=line, colours=colours),
    )
    area = study.auroc
    curve = study.decision_curve(assumed)
    at_score = study.scores_for(curve.probabilities, assumed.prevalence)
    left, right = st.columns(2)
    with left:
        show(
            "roc",
            f"ROC, area {area.value:.3f}",
            f"95 % {'over slides' if area.by_slides else 'by patches'} "
            f"{numbers.span(area, digits=3)}",
            figures.roc(study.roc, in_force=at_point, colours=colours),
        )
    with right:
        show(
            "precision-recall",
            f"Precision–recall, AP {study.average_precision:.3f}",
            f"{percent(study.prevalence)} tumour here, not clinical",
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
            f"flagging pays off from {assumed.fair_probability:.3f}",
            figures.decision(
                curve, at_score, fair_probability=assumed.fair_probability, colours=colours
            ),
        )
    scores = study.scores
    st.caption(words.FIGURES.format(name=scores.name, patches=len(scores.evidence)))


def _calibration_words(study: ThresholdStudy) -> str:
    bins, line = study.calibration, study.calibration_line
    slope = "" if isinstance(line, str) else f", slope {line.slope.value:.2f}"
    return f"ECE {bins.ece:.3f}, Brier {bins.brier:.3f}{slope}"


def _figure(scene: Scene, name: str, title: str, note: str, figure: go.Figure) -> None:
    st.html(f'<div class="nl-figure"><b>{escape(title)}</b><span>{escape(note)}</span></div>')
    with st.container(key=f"nl-figure-{name}"):
        key = f"threshold-{name}-{scene.study.scores.sha256[:8]}"
        chart(figure, key, f"{title}. {note}")
