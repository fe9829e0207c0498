"""What the measures of an explanation say, in plain words with what to expect; never a finding."""

import math
from dataclasses import dataclass
from typing import Final

from core.explanation import (
    CentreReliance,
    D4Views,
    Decisive,
    Explanation,
    ExplanationRow,
    MapState,
    Method,
    Target,
    TwinTest,
    Unit,
)
from core.explanation.cam import LEAST_AGREEMENT, SMALLEST_EFFECT_LOGIT
from core.explanation.explainer import WEAK_ODDS
from core.explanation.faithfulness import RELIABLE_SHARE
from core.wording import score_text

NOT_A_FINDING: Final = (
    "A map is not a finding. It shows which places raised or lowered the model's score, "
    "not what the tissue is."
)
_DISAGREEING: Final = 0.25
_TARGETS: Final = {Target.TUMOUR: "tumour", Target.NO_TUMOUR: "no tumour"}
_BADGES: Final = {
    MapState.NONE: "",
    MapState.UNTESTED: "nl-badge-drawn",
    MapState.RELIABLE: "nl-badge-accent",
    MapState.UNRELIABLE: "nl-badge-bad",
}
_DECISIVE: Final = {
    Decisive.CENTRE: (
        "Centre",
        "The call stays when the ring is replaced and falls when the centre is.",
    ),
    Decisive.RING: (
        "Ring",
        "Decided by the ring: the call stays when the centre is replaced and falls when the ring "
        "is. The ring does not count for the question asked.",
    ),
    Decisive.EITHER: ("Either", "Centre and ring each keep the call without the other."),
    Decisive.TOGETHER: ("Both", "Neither centre nor ring keeps the call without the other."),
    Decisive.NO_CALL: ("No call", "Not called tumour, so there is no call that could fall."),
}


@dataclass(frozen=True)
class Said:
    """A measure for a reader.

    Attributes:
        name: What it is.
        value: The number or word for this patch.
        expected: What to compare it with.
        note: What it means, or when not to trust it.
        alert: Whether it deserves a mark.
    """

    name: str
    value: str
    expected: str
    note: str = ""
    alert: bool = False


def percent(part: float) -> str:
    """Return a part of one as a percentage; never 0 or 100 for one that is neither."""
    if 0 < part < 0.005:
        return "< 1\u00a0%"
    if 0.995 <= part < 1:
        return "> 99\u00a0%"
    return f"{part:.0%}".replace("%", "\u00a0%")


def target_words(target: Target) -> str:
    """Return what positive values of a map speak for."""
    return _TARGETS[target]


def state_badge(map_state: MapState) -> str:
    """Return what may be done with a map, as HTML."""
    return f'<span class="nl-badge {_BADGES[map_state]}">{map_state.value}</span>'


def of_map(row: ExplanationRow) -> list[Said]:
    """Return what the map says of itself; where it lies is left out if it is not reliable."""
    explanation = row.explanation
    if explanation is None:
        return []
    said = []
    if row.shown_map is not None:
        said += _of_place(explanation)
    said.append(_of_strength(explanation, called=row.score.predicted_label == 1))
    return said


def _of_place(explanation: Explanation) -> list[Said]:
    centre, target = explanation.centre, target_words(explanation.cam.target)
    in_logits = explanation.cam.unit is Unit.LOGIT
    what = f"Evidence for {target}" if in_logits else "Positive values"
    expected = f"{percent(centre.expected_share)} by area"
    if centre.share is None:
        return [Said(f"{what} in the centre", "none", expected, "Nothing speaks for it.")]
    return [
        Said(
            f"{what} in the centre",
            percent(centre.share),
            expected,
            ""
            if explanation.cam.method is Method.REPLACEMENT
            else "A cell of a map has seen more than its own square: the test below is the "
            "stronger measure.",
        ),
        Said(
            "Highest cell",
            "in the centre" if centre.peak_in_centre else "in the ring",
            f"centre: {expected}",
        ),
    ]


