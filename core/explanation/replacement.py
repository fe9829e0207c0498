"""A map made of scores alone: nine squares replaced, one after the other, by tissue of donors."""

from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.engine import check_patches, in_passes
from core.errors import RunError
from core.explanation.fillers import (
    DonorPool,
    Filler,
    keep,
    keep_nothing,
    shipped_donors,
    square_mask,
)
from core.patches import PATCH_SIZE_PX, ImageU8
from core.scoring import Classifier

SQUARES: Final = 3
"""Squares per side, each as large as the centre."""
DONORS: Final = 3
_EDGE_PX: Final = 4.0
_PASS: Final = 64


class ReplacementMaps:
    """What each of nine squares adds to the logit, measured with donor tissue.

    The map is what the model did and not an estimate from its inside, so it needs no test against
    randomised heads and works for every network. Its doubt is how far the donors disagree.

    A square's value is the mean of two changes of the logit, over donors: its loss when the square
    alone is replaced, and its gain when the square alone is put into the donor. The first misses
    tumour that lies in two squares, the second misses what needs its surroundings. The middle
    square's value is the rise of the centre in the centre-against-ring test.
    """

    def __init__(self, classifier: Classifier, donors: DonorPool | None = None) -> None:
        """Take the shipped drawings as donors where none are given.

        Raises:
            RunError: Fewer than two donors, so that they cannot disagree.
        """
        self._engine = classifier.engine
        self.donors = donors or shipped_donors()
        if len(self.donors.ids) < 2:
            raise RunError(
                f"Found {len(self.donors.ids)} donors; replacement needs at least 2 to see whether "
                "they agree. Add patches without tumour, or use another method."
            )

    def per_donor(self, image_rgb_u8: ImageU8, logit: float) -> NDArray[np.float32]:
        """Return the map by each donor, (D, 3, 3) in tumour logits; 19 passes a donor."""
        donors = self.donors.nearest(image_rgb_u8, DONORS)
        pictures = [picture for donor in donors for picture in _pictures(image_rgb_u8, donor)]
        logits = in_passes(np.stack(pictures), self._engine.logits, _PASS)
        donor_logits = logits.reshape(len(donors), -1)
        lost = logit - donor_logits[:, 0:-1:2]  # (D, 9)
        gained = donor_logits[:, 1:-1:2] - donor_logits[:, -1:]
        maps: NDArray[np.float32] = ((lost + gained) / 2).astype(np.float32)
        return maps.reshape(len(donors), SQUARES, SQUARES)

    def maps(
        self, images_rgb_u8: ImageU8
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Return maps (N, 3, 3), logits (N,) and the donors' agreement (N,) of patches."""
        check_patches(images_rgb_u8)
        logits = self._engine.logits(images_rgb_u8)
        each = [
            self.per_donor(image, float(logit))
            for image, logit in zip(images_rgb_u8, logits, strict=True)
        ]
        values = np.array([maps.mean(axis=0) for maps in each], np.float32)
        agreed = np.array([agreement(maps) for maps in each], np.float32)
        return values.reshape(-1, SQUARES, SQUARES), logits, agreed


def _pictures(image_rgb_u8: ImageU8, donor: Filler) -> list[ImageU8]:
    """Return for each square the patch without it and it alone, then the donor."""
    side = PATCH_SIZE_PX // SQUARES
    spans = [(start, start + side) for start in range(0, PATCH_SIZE_PX, side)]
    pictures = []
    for rows, columns in product(spans, repeat=2):
        mask = square_mask(rows, columns, _EDGE_PX)
        pictures += [keep(image_rgb_u8, donor, 1 - mask), keep(image_rgb_u8, donor, mask)]
    return [*pictures, keep_nothing(donor)]


def agreement(maps: NDArray[np.float32]) -> float:
    """Return the mean correlation of each two of some maps (D, h, w), -1..1.

    A map that does not vary agrees with none, 0.
    """
    flat = maps.reshape(len(maps), -1).astype(np.float64)
    flat = flat - flat.mean(axis=1, keepdims=True)
    size = np.sqrt((flat**2).sum(axis=1, keepdims=True))
    unit = np.divide(flat, size, out=np.zeros_like(flat), where=size > 1e-9)
    pairs = np.triu_indices(len(maps), 1)
    return float((unit @ unit.T)[pairs].mean())
