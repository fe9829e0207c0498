"""How far a score depends on the orientation of the patch, which means nothing in pathology."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.patches import ImageU8
from core.scoring import Classifier


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
