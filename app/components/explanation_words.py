"""What the measures of an explanation say, in plain words with what to expect; never a finding."""

from dataclasses import dataclass
from typing import Final

from app.components.parts import score_text
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
from core.explanation.cam import LEAST_AGREEMENT
from core.explanation.faithfulness import RELIABLE_SHARE

NOT_A_FINDING: Final = (
    "A map is not a finding. It shows which places raised or lowered the model's score, "
    "not what the tissue is."
)
_DISAGREEING: Final = 0.25
_TARGETS: Final = {Target.TUMOUR: "tumour", Target.NO_TUMOUR: "no tumour"}
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
        value: The number or word.
        sentence: What it is.
        beside: What to expect, or when not to trust it.
        alert: Whether it deserves a mark.
    """

    value: str
    sentence: str
    beside: str = ""
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
    what = f"the evidence for {target}" if in_logits else "the map's positive values"
    if centre.share is None:
        return [Said("None", f"Nothing in the map speaks for {target}.")]
    expected = percent(centre.expected_share)
    return [
        Said(
            percent(centre.share),
            f"of {what} lies in the centre; {expected} would by area.",
            ""
            if explanation.cam.method is Method.REPLACEMENT
            else "A cell of a map has seen more than its own square: the test below is the "
            "stronger measure.",
        ),
        Said(
            "Inside" if centre.peak_in_centre else "Outside",
            f"the centre lies the map's highest cell; by area {expected} of patches would have it "
            "inside.",
        ),
    ]


def _of_strength(explanation: Explanation, *, called: bool) -> Said:
    centre, target = explanation.centre, target_words(explanation.cam.target)
    if explanation.odds_factor is None:
        return Said(
            f"{centre.evidence_for:.2f}",
            "sum of the map's positive values, in units of activation.",
            "They rank places and do not add up to the score."
            if explanation.cam.method is not Method.EIGEN_CAM
            else "Eigen-CAM shows where the network is busy; it knows nothing of the score.",
        )
    if explanation.cam.method is Method.REPLACEMENT:
        return Said(
            f"{float(explanation.cam.values.max()):+.2f}".replace("-", "−"),
            f"logits for {target} by the square that raises the score most.",
            "Squares act together: their values do not add up to the score.",
        )
    factor = explanation.odds_factor
    times = f"{factor:,.1f}" if factor < 1000 else "more than 1,000"
    return Said(
        f"{centre.evidence_for:+.2f}",
        f"evidence for {target} in logits; alone it multiplies the odds by {times}. "
        f"Against it: {_minus(centre.evidence_against)}.",
        "Weak: it does not even double the odds." if explanation.weak else "",
        alert=bool(explanation.weak) and called,
    )


def of_centre_test(test: CentreReliance) -> list[Said]:
    """Return what replacing the centre and the ring did."""
    value, sentence = _DECISIVE[test.decisive]
    doubt = (
        "The fillers disagree: the answer hangs on what was put in place."
        if test.spread > _DISAGREEING
        else ""
    )
    said = [
        Said(value, sentence, alert=test.decisive is Decisive.RING),
        Said(
            percent(test.score),
            f"of the odds of tumour rest on the centre: {percent(test.low)} to "
            f"{percent(test.high)}, by what it is replaced with.",
            doubt,
            alert=bool(doubt),
        ),
        Said(percent(test.ring_score), "of the odds rest on the ring; both can be high."),
    ]
    if test.centre_part is not None:
        said.append(
            Said(
                percent(test.centre_part),
                "of what both raise the logit is the centre's; 11\u00a0% would be by area.",
            )
        )
    return said


def of_views(views: D4Views) -> Said:
    """Return how the eight orientations agree."""
    called = int(views.calls.sum())
    low, high = (score_text(float(at)) for at in (views.prob_tumour.min(), views.prob_tumour.max()))
    return Said(
        f"{called}\u00a0of\u00a08",
        f"orientations are called tumour; scores {low} to {high}, SD of the logit "
        f"{views.sd_logit:.2f}.",
        "Orientation means nothing in tissue: expect all eight alike."
        if views.flips == 0
        else f"{views.flips} of the 7 others are called otherwise than the patch as given.",
        alert=views.flips > 0,
    )


def of_twins(twins: TwinTest) -> Said:
    """Return how the map did against maps of randomised heads."""
    count = len(twins.twins)
    return Said(
        f"{round(twins.beaten * count)}\u00a0of\u00a0{count}",
        "random twins explain the model worse than this map "
        f"(agreement with blurring place by place {_minus(twins.faithfulness)}).",
        "About half would be chance; at least nine in ten are asked for.",
        alert=not twins.reliable,
    )


def of_agreement(row: ExplanationRow) -> list[Said]:
    """Return how the donors agree on a map by replacement; nothing for other maps."""
    cam = None if row.explanation is None else row.explanation.cam
    if cam is None or cam.agreement is None:
        return []
    return [
        Said(
            _minus(cam.agreement),
            "agreement of the donors on the nine squares, 1 at best.",
            f"At least {LEAST_AGREEMENT} is asked for. Measured, not estimated: each square "
            "replaced by donor tissue, and put alone into it.",
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


def _minus(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")
