"""The table of explanations: one row per input, the columns of a score and then the measures."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from core.explanation.explainer import Explanation
from core.explanation.faithfulness import TwinTest
from core.explanation.reliance import CentreReliance
from core.patches import ImageU8
from core.scoring import COLUMNS, Classifier, ScoreRow
from core.scoring.outputs import csv_cells


@dataclass(frozen=True, eq=False)
class D4Views:
    """The scores of a patch's eight orientations, the given one first.

    Attributes:
        logits: (8,) tumour logits before temperature.
        prob_tumour: (8,) calibrated probabilities.
        threshold: That they were compared with.
    """

    logits: NDArray[np.float32]
    prob_tumour: NDArray[np.float64]
    threshold: float

    @property
    def mean_logit(self) -> float:
        """Mean over the orientations."""
        return float(self.logits.mean(dtype=np.float64))

    @property
    def sd_logit(self) -> float:
        """Standard deviation over the orientations.

        It tells how sure the model's answer is of itself, not how often it is right.
        """
        return float(self.logits.std(dtype=np.float64))

    @property
    def calls(self) -> NDArray[np.bool_]:
        """Which orientations are called tumour, (8,)."""
        return self.prob_tumour >= self.threshold

    @property
    def flips(self) -> int:
        """How many of the seven other orientations are called otherwise than the given one."""
        return int((self.calls != self.calls[0]).sum())


def score_views(classifier: Classifier, images_rgb_u8: ImageU8) -> list[D4Views]:
    """Return the eight scores of each patch (N, 96, 96, 3), at the operating point in force."""
    return views_of(classifier.engine.d4_logits(images_rgb_u8), classifier)


def views_of(logits: NDArray[np.float32], classifier: Classifier) -> list[D4Views]:
    """Return the eight scores of patches whose logits (N, 8) are known."""
    probabilities = classifier.probability(logits)
    threshold = classifier.operating_point.threshold
    return [
        D4Views(eight, likely, threshold)
        for eight, likely in zip(logits, probabilities, strict=True)
    ]


Value = str | float | bool | None


class MapState(StrEnum):
    """How far a map can be trusted; a map is drawn whatever it is, with this beside it.

    RELIABLE maps did better than those of randomised heads, or were measured by replacing with
    donors that agree. UNRELIABLE ones did not.
    """

    NONE = "no map"
    UNTESTED = "not checked yet"
    RELIABLE = "passed its check"
    UNRELIABLE = "did not pass its check"


@dataclass(frozen=True, eq=False)
class ExplanationRow:
    """One input with its score, and what was asked for of its explanation.

    Attributes:
        score: As `core score` gives it.
        explanation: None unless the input was scored.
        reliance: None unless the centre-against-ring test was made.
        views: None unless the eight orientations were scored.
        twins: None unless the map was tested against twins.
        overlay: File name of the picture, "" where there is none.
    """

    score: ScoreRow
    explanation: Explanation | None = None
    reliance: CentreReliance | None = None
    views: D4Views | None = None
    twins: TwinTest | None = None
    overlay: str = ""

    @property
    def reliable(self) -> bool | None:
        """Whether the map passed its check; None without a map or a check."""
        passed = None if self.explanation is None else self.explanation.cam.measured
        return self.twins.reliable if passed is None and self.twins else passed

    @property
    def map_state(self) -> MapState:
        """How far the map can be trusted."""
        if self.explanation is None:
            return MapState.NONE
        if self.reliable is None:
            return MapState.UNTESTED
        return MapState.RELIABLE if self.reliable else MapState.UNRELIABLE

    def cells(self) -> list[str]:
        """Return the row's cells in the order of `EXPLANATION_COLUMNS`, empty where unknown."""
        return csv_cells(self.score) + [_cell(read(self)) for read in _VALUES.values()]


_VALUES: Final[dict[str, Callable[[ExplanationRow], Any]]] = {
    "method": lambda row: row.explanation and row.explanation.cam.method,
    "layer": lambda row: row.explanation and row.explanation.cam.layer,
    "target": lambda row: row.explanation and row.explanation.cam.target,
    "unit": lambda row: row.explanation and row.explanation.cam.method.unit,
    "evidence_for": lambda row: row.explanation and row.explanation.centre.evidence_for,
    "evidence_against": lambda row: row.explanation and row.explanation.centre.evidence_against,
    "evidence_centre": lambda row: row.explanation and row.explanation.centre.evidence_centre,
    "evidence_surroundings": lambda row: row.explanation and row.explanation.centre.evidence_ring,
    "weak_evidence": lambda row: row.explanation and row.explanation.weak,
    "centre_share": lambda row: row.explanation and row.explanation.centre.share,
    "centre_share_expected": lambda row: row.explanation and row.explanation.centre.expected_share,
    "peak_in_centre": lambda row: row.explanation and row.explanation.centre.peak_in_centre,
    "centre_reliance": lambda row: row.reliance and row.reliance.score,
    "centre_reliance_low": lambda row: row.reliance and row.reliance.low,
    "centre_reliance_high": lambda row: row.reliance and row.reliance.high,
    "centre_reliance_spread": lambda row: row.reliance and row.reliance.spread,
    "surroundings_reliance": lambda row: row.reliance and row.reliance.ring_score,
    "centre_part": lambda row: row.reliance and row.reliance.centre_part,
    "centre_rise_logit": lambda row: row.reliance and row.reliance.centre_rise_logit,
    "surroundings_rise_logit": lambda row: row.reliance and row.reliance.ring_rise_logit,
    "delta_logit_centre_kept": lambda row: row.reliance and row.reliance.delta_centre_kept,
    "delta_logit_surroundings_kept": lambda row: row.reliance and row.reliance.delta_ring_kept,
    "decisive_region": lambda row: row.reliance and row.reliance.decisive,
    "d4_mean_logit": lambda row: row.views and row.views.mean_logit,
    "d4_spread_logit": lambda row: row.views and row.views.sd_logit,
    "d4_flips": lambda row: row.views and row.views.flips,
    "map_faithfulness": lambda row: row.twins and row.twins.faithfulness,
    "control_networks_beaten": lambda row: row.twins and row.twins.beaten,
    "donor_agreement": lambda row: row.explanation and row.explanation.cam.agreement,
    "reliable": lambda row: row.reliable,
    "overlay": lambda row: row.overlay,
}
"""The measure of each column of a row, a `Value`."""

EXPLANATION_COLUMNS: Final = (*COLUMNS, *_VALUES)


def number(column: str) -> Callable[[ExplanationRow], float | None]:
    """Return what reads a column that holds numbers, yes or no (1 or 0)."""

    def read(row: ExplanationRow) -> float | None:
        value = _VALUES[column](row)
        return None if value is None else float(value)

    return read


def _cell(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    return repr(value) if isinstance(value, float) else str(value)
