"""Temperature and threshold from all validation slides, with cross-fitted evidence of both."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.model_selection import StratifiedGroupKFold

from core.errors import EvidenceError, RunError
from core.statistics import Evidence, fit_temperature
from core.thresholds import (
    Assumptions,
    BestF1,
    Choice,
    Rule,
    SensitivityAtLeast,
    SpecificityAtLeast,
    YoudenIndex,
    choose,
    rule_of,
)

RULE: Final = SensitivityAtLeast(0.95)
"""A second reader may be bothered by false alarms; a missed metastasis is the worse mistake."""
ROUNDING: Final = 1e-5
"""Of a probability, between engines in float32; measured: 3e-6."""
FOLDS: Final = 5
"""Of slides, where the models' own folds are not given."""


@dataclass(frozen=True, eq=False)
class Crossfitted:
    """What temperature and threshold are worth on slides that had no part in them.

    Attributes:
        scores: Each patch's probability at a temperature fitted on the other folds.
        calls: Each patch's call, 0 or 1 as a score, at temperature and threshold of the others.
        thresholds: Of each fold's others, on the scale of the shipped temperature.
    """

    scores: Evidence
    calls: Evidence
    thresholds: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Calibration:
    """What turns logits into probabilities and probabilities into calls.

    Attributes:
        temperature: Logits are divided by it.
        chosen: The threshold on calibrated probabilities.
        chosen_on: The patches that temperature and threshold come from, in words.
        fitted: Whether a temperature could be fitted; it is 1 otherwise.
        everything: All validation patches, calibrated.
        folds: (N,) from 1: which patches have temperature and threshold of the same others.
        crossfitted: None where slides are unknown or too few.
        notes: What must not be trusted.
    """

    temperature: float
    chosen: Choice
    chosen_on: str
    fitted: bool
    everything: Evidence
    folds: NDArray[np.int64] | None
    crossfitted: Crossfitted | None
    notes: tuple[str, ...]


def rule_named(text: str) -> Rule:
    """Return the rule that a threshold is chosen by.

    Args:
        text: "sensitivity:0.95" or "specificity:0.9" (at least), "youden", "f1", or "" for RULE.

    Raises:
        RunError: It is none of these.
    """
    if not text:
        return RULE
    try:
        rule = rule_of(text, Assumptions())
    except EvidenceError:
        rule = None
    if not isinstance(rule, SensitivityAtLeast | SpecificityAtLeast | YoudenIndex | BestF1):
        raise RunError(
            f"Found --rule {text}; expected sensitivity:SHARE or specificity:SHARE with a share "
            "between 0 and 1, youden, or f1."
        )
    return rule


def calibrate(
    labels: NDArray[np.int8],
    logits: NDArray[np.float64],
    slides: NDArray[np.str_],
    rule: Rule = RULE,
    folds: NDArray[np.int64] | None = None,
) -> Calibration:
    """Return temperature and threshold from validation logits.

    Both come from all patches. What they are worth is measured by doing the same without each fold
    of slides in turn and looking at that fold (cross-fitting).

    Args:
        labels: (N,) 0 or 1.
        logits: (N,) before temperature.
        slides: (N,) slide, "" where unknown.
        rule: Chooses the threshold.
        folds: (N,) from 1, of whole slides; None makes five.

    Raises:
        EvidenceError: A class is absent.
    """
    notes: list[str] = []
    known = bool((slides != "").all())
    raw = Evidence.of(labels, expit(logits), slides if known else None)
    temperature, fitted = _temperature(raw, notes), True
    if temperature is None:
        temperature, fitted = 1.0, False
    everything = Evidence.of(labels, expit(logits / temperature), raw.slides)
    chosen = choose(rule, everything)
    if folds is None and known:
        folds = _folds(labels, slides)
    crossfitted = (
        None if folds is None else _crossfitted(raw, logits, folds, rule, shipped=temperature)
    )
    if crossfitted is None:
        why = "are too few to leave some out" if known else "are not all known"
        notes.append(
            f"The validation slides {why}: temperature and threshold come from the same patches, "
            "so calibration and rates are slightly too good."
        )
    of = f", of {len(everything.slide_names)} slides" if known else ""
    return Calibration(
        temperature=temperature,
        chosen=chosen,
        chosen_on=(f"all {len(raw):,} validation patches, {raw.n_positive:,} with tumour{of}"),
        fitted=fitted,
        everything=everything,
        folds=folds if crossfitted else None,
        crossfitted=crossfitted,
        notes=(*notes, *chosen.notes),
    )


def _temperature(evidence: Evidence, notes: list[str]) -> float | None:
    try:
        return fit_temperature(evidence)
    except EvidenceError as error:
        notes.append(f"No temperature could be fitted, so it is 1: {error}")
        return None


def _folds(labels: NDArray[np.int8], slides: NDArray[np.str_]) -> NDArray[np.int64] | None:
    """Return folds (N,) of whole slides, from 1; None with fewer than two slides."""
    count = min(FOLDS, len(np.unique(slides)))
    if count < 2:
        return None
    folds = np.zeros(len(labels), np.int64)
    splitter = StratifiedGroupKFold(count, shuffle=True, random_state=0)
    for number, (_, held_out) in enumerate(splitter.split(labels, labels, slides), start=1):
        folds[held_out] = number
    return folds


def _crossfitted(
    raw: Evidence,
    logits: NDArray[np.float64],
    folds: NDArray[np.int64],
    rule: Rule,
    *,
    shipped: float,
) -> Crossfitted | None:
    """Return what the other folds say of each; None where some others cannot say anything."""
    scores, calls = np.empty(len(logits)), np.empty(len(logits))
    thresholds = []
    for fold in np.unique(folds):
        held_out = folds == fold
        others = raw.select(~held_out)
        if not 0 < others.n_positive < len(others):
            return None
        temperature = _temperature(others, []) or 1.0
        scores[held_out] = expit(logits[held_out] / temperature)
        try:
            threshold = choose(rule, others).threshold
        except EvidenceError:
            return None
        # A temperature keeps the order of scores, so a threshold before it is one after it.
        calls[held_out] = raw.scores[held_out] >= threshold
        thresholds.append(float(expit(logit(threshold) / shipped)))
    return Crossfitted(
        Evidence.of(raw.labels, scores, raw.slides),
        Evidence.of(raw.labels, calls, raw.slides),
        tuple(thresholds),
    )


def clear_of_rounding(threshold: float, scores: NDArray[np.floating[Any]]) -> float:
    """Return a threshold a little below the score that it was chosen at.

    Another engine gives that score a digit more or less far behind the comma; exactly at it, the
    call of that patch would hang on rounding. No score lies between the two thresholds, so every
    rate stays.

    Args:
        threshold: One of the scores.
        scores: (N,) all scores that it was chosen on.
    """
    below = scores[scores < threshold]
    gap = threshold - float(below.max()) if len(below) else threshold
    return threshold - min(ROUNDING, gap / 2)