def _of_strength(explanation: Explanation, *, called: bool) -> Said:
    centre, target = explanation.centre, target_words(explanation.cam.target)
    if explanation.odds_factor is None:
        return Said(
            "Sum of the positive values",
            f"{centre.evidence_for:.2f}",
            "no fixed scale",
            "In units of activation: they rank places and do not add up to the score."
            if explanation.cam.method is not Method.EIGEN_CAM
            else "Eigen-CAM shows where the network is busy; it knows nothing of the score.",
        )
    if explanation.cam.method is Method.REPLACEMENT:
        return Said(
            "Strongest square",
            signed(float(explanation.cam.values.max())),
            f"above {SMALLEST_EFFECT_LOGIT}",
            f"Logits for {target}. Squares act together: they do not add up to the score.",
        )
    factor = explanation.odds_factor
    times = f"{factor:,.1f}" if factor < 1000 else "> 1,000"
    return Said(
        f"Evidence for {target}",
        f"odds × {times}",
        f"× {WEAK_ODDS:.0f} or more",
        f"{'Weak. ' if explanation.weak else ''}{signed(centre.evidence_for)} logits for, "
        f"{_minus(centre.evidence_against)} against.",
        alert=bool(explanation.weak) and called,
    )


def of_centre_test(test: CentreReliance) -> list[Said]:
    """Return what replacing the centre and the ring did."""
    value, sentence = _DECISIVE[test.decisive]
    no_call = test.decisive is Decisive.NO_CALL
    doubt = test.spread > _DISAGREEING
    said = [
        Said(
            "What keeps the call",
            value,
            "nothing to keep" if no_call else "Centre",
            sentence,
            alert=test.decisive is Decisive.RING,
        ),
        Said(
            "Odds that rest on the centre",
            percent(test.score),
            "near 0\u00a0%" if no_call else "near 100\u00a0%",
            f"{percent(test.low)} to {percent(test.high)}, by what it is replaced with."
            + (" The fillers disagree: the answer hangs on what was put in." if doubt else ""),
            alert=doubt,
        ),
        Said(
            "Odds that rest on the ring",
            percent(test.ring_score),
            "near 0\u00a0%",
            "The ring does not count for the question. Both can be high.",
        ),
    ]
    if test.centre_part is not None:
        said.append(
            Said(
                "The centre's part of what both raise",
                percent(test.centre_part),
                "11\u00a0% by area",
            )
        )
    return said


def of_views(views: D4Views) -> Said:
    """Return how the eight orientations agree."""
    called = int(views.calls.sum())
    low, high = (score_text(float(at)) for at in (views.prob_tumour.min(), views.prob_tumour.max()))
    flips = (
        f" {views.flips} of the 7 others are called otherwise than the patch as given."
        if views.flips
        else ""
    )
    return Said(
        "Orientations called tumour",
        f"{called}\u00a0of\u00a08",
        "all alike",
        f"Scores {low} to {high}, SD of the logit {views.sd_logit:.2f}.{flips}",
        alert=views.flips > 0,
    )


def of_twins(twins: TwinTest) -> Said:
    """Return how the map did against maps of randomised heads."""
    count = len(twins.twins)
    return Said(
        "Random twins that explain worse",
        f"{round(twins.beaten * count)}\u00a0of\u00a0{count}",
        f"{math.ceil(RELIABLE_SHARE * count)} or more",
        "About half would be chance. Agreement of the map with blurring place by place: "
        f"{_minus(twins.faithfulness)}.",
        alert=not twins.reliable,
    )


def of_agreement(row: ExplanationRow) -> list[Said]:
    """Return how the donors agree on a map by replacement; nothing for other maps."""
    cam = None if row.explanation is None else row.explanation.cam
    if cam is None or cam.agreement is None:
        return []
    return [
        Said(
            "Donors agree on the nine squares",
            _minus(cam.agreement),
            f"{LEAST_AGREEMENT} or more",
            "Measured, not estimated: each square replaced by donor tissue, and put alone into "
            "it. 1 at best.",
            alert=not cam.measured,
        )
    ]


def why_not_shown(row: ExplanationRow) -> str:
    """Return why a map is not drawn, "" if it may be."""
    if row.map_state is not MapState.UNRELIABLE or row.explanation is None:
        return ""
    agreement = row.explanation.cam.agreement
    if agreement is not None and agreement < LEAST_AGREEMENT:
        return (
            "The answer hangs on whose tissue is put in: the donors agree "
            f"{_minus(agreement)} on the nine squares; at least {LEAST_AGREEMENT} is asked for."
        )
    if row.twins is not None and row.twins.faithfulness <= 0:
        return "Blurring the places that the map marks does not change the score as it claims."
    if row.twins is not None and row.twins.beaten < RELIABLE_SHARE:
        count = len(row.twins.twins)
        return (
            "Maps of networks with a random last layer do about as well: this one beats "
            f"{round(row.twins.beaten * count)} of {count}; nine in ten are asked for."
        )
    return "No single place changes the score, so there is nothing that a map could show."


def signed(value: float) -> str:
    """Return a number with its sign, two digits."""
    return f"{value:+.2f}".replace("-", "−")


def _minus(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")
