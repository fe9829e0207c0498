"""The centre tested: what the score becomes when the ring is replaced, and when the centre is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit as log_odds

from core.engine import check_patches, in_passes
from core.explanation.fillers import (
    DonorPool,
    Filler,
    FillerKind,
    blurred,
    centre_mask,
    keep,
    keep_nothing,
    mean_coloured,
    shipped_donors,
)
from core.patches import ImageU8
from core.scoring import Classifier

LEAST_RISE_LOGIT: Final = 0.5
"""Regions that raise the logit less than this together have nothing to divide."""
_PASS: Final = 64


@dataclass(frozen=True)
class CentreTestSettings:
    """How the centre-against-ring test replaces.

    Attributes:
        blur_sigma_px: Of the blur; 8 px is about one nucleus, so no cell survives.
        donors: How many donor patches.
        edge_px: Width of the seam; 0 cuts hard.
        blur: Whether the blur is among the fillers.
        mean: Whether the mean colour is among them.
    """

    blur_sigma_px: float = 8.0
    donors: int = 3
    edge_px: float = 4.0
    blur: bool = True
    mean: bool = True


@dataclass(frozen=True)
class FillerResult:
    """One patch with one filler; logits before temperature.

    Attributes:
        logit_original: The patch as it is.
        logit_centre_kept: Its ring replaced.
        logit_ring_kept: Its centre replaced.
        logit_neither: The filler alone.
    """

    name: str
    kind: FillerKind
    logit_original: float
    logit_centre_kept: float
    logit_ring_kept: float
    logit_neither: float

    @property
    def centre_rise_logit(self) -> float:
        """What the centre adds to the logit, mean of adding it first and adding it last.

        With the ring's, this is the Shapley value of a game of two players: both sum to the
        difference between the patch and the filler alone.
        """
        first = self.logit_centre_kept - self.logit_neither
        last = self.logit_original - self.logit_ring_kept
        return (first + last) / 2

    @property
    def ring_rise_logit(self) -> float:
        """What the ring adds to the logit, likewise."""
        first = self.logit_ring_kept - self.logit_neither
        last = self.logit_original - self.logit_centre_kept
        return (first + last) / 2


class Decisive(StrEnum):
    """Which region a tumour call hangs on, by what stays called when parts are replaced."""

    CENTRE = "centre"
    RING = "surroundings"
    EITHER = "either alone"
    TOGETHER = "only together"
    NO_CALL = "not called tumour"


@dataclass(frozen=True)
class CentreReliance:
    """Which region a patch's evidence for tumour comes from, by replacing it.

    The numbers are means over the donors, which are true pictures. Models answer a blurred or
    flat part in their own way: on drawn patches with known tumour, donors told tumour in the
    centre from tumour in the ring far better. Blur and mean colour widen `low`, `high`, `spread`.
    Without donors the means are over what there is.

    Attributes:
        fillers: One result per filler.
        threshold_logit: A patch is called tumour if its logit is at least this.
        temperature: Logits are divided by it to become calibrated.
    """

    fillers: tuple[FillerResult, ...]
    threshold_logit: float
    temperature: float

    @property
    def score(self) -> float:
        """Centre reliance: the part of the odds of tumour that the centre carries, 0..1.

        1 - exp(-rise / temperature) of the centre's mean rise. 0: without the centre's
        contribution the odds are as high or higher, so it carries none of the evidence for
        tumour; usual for negatives. 0.5: the odds would halve. Towards 1: they would vanish.
        """
        return self._carried(self.centre_rise_logit)

    @property
    def ring_score(self) -> float:
        """Likewise for the ring, which does not decide the label; both can be near 1."""
        return self._carried(self.ring_rise_logit)

    @property
    def centre_part(self) -> float | None:
        """Part of the rise of both regions that the centre makes, 0..1.

        1: all of it, 0: none. A model without preference, on tissue alike all over, has about
        1/9, by area. None: neither raises the logit by half, so there is nothing to divide.
        """
        centre, ring = max(self.centre_rise_logit, 0.0), max(self.ring_rise_logit, 0.0)
        return centre / (centre + ring) if centre + ring >= LEAST_RISE_LOGIT else None

    @property
    def centre_rise_logit(self) -> float:
        """What the centre adds to the logit, mean over donors."""
        return self._mean([filler.centre_rise_logit for filler in self._leading])

    @property
    def ring_rise_logit(self) -> float:
        """What the ring adds to the logit, mean over donors."""
        return self._mean([filler.ring_rise_logit for filler in self._leading])

    @property
    def delta_centre_kept(self) -> float:
        """Change of the logit when the ring is replaced, mean over donors."""
        return self._mean([f.logit_centre_kept - f.logit_original for f in self._leading])

    @property
    def delta_ring_kept(self) -> float:
        """Change of the logit when the centre is replaced, mean over donors."""
        return self._mean([f.logit_ring_kept - f.logit_original for f in self._leading])

    @property
    def low(self) -> float:
        """Lowest score of a single filler, of any kind."""
        return min(self._scores)

    @property
    def high(self) -> float:
        """Highest score of a single filler, of any kind."""
        return max(self._scores)

    @property
    def spread(self) -> float:
        """Standard deviation of the scores of all fillers.

        Above about 0.25 the answer hangs on what was put in place: do not lean on the score.
        """
        return float(np.std(self._scores))

    @property
    def decisive(self) -> Decisive:
        """Which region the call hangs on, by the mean logits with donors.

        RING: with the centre replaced the patch is still called tumour, with the ring replaced it
        is not; "decided by the ring".
        """
        leading = self._leading
        if leading[0].logit_original < self.threshold_logit:
            return Decisive.NO_CALL
        centre = self._mean([f.logit_centre_kept for f in leading])
        ring = self._mean([f.logit_ring_kept for f in leading])
        return decisive(centre, ring, self.threshold_logit)

    @property
    def _leading(self) -> list[FillerResult]:
        donors = [filler for filler in self.fillers if filler.kind is FillerKind.DONOR]
        return donors or list(self.fillers)

    @property
    def _scores(self) -> list[float]:
        return [self._carried(filler.centre_rise_logit) for filler in self.fillers]

    def _carried(self, rise_logit: float) -> float:
        return 1.0 - math.exp(-max(rise_logit, 0.0) / self.temperature)

    @staticmethod
    def _mean(values: list[float]) -> float:
        return float(np.mean(values))


def decisive(centre_kept: float, ring_kept: float, threshold_logit: float) -> Decisive:
    """Return what a tumour call hangs on, by the mean logits with one part kept."""
    return {
        (True, True): Decisive.EITHER,
        (True, False): Decisive.CENTRE,
        (False, True): Decisive.RING,
        (False, False): Decisive.TOGETHER,
    }[centre_kept >= threshold_logit, ring_kept >= threshold_logit]


def reliance_of(fillers: Sequence[FillerResult], classifier: Classifier) -> CentreReliance:
    """Return what fillers showed, at the operating point in force."""
    least = threshold_logit(classifier.operating_point.threshold, classifier.temperature)
    return CentreReliance(tuple(fillers), least, classifier.temperature)


def threshold_logit(threshold: float, temperature: float) -> float:
    """Return the logit, before temperature, from which a patch is called tumour."""
    return float(log_odds(threshold)) * temperature


@dataclass(frozen=True, eq=False)
class Counterfactual:
    """The pictures that one filler makes of a patch.

    Attributes:
        filler: What is put in.
        pictures: (96, 96, 3) each: ring replaced, centre replaced, the filler alone.
    """

    filler: Filler
    pictures: tuple[ImageU8, ImageU8, ImageU8]


class CentreTest:
    """The centre-against-ring test of one model.

    Attributes:
        classifier: Scores the pictures; its threshold says what is called tumour.
        settings: How parts are replaced.
        donors: Whose tissue is put in.
    """

    def __init__(
        self,
        classifier: Classifier,
        *,
        donors: DonorPool | None = None,
        settings: CentreTestSettings | None = None,
    ) -> None:
        """Take the shipped drawings as donors where none are given."""
        self.classifier = classifier
        self.settings = settings or CentreTestSettings()
        self.donors = donors or shipped_donors()

    def fillers(self, image_rgb_u8: ImageU8) -> list[Filler]:
        """Return the fillers for one patch (96, 96, 3): blur, mean colour, nearest donors."""
        fillers = []
        if self.settings.blur:
            fillers.append(blurred(image_rgb_u8, self.settings.blur_sigma_px))
        if self.settings.mean:
            fillers.append(mean_coloured(image_rgb_u8))
        return fillers + self.donors.nearest(image_rgb_u8, self.settings.donors)

    def counterfactuals(self, image_rgb_u8: ImageU8) -> list[Counterfactual]:
        """Return the pictures that `run` scores for one patch (96, 96, 3), in its order."""
        inside = centre_mask(self.settings.edge_px)
        return [
            Counterfactual(
                filler,
                (
                    keep(image_rgb_u8, filler, inside),
                    keep(image_rgb_u8, filler, 1 - inside),
                    keep_nothing(filler),
                ),
            )
            for filler in self.fillers(image_rgb_u8)
        ]

    def run(
        self, images_rgb_u8: ImageU8, logits: NDArray[np.float32] | None = None
    ) -> list[CentreReliance]:
        """Return the result for each patch (N, 96, 96, 3), about 15 passes a patch.

        `logits` (N,) are theirs, where they are known already.
        """
        check_patches(images_rgb_u8)
        if logits is None:
            logits = self.classifier.engine.logits(images_rgb_u8)
        return [
            self._run_one(image, float(logit))
            for image, logit in zip(images_rgb_u8, logits, strict=True)
        ]

    def _run_one(self, image_rgb_u8: ImageU8, logit: float) -> CentreReliance:
        made = self.counterfactuals(image_rgb_u8)
        logits = self._scored([picture for one in made for picture in one.pictures]).reshape(-1, 3)
        results = [
            FillerResult(one.filler.name, one.filler.kind, logit, *map(float, three))
            for one, three in zip(made, logits, strict=True)
        ]
        return reliance_of(results, self.classifier)

    def halves(self, image_rgb_u8: ImageU8) -> tuple[float, float]:
        """Return the mean logits of a patch (96, 96, 3) with its centre kept, and its ring.

        Those that `CentreReliance.decisive` goes by, in two passes a filler.
        """
        inside = centre_mask(self.settings.edge_px)
        pictures = [
            keep(image_rgb_u8, filler, mask)
            for filler in self.fillers(image_rgb_u8)
            for mask in (inside, 1 - inside)
        ]
        centre, ring = self._scored(pictures).reshape(-1, 2).T.astype(np.float64)
        return float(centre.mean()), float(ring.mean())

    def _scored(self, pictures: Sequence[ImageU8]) -> NDArray[np.float32]:
        return in_passes(np.stack(pictures), self.classifier.engine.logits, _PASS)
