"""Temperature scaling, fitted on some of the validation slides and bound to them."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit

from core.errors import EvidenceError
from core.statistics.calibration import EDGE, score_log_odds
from core.statistics.evidence import Evidence, ScoreArray

_COLDEST = 1e6


@dataclass(frozen=True)
class TemperatureFit:
    """A temperature and the slides it was fitted on; no threshold may be chosen on those.

    Attributes:
        temperature: above 0; above 1 softens scores that were too extreme.
        slides: the slides it was fitted on, sorted; empty where they are unknown.
    """

    temperature: float
    slides: tuple[str, ...]

    def apply(self, scores: ScoreArray) -> ScoreArray:
        """(N,) calibrated probabilities in the dtype of the scores, from scores 0..1.

        The order is kept up to rounding, so the AUROC is too; a threshold on raw scores is not one
        on calibrated scores.
        """
        odds = logit(np.clip(scores.astype(np.float64), EDGE, 1 - EDGE))
        calibrated: ScoreArray = expit(odds / self.temperature).astype(scores.dtype)
        return calibrated

    def applied(self, evidence: Evidence) -> Evidence:
        """The same evidence with calibrated scores."""
        return Evidence(evidence.labels, self.apply(evidence.scores), evidence.slides)


def fit_temperature(evidence: Evidence) -> TemperatureFit:
    """The temperature of least log-loss (Guo et al. 2017).

    The log-loss is convex in 1 / temperature, so SciPy's `brentq` on its derivative finds the one
    minimum exactly.

    Raises:
        EvidenceError: scores outside 0..1, one class only, scores that separate the classes (the
            best temperature is 0) or that point the wrong way (there is none).
    """
    odds = score_log_odds(evidence)
    if not evidence.n_positive or not evidence.n_negative:
        raise EvidenceError(
            f"Found {evidence.n_positive} tumour and {evidence.n_negative} tumour-free patches; a "
            "temperature needs both. Split the slides again."
        )

    def slope(inverse: float) -> float:
        return float(np.sum((expit(inverse * odds) - evidence.labels) * odds))

    if slope(0.0) >= 0:
        raise EvidenceError(
            "The scores do not rise with tumour around 0.5; no temperature helps. Check the "
            "labels, or recalibrate with an intercept."
        )
    if slope(_COLDEST) <= 0:
        raise EvidenceError(
            "The scores have every patch on the right side of 0.5; the best temperature is 0. Use "
            "patches with at least one error."
        )
    inverse = float(brentq(slope, 0.0, _COLDEST, xtol=1e-12, rtol=1e-12))
    return TemperatureFit(1 / inverse, () if evidence.slides is None else evidence.slide_names)


def require_other_slides(fit: TemperatureFit, evidence: Evidence) -> None:
    """EvidenceError if some evidence shares a slide with those a temperature was fitted on.

    Also where either has no slide names, because then nobody can tell.
    """
    if evidence.slides is None or not fit.slides:
        raise EvidenceError(
            "Slides unknown: cannot tell whether these patches helped fit the temperature. Give "
            "the slide of each patch, or allow the overlap explicitly."
        )
    shared = sorted(set(fit.slides) & set(evidence.slide_names))
    if shared:
        raise EvidenceError(
            f"{len(shared)} slides, such as {shared[0]}, were used to fit the temperature; "
            "expected none. Choose the threshold on the other part of split_slides, or allow the "
            "overlap explicitly."
        )
