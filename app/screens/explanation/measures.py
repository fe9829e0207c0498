"""The measures of an explanation, each with what to expect. None is a finding."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

import streamlit as st

from app.screens.explanation import words
from core.explanation import (
    CentreReliance,
    D4Views,
    Decisive,
    Explanation,
    ExplanationRow,
    Method,
    TwinTest,
)
from core.explanation.cam import LEAST_AGREEMENT, SMALLEST_EFFECT_LOGIT
from core.explanation.explainer import WEAK_ODDS
from core.explanation.faithfulness import RELIABLE_SHARE
from core.wording import number, percent, score_text

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
