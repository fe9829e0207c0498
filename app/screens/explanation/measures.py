"""The measures of an explanation, each with what to expect, and the tests beside the map.

None is a finding.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from html import escape
from typing import Final

import numpy as np
import streamlit as st

from app import resources
from app.screens.explanation import words
from app.screens.shared.parts import section
from core.engine import d4_views
from core.explanation import (
    CentreReliance,
    D4Views,
    Decisive,
    Explanation,
    ExplanationRow,
    FillerKind,
    Method,
    OverlayStyle,
    TwinTest,
    draw_patch_box,
)
from core.explanation.cam import LEAST_AGREEMENT, SMALLEST_EFFECT_LOGIT
from core.explanation.explained import ExplainedPatches
from core.explanation.explainer import WEAK_ODDS
from core.explanation.faithfulness import RELIABLE_SHARE
from core.patches import ImageU8
from core.pictures import png_bytes, png_uri
from core.wording import SIGNS, call_of, number, percent, score_text

_DISAGREEING: Final = 0.25


@dataclass(frozen=True)
class MeasureLine:
    """A measure for a reader: this patch's number or word, and what to compare it with.

    The note says what it means, or when not to trust it; an alert deserves a mark.
    """

    name: str
    value: str
    expected: str
    note: str = ""
    alert: bool = False


def of_map(row: ExplanationRow) -> list[MeasureLine]:
    """Return the measures of the map."""
    explanation = row.explanation
    if explanation is None:
        return []
    called = row.score.predicted_label == 1
    return [*_of_place(explanation), _of_strength(explanation, called=called)]


def _of_place(explanation: Explanation) -> list[MeasureLine]:
    centre, target = explanation.centre, words.TARGETS[explanation.cam.target]
    name = f"Evidence for {target} in the centre"
    expected = f"{percent(centre.expected_share, 0)} by area"
    if centre.share is None:
        return [MeasureLine(name, "none", expected, words.NO_POSITIVE)]
    note = "" if explanation.cam.method is Method.REPLACEMENT else words.LARGE_CELLS
    where = "in the centre" if centre.peak_in_centre else "in the surroundings"
    return [
        MeasureLine(name, percent(centre.share, 0), expected, note),
        MeasureLine("Strongest square", where, f"centre: {expected}"),
    ]


def _of_strength(explanation: Explanation, *, called: bool) -> MeasureLine:
    centre, cam = explanation.centre, explanation.cam
    target = words.TARGETS[cam.target]
    if cam.method is Method.REPLACEMENT:
        strongest = number(float(cam.values.max()), 2, signed=True)
        note = words.SQUARES.format(target=target)
        return MeasureLine("Strongest square", strongest, f"above {SMALLEST_EFFECT_LOGIT}", note)
    factor = explanation.odds_factor or 1.0  # every method of this page is in logits
    times = f"{factor:,.{int(factor < 10)}f}" if factor < 1000 else "over 1,000"
    evidence = f"{number(centre.evidence_for, 2, signed=True)} logits for"
    return MeasureLine(
        f"Evidence for {target}",
        f"raises the odds {times}-fold",
        f"{WEAK_ODDS:.0f}-fold or more",
        f"{'Weak. ' * bool(explanation.weak)}{evidence}, "
        f"{number(centre.evidence_against, 2)} against.",
        alert=bool(explanation.weak) and called,
    )


def of_centre_test(test: CentreReliance, donors: str) -> list[MeasureLine]:
    """Return what replacing the centre and the surroundings did."""
    value, sentence = words.DECISIVE[test.decisive]
    no_call = test.decisive is Decisive.NO_CALL
    doubt = test.spread > _DISAGREEING
    span = f"{percent(test.low, 0)} to {percent(test.high, 0)}"
    return [
        MeasureLine(
            "Region that decides the call",
            value,
            "no call to keep" if no_call else "Centre",
            sentence,
            alert=test.decisive is Decisive.RING,
        ),
        MeasureLine(
            "Share of the evidence in the centre",
            percent(test.score, 0),
            "near 0\u00a0%" if no_call else "near 100\u00a0%",
            words.FILLERS.format(span=span, donors=donors) + words.FILLERS_DISAGREE * doubt,
            alert=doubt,
        ),
        MeasureLine(
            "Share of the evidence in the surroundings",
            percent(test.ring_score, 0),
            "near 0\u00a0%",
            words.AROUND,
        ),
    ]


def of_views(views: D4Views) -> MeasureLine:
    """Return how the eight orientations agree."""
    low, high = (score_text(float(at)) for at in (views.prob_tumour.min(), views.prob_tumour.max()))
    flips = words.FLIPS.format(flips=views.flips) if views.flips else ""
    return MeasureLine(
        "Orientations called tumour",
        f"{int(views.calls.sum())}\u00a0of\u00a08",
        "all the same",
        f"Scores {low} to {high}, SD of the logit {views.sd_logit:.2f}.{flips}",
        alert=views.flips > 0,
    )


def of_map_test(row: ExplanationRow) -> list[MeasureLine]:
    """Return how the map did in its test: against control networks, or between donors."""
    if row.twins is not None:
        return [_of_twins(row.twins)]
    cam = None if row.explanation is None else row.explanation.cam
    if cam is None or cam.agreement is None:
        return []
    return [
        MeasureLine(
            "Agreement between replacements on the nine squares",
            number(cam.agreement, 2),
            f"{LEAST_AGREEMENT} or more",
            words.AGREEMENT,
            alert=not cam.measured,
        )
    ]


def _of_twins(twins: TwinTest) -> MeasureLine:
    count = len(twins.twins)
    return MeasureLine(
        "Control networks that this map beats",
        f"{round(twins.beaten * count)}\u00a0of\u00a0{count}",
        f"{math.ceil(RELIABLE_SHARE * count)} or more",
        words.TWINS.format(faithfulness=number(twins.faithfulness, 2)),
        alert=not twins.reliable,
    )


_FILLERS: Final = {
    FillerKind.BLUR: "Blurred",
    FillerKind.MEAN: "Mean colour",
    FillerKind.DONOR: "Donor",
}
_KEPT: Final = (
    "Centre kept, surroundings replaced",
    "Surroundings kept, centre replaced",
    "Both replaced",
)
_VIEWS: Final = tuple(
    f"{mirrored}{turned}"
    for mirrored in ("", "Mirrored, ")
    for turned in ("as given", "rotated by 90°", "rotated by 180°", "rotated by 270°")
)
_STRIP_STYLE: Final = OverlayStyle(zoom=2)


def draw_measures(lines: Sequence[MeasureLine], title: str) -> None:
    """Draw measures as a table: what it is, this patch, what to expect.

    The title is read out, not drawn.
    """
    rows = "".join(
        f'<tr class="{"nl-alert" if one.alert else ""}"><th scope="row">{escape(one.name)}</th>'
        f"<td>{escape(one.value)}</td><td>{escape(one.expected)}</td></tr>"
        + (f'<tr class="nl-note"><td colspan="3">{escape(one.note)}</td></tr>' if one.note else "")
        for one in lines
    )
    st.html(
        f'<table class="nl-measures" aria-label="{escape(title)}"><thead><tr>'
        '<th scope="col">Measure</th><th scope="col">This patch</th><th scope="col">Expected</th>'
        f"</tr></thead><tbody>{rows}</tbody></table>"
    )


def centre_strip(
    known: ExplainedPatches, position: int, *, image: ImageU8, row: ExplanationRow
) -> None:
    """Draw what became of the score with the centre or the ring replaced."""
    test = row.reliance
    if test is None:
        return
    as_given = _sign(row.score.prob_tumour or 0, row.score.threshold)
    title, note = words.CENTRE_TEST
    section(title, note.format(score=as_given))
    numbers, strip = st.columns([1, 1.75], gap="medium")
    with numbers:
        drawn = known.collection.donors is None
        donors = words.DRAWN_DONORS if drawn else words.OWN_DONORS
        draw_measures(of_centre_test(test, donors), title)
        if drawn:
            st.caption(words.DRAWN_HINT)
    with strip:
        key = f"strip {known.collection.key} {position}"
        _strip(known, image, test, row.score.threshold, key)


def _strip(
    known: ExplainedPatches, image: ImageU8, test: CentreReliance, threshold: float, key: str
) -> None:
    logits = np.array(
        [[one.logit_centre_kept, one.logit_ring_kept, one.logit_neither] for one in test.fillers],
        np.float32,
    )
    scores = known.explainer.classifier.probability(logits)  # (fillers, 3)
    heads, rows, number = [], [list[str](), list[str](), list[str]()], 0
    for picture, of_one in zip(known.centre_test.counterfactuals(image), scores, strict=True):
        filler = picture.filler
        name = _FILLERS[filler.kind]
        if filler.kind is FillerKind.DONOR:
            number += 1
            name = f"{name} {number}"
        small = f"<small>{escape(filler.donor)}</small>"
        heads.append(f'<strong title="{escape(filler.name)}">{name}{small}</strong>')
        made = zip(rows, _KEPT, picture.pictures, of_one.tolist(), strict=True)
        for line, what, drawn, score in made:
            uri = resources.picture_uri(partial(_boxed_png, drawn), f"{key} {len(heads)} {what}")
            line.append(_figure(uri, score, threshold, f"{what}: {name}"))
    lines = "".join(
        f"<span>{what}</span>{''.join(line)}" for what, line in zip(_KEPT, rows, strict=True)
    )
    columns = f"grid-template-columns:5.8rem repeat({len(heads)},minmax(96px,136px))"
    st.html(
        f'<div class="nl-strip" style="{columns}" tabindex="0" role="group" '
        'aria-label="The patch with its centre or its surroundings replaced, and its score; '
        f'▲ at {threshold:.4f} or above"><span></span>{"".join(heads)}{lines}</div>'
    )


def _sign(score: float, threshold: float) -> str:
    call = call_of(int(score >= threshold))
    return f"{SIGNS[call]} {score_text(score)}"


def _figure(uri: str, score: float, threshold: float, what: str) -> str:
    call = "called tumour" if score >= threshold else "not called tumour"
    return (
        f'<figure><img alt="{escape(what)}, {call}" src="{uri}">'
        f'<figcaption title="{call}">{escape(_sign(score, threshold))}</figcaption></figure>'
    )


def _boxed_png(picture: ImageU8) -> bytes:
    return png_bytes(draw_patch_box(picture, _STRIP_STYLE))


def orientations(image: ImageU8, row: ExplanationRow) -> None:
    """Draw the scores of the eight orientations."""
    if row.views is None:
        return
    section(*words.ORIENTATIONS)
    numbers, strip = st.columns([1, 1.75], gap="medium")
    with numbers:
        draw_measures([of_views(row.views)], words.ORIENTATIONS[0])
    with strip:
        views = zip(d4_views(image[None]), row.views.prob_tumour, _VIEWS, strict=True)
        figures = "".join(
            _figure(png_uri(turned[0]), float(score), row.views.threshold, name)
            for turned, score, name in views
        )
        st.html(f'<div class="nl-strip nl-views">{figures}</div>')
