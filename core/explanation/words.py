"""What an explanation amounts to, as facts and in the sentences that all share."""

from enum import StrEnum
from typing import Final

from core.explanation.cam import LEAST_AGREEMENT, Method
from core.explanation.faithfulness import RELIABLE_SHARE, TwinTest
from core.explanation.reliance import Decisive
from core.explanation.rows import ExplanationRow, MapState
from core.scoring import Outcome, outcome
from core.wording import number, score_text


class MapLies(StrEnum):
    """Where a map's evidence for tumour lies."""

    CENTRE = "centre"
    AROUND = "around"
    NOWHERE = "nowhere"


def map_lies(row: ExplanationRow) -> MapLies | None:
    """Return where more than half of the map's evidence for tumour lies; None without a map."""
    if row.explanation is None:
        return None
    share = row.explanation.centre.share
    if share is None or row.explanation.weak:
        return MapLies.NOWHERE
    return MapLies.CENTRE if share > 0.5 else MapLies.AROUND


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
    Outcome.TUMOUR: "Called tumour",
    Outcome.NO_TUMOUR: "Called no tumour",
    Outcome.GREY_ZONE: "No call",
}
_READ_IT: Final = "read this patch yourself"
_TESTED: Final = {
    Decisive.CENTRE: "Replacing tissue shows that the call rests on the centre.",
    Decisive.RING: f"Replacing tissue shows that the call rests on the surroundings: {_READ_IT}.",
    Decisive.EITHER: "Replacing tissue shows that either the centre or the surroundings alone "
    "keeps the call.",
    Decisive.TOGETHER: "Replacing tissue shows that the call rests on both centre and "
    "surroundings.",
}
_MAPPED: Final[dict[MapLies | None, str]] = {
    MapLies.CENTRE: "The map lies mostly on the centre.",
    MapLies.AROUND: f"The map lies mostly around the centre: {_READ_IT}.",
    MapLies.NOWHERE: f"No single place stands out on the map: {_READ_IT}.",
}
_DISAGREE: Final[dict[tuple[Decisive, MapLies | None], str]] = {
    (
        Decisive.RING,
        MapLies.CENTRE,
    ): "The map, a separate measurement, disagrees: it lies mostly on the centre.",
    (
        Decisive.CENTRE,
        MapLies.AROUND,
    ): "The map, a separate measurement, disagrees: it lies mostly around the centre.",
}
_OTHERS: Final[dict[MapLies | None, str]] = {
    MapLies.CENTRE: "What little evidence for tumour there is lies in the centre.",
    MapLies.AROUND: "What little evidence for tumour there is lies around the centre.",
    MapLies.NOWHERE: "Nothing in the patch is clear evidence for tumour.",
}


def plain_line(row: ExplanationRow, decides: Decisive | None = None) -> str:
    """Return what the model says, on what it rests, and what to do.

    `decides` is what the call hangs on, where that was found without the row's own test.
    """
    rests = decides if row.reliance is None else row.reliance.decisive
    return line_of(outcome(row.score), row.score.prob_tumour, rests, map_lies(row))


def line_of(
    patch_outcome: Outcome, score: float | None, rests: Decisive | None, lies: MapLies | None
) -> str:
    """Return the line of a call, what it rests on if tested, and where the map lies."""
    call = _OUTCOMES.get(patch_outcome)
    if call is None or score is None:
        return "No score, so there is nothing to explain."
    sentences = [f"{call}, score {score_text(score)}."]
    if patch_outcome is Outcome.GREY_ZONE:
        sentences.append("Between the two thresholds: read this patch yourself.")
    elif patch_outcome is not Outcome.TUMOUR:
        sentences.append(_OTHERS.get(lies, ""))
    elif rests is None or rests is Decisive.NO_CALL:
        sentences.append(_MAPPED.get(lies, ""))
    else:
        sentences += [_TESTED[rests], _DISAGREE.get((rests, lies), "")]
    return " ".join(filter(None, sentences))


def badge_text(row: ExplanationRow) -> str:
    """Return how far a map can be trusted, with the counts; "" without a map."""
    state = row.map_state
    if state is MapState.NONE or row.explanation is None:
        return ""
    if state is MapState.UNTESTED:
        return NOT_CHECKED
    agreement = row.explanation.cam.agreement
    if agreement is not None:
        if state is MapState.RELIABLE:
            return DONORS_AGREE
        if agreement < LEAST_AGREEMENT:
            return f"Depends on the replacement tissue: agreement {number(agreement, 2)} of 1"
        return "No single place changes the score"
    return "" if row.twins is None else twins_text(row.twins)


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
