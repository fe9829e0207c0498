"""What an explanation amounts to, as facts and in the sentences that all share."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from core.explanation.cam import LEAST_AGREEMENT, Method
from core.explanation.faithfulness import RELIABLE_SHARE, TwinTest
from core.explanation.reliance import Decisive
from core.explanation.rows import ExplanationRow, MapState
from core.scoring import Outcome, outcome
from core.wording import number


class Rests(StrEnum):
    """Where a score's evidence is."""

    CENTRE = "centre"
    AROUND = "around"
    EITHER = "either"
    BOTH = "both"
    NOTHING = "nothing"


@dataclass(frozen=True)
class PlainFacts:
    """The few facts that a reader needs first.

    Attributes:
        outcome: What the model made of the patch.
        score: Calibrated probability of tumour in the centre, 0..1; None without a score.
        rests: What the call rests on, by replacing centre and ring; None where not tested.
        lies: Where the map lies, which is another measurement; None without a map.
        map_state: How far the map can be trusted.
    """

    outcome: Outcome
    score: float | None
    rests: Rests | None
    lies: Rests | None
    map_state: MapState


_REGIONS = {
    Decisive.CENTRE: Rests.CENTRE,
    Decisive.RING: Rests.AROUND,
    Decisive.EITHER: Rests.EITHER,
    Decisive.TOGETHER: Rests.BOTH,
}


def plain_facts(row: ExplanationRow, decides: Decisive | None = None) -> PlainFacts:
    """Return the facts of a row.

    Args:
        row: Of a patch.
        decides: What its call hangs on, where that was found without the row's own test.
    """
    found, score = outcome(row.score), row.score.prob_tumour
    hangs_on = decides if row.reliance is None else row.reliance.decisive
    region = None if hangs_on is None else _REGIONS.get(hangs_on)
    return PlainFacts(found, score, region, _by_map(row), row.map_state)


def _by_map(row: ExplanationRow) -> Rests | None:
    """Return where more than half of the map's evidence for tumour lies."""
    if row.explanation is None:
        return None
    share = row.explanation.centre.share
    if share is None or row.explanation.weak:
        return Rests.NOTHING
    return Rests.CENTRE if share > 0.5 else Rests.AROUND


METHODS: Final = {
    Method.GRAD_CAM: "Grad-CAM",
    Method.GRAD_CAM_PLUS_PLUS: "Grad-CAM++",
    Method.CAM: "Exact CAM",
    Method.REPLACEMENT: "Replacement",
    Method.HIRES_CAM: "HiResCAM",
    Method.LAYER_CAM: "LayerCAM",
    Method.EIGEN_CAM: "Eigen-CAM",
    Method.SCORE_CAM: "Score-CAM",
    Method.ABLATION_CAM: "Ablation-CAM",
}
NOT_CHECKED: Final = "Not checked yet"
PASSED: Final = "Passed its check"
DONORS_AGREE: Final = "Measured by replacement; the replacements agree"
_OUTCOMES: Final = {
    Outcome.TUMOUR: "Tumour",
    Outcome.NO_TUMOUR: "No tumour",
    Outcome.GREY_ZONE: "No call",
}
_READ_IT: Final = "read this patch yourself"
_TESTED: Final[dict[Rests | None, str]] = {
    Rests.CENTRE: "Replacing tissue shows that the call rests on the centre.",
    Rests.AROUND: f"Replacing tissue shows that the call rests on the surroundings: {_READ_IT}.",
    Rests.EITHER: "Replacing tissue shows that either the centre or the surroundings alone keeps "
    "the call.",
    Rests.BOTH: "Replacing tissue shows that the call rests on both centre and surroundings.",
}
_MAPPED: Final[dict[Rests | None, str]] = {
    Rests.CENTRE: "The map lies mostly on the centre.",
    Rests.AROUND: f"The map lies mostly around the centre: {_READ_IT}.",
    Rests.NOTHING: f"No single place stands out on the map: {_READ_IT}.",
}
_DISAGREE: Final[dict[Rests | None, str]] = {
    Rests.CENTRE: "The map, a separate measurement, disagrees: it lies mostly on the centre.",
    Rests.AROUND: "The map, a separate measurement, disagrees: it lies mostly around the centre.",
}
_OTHERS: Final[dict[Rests | None, str]] = {
    Rests.CENTRE: "What little evidence for tumour there is lies in the centre.",
    Rests.AROUND: "What little evidence for tumour there is lies around the centre.",
    Rests.NOTHING: "Nothing in the patch is clear evidence for tumour.",
}


def plain_line(row: ExplanationRow, decides: Decisive | None = None) -> str:
    """Return what the model says, on what it rests, and what to do; see `plain_facts`."""
    return line_of(plain_facts(row, decides))


def line_of(facts: PlainFacts) -> str:
    """Return the line of some facts."""
    call = _OUTCOMES.get(facts.outcome)
    if call is None or facts.score is None:
        return "No score, so there is nothing to explain."
    sentences = [f"{call}, {_short(facts.score)}."]
    if facts.outcome is Outcome.GREY_ZONE:
        sentences.append("Between the two thresholds: read this patch yourself.")
    elif facts.outcome is not Outcome.TUMOUR:
        sentences.append(_OTHERS.get(facts.lies, ""))
    elif facts.rests is None:
        sentences.append(_MAPPED.get(facts.lies, ""))
    else:
        sentences.append(_TESTED[facts.rests])
        if facts.rests not in {Rests.EITHER, Rests.BOTH, facts.lies}:
            sentences.append(_DISAGREE.get(facts.lies, ""))
    return " ".join(filter(None, sentences))


def _short(score: float) -> str:
    """Return a score with two digits; never 0.00 or 1.00 for one that is neither."""
    if 0 < score < 0.005:
        return "less than 0.01"
    if 0.995 <= score < 1:
        return "more than 0.99"
    return f"{score:.2f}"


def badge_text(row: ExplanationRow) -> str:
    """Return how far a map can be trusted, with the counts; "" without a map."""
    state = row.map_state
    if state is MapState.NONE or row.explanation is None:
        return ""
    if state is MapState.UNTESTED:
        return NOT_CHECKED
    agreement = row.explanation.cam.agreement
    if agreement is not None:
        return DONORS_AGREE if state is MapState.RELIABLE else _of_donors(agreement)
    return "" if row.twins is None else twins_text(row.twins)


def _of_donors(agreement: float) -> str:
    if agreement < LEAST_AGREEMENT:
        return f"Depends on the replacement tissue: agreement {number(agreement, 2)} of 1"
    return "No single place changes the score"


def twins_text(test: TwinTest) -> str:
    """Return how a map did beside those of control networks, whose last layer is random."""
    count = len(test.twins)
    as_well = count - round(test.beaten * count)
    if test.reliable:
        return f"{PASSED}: better than {count - as_well} of {count} control networks"
    if test.faithfulness <= 0:
        return "Did not pass its check: blurring what it marks does not lower the score"
    if 2 * as_well >= count:
        return f"Not better than chance: {as_well} of {count} control networks explain as well"
    if test.beaten < RELIABLE_SHARE:
        return f"Did not pass its check: {as_well} of {count} control networks explain as well"
    return "Did not pass its check: no single place changes the score"
