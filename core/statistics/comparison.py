"""Two models on the same patches: how sure the difference is, by patches and by slides."""

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr

from core.statistics.cluster import REPLICATES, Resampled, SlideBootstrap
from core.statistics.evidence import Evidence
from core.statistics.ranking import AurocDifference, paired_auroc, require_same_patches


@dataclass(frozen=True)
class Comparison:
    """AUROC of model A minus model B, by patches and by slides.

    Attributes:
        by_patches: paired DeLong; its p-value is too small for clustered patches.
        by_slides: slide bootstrap of the difference, both models on the same draws.
        p_value: two-sided, of no difference, from the slide bootstrap's standard error and t; NaN
            where undefined.
        share_a_better: share of replicates in which A is ahead, ties counted half.
    """

    by_patches: AurocDifference
    by_slides: Resampled
    p_value: float
    share_a_better: float


def compare_auroc(
    a: Evidence,
    b: Evidence,
    rng: np.random.Generator,
    replicates: int = REPLICATES,
) -> Comparison:
    """Difference of two models' AUROC on the same patches (A minus B).

    Args:
        a: labels, slides and the scores of A.
        b: the same patches in the same order with the scores of B.
        rng: draws the slides.
        replicates: of the slide bootstrap.

    Raises:
        EvidenceError: the patches differ, or slides are unknown or fewer than 2.
    """
    require_same_patches(a, b)
    by_patches = paired_auroc(a, b)
    of_a = SlideBootstrap.of(a, rng, replicates)
    of_b = SlideBootstrap(b, of_a.draws)
    differences = of_a.win_matrix.auroc(of_a.draws) - of_b.win_matrix.auroc(of_b.draws)
    freedom = of_a.degrees_of_freedom
    by_slides = of_a.estimate(
        by_patches.difference.value,
        differences,
        freedom=freedom,
        scale="plain",
        patch_error=by_patches.difference.standard_error,
    )
    p_value = np.nan
    error = by_slides.measured.standard_error
    if error > 0 and freedom >= 1:
        t = abs(by_patches.difference.value) / error
        p_value = float(2 * stdtr(freedom, -t))
    kept = by_slides.replicates
    ahead = float(np.mean((kept > 0) + (kept == 0) / 2)) if len(kept) else np.nan
    return Comparison(by_patches, by_slides, p_value, ahead)
