"""Logits of patches, as they are or over their eight orientations, and where eight matter."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import numpy as np
import scipy
from numpy.typing import NDArray

from core.engine import D4_VIEWS, d4_views
from core.errors import RunError
from core.patches import ImageU8

if TYPE_CHECKING:
    from core.scoring.classifier import Classifier

_ONE: Final = "1"
_EIGHT: Final = "8"


class TestTimeAugmentation(StrEnum):
    """In how many orientations a patch is scored.

    NONE scores it as it is, D4 averages the logits of its eight orientations, D4_NEAR does so
    where it can change the call: within the card's band around a threshold.
    """

    __test__ = False  # not a test case, whatever its name

    NONE = "none"
    D4 = "d4"
    D4_NEAR = "d4-near"


@dataclass(frozen=True, slots=True)
class Scored:
    """One patch's logit.

    Attributes:
        logit: Tumour logit before temperature, of one orientation or the mean of eight.
        prob_tumour: Calibrated.
        sd_logit: Standard deviation over eight orientations, None for one.
        orientations: How many, and by which rule, in words.
        distance: From the training patches, as `core.bundle.domain` has it; None where the card
            knows none.
    """

    logit: float
    prob_tumour: float
    sd_logit: float | None
    orientations: str
    distance: float | None = None


class LogitsUnderWay:
    """Patches on the engine, and the orientations that they need."""

    def __init__(
        self, classifier: "Classifier", images_rgb_u8: ImageU8, tta: TestTimeAugmentation
    ) -> None:
        """Start on patches (N, 96, 96, 3).

        Raises:
            RunError: The card has no band for D4_NEAR.
        """
        self._classifier = classifier
        self._images = images_rgb_u8
        self._tta = tta
        self._band = _band_logit(classifier) if tta is TestTimeAugmentation.D4_NEAR else 0.0
        views = tta is TestTimeAugmentation.D4
        images = np.concatenate(d4_views(images_rgb_u8)) if views else images_rgb_u8
        self._wait = classifier.engine.submit(images)

    def result(self) -> list[Scored]:
        """Wait for the logits and return one `Scored` per patch."""
        done = self._wait()
        scored = self._of(done.logits)
        domain, statistics = self._classifier.bundle.domain, done.statistics
        if domain is None or statistics is None:
            return scored
        distances = domain.distances(statistics[: len(self._images)]).tolist()
        return [replace(one, distance=d) for one, d in zip(scored, distances, strict=True)]

    def _of(self, logits: NDArray[np.float32]) -> list[Scored]:
        count = len(self._images)
        if self._tta is TestTimeAugmentation.D4:
            return self._scored(logits.reshape(D4_VIEWS, count).T, [_EIGHT] * count)
        views = logits[:, None]
        if self._tta is TestTimeAugmentation.NONE:
            return self._scored(views, [_ONE] * count)
        near = np.abs(views - _threshold_logits(self._classifier)).min(axis=1) <= self._band
        rows = self._scored(
            views, [f"{_ONE}: further than {self._band:.2f} logits from the threshold"] * count
        )
        if near.any():
            others = np.concatenate(d4_views(self._images[near])[1:])
            turned = self._classifier.engine.logits(others).reshape(D4_VIEWS - 1, -1).T
            eight = self._scored(
                np.concatenate([views[near], turned], axis=1),
                [f"{_EIGHT}: within {self._band:.2f} logits of the threshold"] * len(turned),
            )
            for place, scored in zip(np.flatnonzero(near), eight, strict=True):
                rows[place] = scored
        return rows

    def _scored(self, views: NDArray[np.float32], rules: list[str]) -> list[Scored]:
        """Return the patches of logits (N, 1) or (N, 8)."""
        # Contiguous rows, so that a mean adds up in one order whatever the batch.
        views = np.ascontiguousarray(views)
        logits = views.mean(axis=1)
        spread = views.std(axis=1).tolist() if views.shape[1] > 1 else [None] * len(views)
        probabilities = self._classifier.probability(logits).tolist()
        return [
            Scored(*parts)
            for parts in zip(logits.tolist(), probabilities, spread, rules, strict=True)
        ]


def _band_logit(classifier: "Classifier") -> float:
    measured = classifier.bundle.card.orientations
    if measured is None:
        raise RunError(
            "This model's card does not say how far eight orientations move a score. "
            "Score with all eight, or add it with `python -m training measure`."
        )
    return measured.band_logit


def _threshold_logits(classifier: "Classifier") -> NDArray[np.float64]:
    """Return the thresholds in force as logits before temperature, (1,) or (2,)."""
    point = classifier.operating_point
    thresholds = [t for t in (point.threshold, point.lower_threshold) if t is not None]
    logits: NDArray[np.float64] = scipy.special.logit(np.array(thresholds)) * classifier.temperature
    return logits
