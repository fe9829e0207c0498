"""Temperature and shipped threshold, each from its own half of the validation slides."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from core.errors import EvidenceError, RunError
from core.statistics import (
    Evidence,
    fit_temperature,
    split_slides,
)
from core.thresholds import (
    BestF1,
    Choice,
    Rule,
    SensitivityAtLeast,
    SpecificityAtLeast,
    YoudenIndex,
    choose,
)

RULE: Final = SensitivityAtLeast(0.95)
"""A second reader may be bothered by false alarms; a missed metastasis is the worse mistake."""
CALIBRATION_PART: Final = "calibration slides"
ROUNDING: Final = 1e-5
"""Of a probability, between engines in float32; measured: 3e-6."""
THRESHOLD_PART: Final = "threshold slides"
_SEEDS: Final = 200
_RATES: Final[dict[str, Callable[[float], Rule]]] = {
    "sensitivity": SensitivityAtLeast,
    "specificity": SpecificityAtLeast,
}


@dataclass(frozen=True, eq=False)
class Calibration:
    """What turns logits into probabilities and probabilities into calls.

    Attributes:
        temperature: Logits are divided by it.
        temperature_fitted_on: In words.
        chosen: The threshold on calibrated probabilities.
        chosen_on: In words.
        fitting: Calibrated evidence that the temperature saw.
        judging: Calibrated evidence that the threshold saw; the temperature did not, unless the
            notes say so.
        everything: All validation patches, calibrated.
        split_seed: Of `split_slides` into fitting and judging; None where they are the same.
        notes: What must not be trusted.
    """

    temperature: float
    temperature_fitted_on: str
    chosen: Choice
    chosen_on: str
    fitting: Evidence
    judging: Evidence
    everything: Evidence
    split_seed: int | None
    notes: tuple[str, ...]


def rule_named(text: str) -> Rule:
    """Return the rule that a threshold is chosen by.

    Args:
        text: "sensitivity:0.95" or "specificity:0.9" (at least), "youden", "f1", or "" for RULE.

    Raises:
        RunError: It is none of these.
    """
    plain: dict[str, Rule] = {"": RULE, "youden": YoudenIndex(), "f1": BestF1()}
    if text in plain:
        return plain[text]
    name, _, share = text.partition(":")
    try:
        return _RATES[name](float(share))
    except (KeyError, ValueError):
        raise RunError(
            f"Found --rule {text}; expected sensitivity:SHARE or specificity:SHARE with a share "
            "between 0 and 1, youden, or f1."
        ) from None


def calibrate(
    labels: NDArray[np.int8],
    logits: NDArray[np.float64],
    slides: NDArray[np.str_],
    rule: Rule = RULE,
) -> Calibration:
    """Return temperature and threshold from validation logits.

    Where slides are unknown, or too few for two halves with both classes, both come from all
    validation patches, and the notes say it.

    Args:
        labels: (N,) 0 or 1.
        logits: (N,) before temperature.
        slides: (N,) slide, "" where unknown.
        rule: Chooses the threshold.

    Raises:
        EvidenceError: A class is absent.
    """
    notes: list[str] = []
    known = bool((slides != "").all())
    raw = Evidence.of(labels, expit(logits), slides if known else None)
    split = _balanced_halves(raw) if known else None
    if split is None:
        why = "are too few for two halves with both classes" if known else "are not all known"
        notes.append(
            f"The validation slides {why}: temperature and threshold come from the same patches, "
            "so calibration and rates are slightly too good."
        )
    fit = _temperature(raw if split is None else split.first, notes)
    temperature = 1.0 if fit is None else fit
    everything = Evidence.of(labels, expit(logits / temperature), raw.slides)
    if split is None:
        fitting, judging = everything, everything
        fitted_on = chosen_on = f"all {len(raw):,} validation patches"
    else:
        in_first = np.isin(slides, split.first.slide_names)
        fitting, judging = everything.select(in_first), everything.select(~in_first)
        fitted_on, chosen_on = (
            f"the {name}: {len(part):,} validation patches, {part.n_positive:,} with tumour, of "
            f"{len(part.slide_names)} slides"
            for name, part in ((CALIBRATION_PART, fitting), (THRESHOLD_PART, judging))
        )
    chosen = choose(rule, judging)
    shared = ("The threshold was chosen on patches that the temperature was fitted on.",)
    return Calibration(
        temperature=temperature,
        temperature_fitted_on=fitted_on if fit is not None else "nothing; it is 1",
        chosen=chosen,
        chosen_on=chosen_on,
        fitting=fitting,
        judging=judging,
        everything=everything,
        split_seed=None if split is None else split.seed,
        notes=(*notes, *chosen.notes, *(shared if split is None and fit is not None else ())),
    )


def _temperature(evidence: Evidence, notes: list[str]) -> float | None:
    try:
        return fit_temperature(evidence)
    except EvidenceError as error:
        notes.append(f"No temperature could be fitted, so it is 1: {error}")
        return None


@dataclass(frozen=True, eq=False)
class _Halves:
    """What `split_slides` makes of all validation slides with a seed."""

    seed: int
    first: Evidence
    second: Evidence

    @property
    def usable(self) -> bool:
        """Whether either half has both classes."""
        parts = (self.first, self.second)
        return all(part.n_positive > 0 and part.n_negative > 0 for part in parts)

    @property
    def imbalance(self) -> float:
        """How far patches and tumour patches are from halves, 0..2."""
        counts = (
            (len(self.first), len(self.second)),
            (self.first.n_positive, self.second.n_positive),
        )
        return sum(abs(a - b) / (a + b) for a, b in counts)


def _balanced_halves(evidence: Evidence) -> _Halves | None:
    """Return the halves, of the first 200 seeds, most even in patches and tumour patches."""
    if len(evidence.slide_names) < 2:
        return None
    halves = [_Halves(seed, *split_slides(evidence, 0.5, seed)) for seed in range(_SEEDS)]
    return min((one for one in halves if one.usable), key=lambda one: one.imbalance, default=None)


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
