"""What was found on the local patches, in plain sentences; none of them is about a patient."""

import math
from typing import Final

from core.local.findings import WANTED_WIDTH, Claim, Findings, LocalCalibration, Needed, Standing
from core.statistics import MOST_TIMES
from core.wording import agreeing, interval_text, number, percent, percent_interval

_DIGITS: Final = 2
_MIX: Final = 0.1
NAMES: Final = {"auroc": "AUROC", "sensitivity": "Sensitivity", "specificity": "Specificity"}
_KIND: Final = {
    ("sensitivity", "patches"): "patches with tumour",
    ("specificity", "patches"): "patches without tumour",
    ("sensitivity", "slides"): "slides with tumour patches",
    ("specificity", "slides"): "slides with tumour-free patches",
}
_POINTS: Final = f"{100 * WANTED_WIDTH:g} percentage points"
"""The whole interval, from end to end."""


def suffices_sentence(findings: Findings) -> str:
    """Say whether so many patches and slides are enough, and how many more would be."""
    if not findings.suffices:
        return " ".join(["More patches are needed.", *map(_needed_sentence, findings.needed)])
    counted = f"{findings.patches:,} patches"
    if findings.slides is not None:
        return (
            f"This is enough: with {counted}, the intervals of sensitivity and specificity over "
            f"slides span at most {_POINTS}."
        )
    return (
        f"{counted} are enough only if each is from a different slide: then the intervals of "
        f"sensitivity and specificity span at most {_POINTS}. The slides are not known; patches "
        "from one slide are alike, so the true intervals are wider."
    )


def _needed_sentence(one: Needed) -> str:
    name, kind = NAMES[one.name], _KIND[one.name, one.by]
    if one.more == 0:
        return f"{name} is precise enough: its interval spans at most {_POINTS}."
    if one.by == "slides" and one.have < 2:
        return f"{name} cannot be judged from fewer than two {kind}: add patches from other slides."
    where = "no interval can be computed"
    if one.rate.has_interval:
        between = percent_interval(one.rate.low, one.rate.high)
        where = f"the interval is {between}"
    if one.more is None:
        return (
            f"{name}: {where}; even {MOST_TIMES} times as many {kind} would not narrow it "
            f"to {_POINTS}."
        )
    about = _rounded_up(one.more)
    return (
        f"{name}: {where}; about {about:,} more {kind}, similar to yours, would narrow it to "
        f"{_POINTS}."
    )


def _rounded_up(count: int) -> int:
    """Return a count with two digits that say something."""
    unit = int("1" + "0" * max(0, len(str(count)) - _DIGITS))
    return math.ceil(count / unit) * unit


def claim_sentence(claim: Claim) -> str:
    """Say how a number here stands to what the card claims."""
    name = NAMES[claim.name]
    if claim.claimed is None:
        return f"The card does not claim a value for {claim.name}."
    value = number if claim.name == "auroc" else percent
    interval = interval_text if claim.name == "auroc" else percent_interval
    claimed = value(claim.claimed.value)
    bounds = interval(claim.here.low, claim.here.high)
    return {
        Standing.AS_CLAIMED: f"{name} is compatible with the claimed {claimed}.",
        Standing.LOWER: f"{name} is lower here than the claimed {claimed}: the interval {bounds} "
        "lies below it.",
        Standing.HIGHER: f"{name} is higher here than the claimed {claimed}: the interval {bounds} "
        "lies above it.",
        Standing.TOO_WIDE: f"{name}: the claimed {claimed} is not contradicted, but the interval "
        f"{bounds} is too wide to confirm it.",
        Standing.UNKNOWN: f"{name} has no interval here, so it cannot be compared with the claimed "
        f"{claimed}.",
    }[claim.reading]


def calibration_sentences(calibration: LocalCalibration) -> tuple[str, ...]:
    """Say how far the scores can be read as probabilities on the local patches."""
    sentences = [
        f"On average, the scores predict tumour in {percent(calibration.mean_score)} of patches; "
        f"{percent(calibration.tumour_share)} of these patches contain tumour. Expected "
        f"calibration error {number(calibration.ece)}."
    ]
    if calibration.slope is None:
        sentences.append(f"No calibration line: {calibration.obstacle}")
    else:
        slope = calibration.slope
        text = f"{number(slope.value, 2)} ({interval_text(slope.low, slope.high, 2)})"
        if slope.high < 1:
            sentences.append(
                f"Calibration slope {text}, below 1: high and low scores are too extreme."
            )
        elif slope.low > 1:
            sentences.append(f"Calibration slope {text}, above 1: the scores are too cautious.")
        else:
            sentences.append(f"Calibration slope {text}: compatible with 1, the ideal.")
    reference = calibration.reference_share
    if reference is not None and abs(reference - calibration.tumour_share) > _MIX:
        sentences.append(
            f"The proportion of tumour differs: {percent(reference)} of the model's validation "
            "patches contain tumour. That alone can make mean score and tumour "
            "share differ."
        )
    return tuple(sentences)


def unlike_sentence(findings: Findings) -> str:
    """Say how many of the local patches are unlike the training data."""
    if findings.unlike is None or findings.expected_unlike is None:
        return "This model cannot recognise patches unlike its training data."
    share = percent(findings.unlike / findings.patches)
    sentence = (
        f"{findings.unlike:,} of {findings.patches:,} patches ({share}) [is|are] unlike the "
        f"training data; about {percent(findings.expected_unlike)} is usual."
    )
    sentence = agreeing(sentence, findings.unlike)
    if findings.unlike_is_rare:
        return (
            f"{sentence} That is more than expected by chance: check organ, stain, focus and pixel "
            "size."
        )
    return sentence
