"""What the threshold that is tried does to the batch at hand."""

from collections.abc import Sequence
from typing import Final

import streamlit as st
from markupsafe import Markup

from app import resources
from app.screens.shared.jobs import apply_button
from app.screens.shared.parts import empty_html
from app.screens.shared.ways import BATCH, REVIEW, SCORE, ways_on
from app.screens.threshold import numbers, words
from app.screens.threshold.scene import Scene
from app.state import widgets
from core.bundle import same_model
from core.errors import NodelensError
from core.jobs import Job
from core.scoring import GREY, BatchEffect, Change
from core.scoring.what_if import by_call
from core.thresholds import Snapshot, Source
from core.wording import call_of, call_text, number

PICTURES: Final = 12
_CALLS: Final = (1, 0, GREY)


def batch_part(scene: Scene, snapshot: Snapshot, *, pictures: bool) -> None:
    """Draw which patches of the batch change sides, and the way to call it at what is in force."""
    name = scene.batch.name if scene.batch else ""
    head = Markup('<div class="nl-mine"><b>{}</b> <span>{}</span></div>').format(
        words.BATCH_TITLE, name
    )
    with st.container(horizontal=True, vertical_alignment="center", key="nl-mine-head"):
        st.html(head)
        if scene.job is None:
            ways_on(SCORE, key="threshold")
        else:
            ways_on(BATCH, REVIEW, job=scene.job.id, key="threshold")
    st.html(_effect(scene, snapshot, pictures=pictures))
    point = scene.current
    if scene.batch is None or scene.batch.versions in {(), (point.name,)}:
        return
    applied = scene.point_for_batch
    if applied is None or scene.job is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="nl-follow"):
        st.html(
            Markup("<span>{}</span>").format(
                words.FOLLOWS.format(version=", ".join(scene.batch.versions))
            )
        )
        if apply_button(scene.jobs, scene.job, applied, point.name):
            widgets.notify(words.APPLIED.format(batch=scene.batch.name, version=point.name))
            st.rerun()


def _effect(scene: Scene, snapshot: Snapshot, *, pictures: bool) -> Markup:
    if scene.study.scores.source is Source.RUN:
        return empty_html("", words.RUN_NO_BATCH)
    if scene.batch is None or scene.calls is None or scene.job is None:
        return empty_html(*words.NO_BATCH)
    if not scene.batch.models:
        return empty_html("", words.NO_SCORED_PATCH)
    model, *others = scene.batch.models
    if others or not same_model(model, scene.classifier.model_id):
        return empty_html("", words.BATCH_OTHER_MODEL.format(model=model))
    lower = None if snapshot.deferral is None else snapshot.deferral.lower
    effect = scene.batch.effect(snapshot.threshold, lower, scene.calls, at_most=PICTURES)
    texts = _texts(effect.before, effect.after, effect.changed)
    # The steps of the slider are told without a grey zone.
    changed, *calls = texts if lower is not None else numbers.live("batch", texts)
    point = scene.current
    lead = Markup("<p><b>{}</b> <small>{}</small></p>").format(
        words.CHANGED.format(changed=changed, patches=effect.patches),
        words.COMPARED.format(
            name=point.name, place=numbers.place(point.threshold, point.lower_threshold)
        ),
    )
    shown = _pictures(scene, scene.job, effect) if pictures else Markup()
    return numbers.answer(snapshot.threshold, lead + _calls(effect, calls)) + shown


def _call(call: int) -> str:
    return call_text(call_of(None if call == GREY else call))


def _texts(
    before: tuple[int, int, int], after: tuple[int, int, int], changed: int
) -> tuple[str, ...]:
    """Return how many calls differ, and for each call its patches and how many more these are."""
    counts = [
        text
        for now, then in zip(before, after, strict=True)
        for text in (f"{then:,}", number(then - now, 0, signed=True))
    ]
    return f"{changed:,}" if changed else words.NONE, *counts


def batch_by_step(scene: Scene) -> dict[str, str]:
    """Return what is said of the batch at each step of the slider; empty without a batch."""
    if scene.batch is None or scene.calls is None:
        return {}
    before = by_call(scene.calls)
    tumour, changed = scene.batch.counts(numbers.STEPS, scene.calls)
    patches = sum(before)
    return {
        "batch": numbers.by_step(
            _texts(before, (called, patches - called, 0), other)
            for called, other in zip(tumour.tolist(), changed.tolist(), strict=True)
        )
    }


def _calls(effect: BatchEffect, texts: Sequence[str]) -> Markup:
    """How many patches have each call now and here."""
    parts = numbers.JOIN(
        Markup("<span>{} <b>{:,}</b> → <b>{}</b> <small>{}</small></span>").format(
            _call(call), before, count, change
        )
        for call, before, after, count, change in zip(
            _CALLS, effect.before, effect.after, texts[::2], texts[1::2], strict=True
        )
        if before or after or call != GREY
    )
    return Markup('<p class="nl-calls">{}</p>').format(parts)


def _pictures(scene: Scene, job: Job, effect: BatchEffect) -> Markup:
    shown = effect.changes or effect.nearest
    positions = [change.position for change in shown]
    try:
        pictures = resources.thumbnails(scene.jobs, job, positions)
        rows = resources.rows(scene.jobs, job)
    except NodelensError:
        return Markup()
    cards = numbers.JOIN(
        _change_card(change, picture, rows[change.position].path)
        for change, picture in zip(shown, pictures, strict=True)
    )
    more = effect.changed - len(effect.changes)
    rest = Markup('<p class="nl-from">and {:,} more, further from the threshold</p>').format(more)
    title = Markup('<p class="nl-from">{}</p>').format(words.NEAREST)
    return Markup('{}<div class="nl-changes">{}</div>{}').format(
        "" if effect.changes else title, cards, rest if more > 0 else ""
    )


def _change_card(change: Change, picture: str | None, path: str) -> Markup:
    image = Markup('<img src="{}" alt="">').format(picture)
    if picture is None:
        image = Markup('<span class="nl-noimage"></span>')
    turned = change.before != change.after
    return Markup(
        '<figure title="{}">{}<figcaption><b>{:.3f}</b><small>{}{}</small></figcaption></figure>'
    ).format(
        path,
        image,
        change.probability,
        _call(change.before),
        Markup("<br>→ {}").format(_call(change.after)) if turned else "",
    )
