"""What a part of a patch is replaced with, and the seam between the two."""

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from core.engine import check_patches
from core.errors import RunError, SourceError, why
from core.patches import (
    CENTRE,
    PATCH_SIZE_PX,
    ImageU8,
    Patch,
    PatchSource,
    files_source,
    open_source,
    tissue_mask,
)
from core.scoring import ScoreRow

SHIPPED_SAMPLES: Final = Path(__file__).resolve().parents[2] / "assets" / "samples"
_WHITE: Final = 245.0

Mask = NDArray[np.float32]


class FillerKind(StrEnum):
    """BLUR keeps the colours and loses the cells, MEAN loses both, DONOR is other tissue.

    Blur and mean colour are pictures that no scanner gives, so a model may answer them oddly;
    donor tissue is a true picture, but one with its own content. That is why all three are used.
    """

    BLUR = "blur"
    MEAN = "mean"
    DONOR = "donor"


@dataclass(frozen=True, eq=False)
class Filler:
    """A whole picture to take pixels from.

    Attributes:
        name: "blur", "mean", or "donor" with the id of the patch.
        image_rgb: (96, 96, 3) float32, 0..255.
        donor: Id of the patch that lends its tissue; "" without one.
    """

    name: str
    kind: FillerKind
    image_rgb: NDArray[np.float32]
    donor: str = ""


@dataclass(frozen=True, eq=False)
class DonorPool:
    """Patches without tumour that can lend their tissue.

    A negative of this task may hold tumour in its ring: give patches without any where you can.

    Attributes:
        ids: (D,) what to call them.
        images_rgb_u8: (D, 96, 96, 3).
        stains: (D, 3) their mean stain, see `mean_stain`.
    """

    ids: tuple[str, ...]
    images_rgb_u8: ImageU8
    stains: NDArray[np.float64]

    @classmethod
    def of(cls, ids: Sequence[str], images_rgb_u8: ImageU8) -> "DonorPool":
        """Return the pool of these patches (D, 96, 96, 3)."""
        check_patches(images_rgb_u8)
        stains = np.array([mean_stain(image) for image in images_rgb_u8]).reshape(-1, 3)
        return cls(tuple(ids), images_rgb_u8, stains)

    @cached_property
    def digest(self) -> str:
        """What tells this pool from others: the hash of its pictures."""
        return hashlib.sha256(self.images_rgb_u8.tobytes()).hexdigest()

    def nearest(self, image_rgb_u8: ImageU8, count: int) -> list[Filler]:
        """Return up to `count` donors whose mean stain is nearest to that of a patch.

        A patch is not its own donor.
        """
        distance = np.linalg.norm(self.stains - mean_stain(image_rgb_u8), axis=1)
        nearest = ((self.ids[at], self.images_rgb_u8[at]) for at in distance.argsort(kind="stable"))
        fillers = (
            Filler(f"donor {name}", FillerKind.DONOR, image.astype(np.float32), donor=name)
            for name, image in nearest
            if not np.array_equal(image, image_rgb_u8)
        )
        return list(islice(fillers, count))


def shipped_donors() -> DonorPool:
    """Return the drawn samples that hold no tumour at all.

    They are drawings: for real patches, negatives of the same laboratory are better donors.

    Raises:
        SourceError: The samples are not there.
    """
    table = SHIPPED_SAMPLES / "samples.csv"
    try:
        with table.open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row["place"] == "none"]
    except (OSError, KeyError) as error:
        raise SourceError(
            f"The drawn samples cannot be read ({why(error)}). Draw them again with `python -m "
            "tools.drawing`, or use your own patches (--donors)."
        ) from None
    source = files_source(
        SHIPPED_SAMPLES.name, [(row["path"], SHIPPED_SAMPLES / row["path"]) for row in rows]
    )
    items = map(source.read, range(len(source)))
    readable = [item for item in items if isinstance(item, Patch)]
    if not readable:
        raise SourceError(
            "There are no drawn samples without tumour. Use your own patches (--donors)."
        )
    return _pool(readable)


def mean_stain(image_rgb_u8: ImageU8) -> NDArray[np.float64]:
    """Return the mean optical density of red, green and blue over the tissue of a patch, (3,).

    Pixels of glass do not count, so a patch that is half empty keeps its stain.
    """
    density = -np.log(np.clip(image_rgb_u8.astype(np.float64), 1.0, _WHITE) / _WHITE)
    tissue = tissue_mask(image_rgb_u8)
    pixels = density[tissue] if tissue.any() else density.reshape(-1, 3)
    stain: NDArray[np.float64] = pixels.mean(axis=0)
    return stain


def blurred(image_rgb_u8: ImageU8, sigma_px: float) -> Filler:
    """Return the patch itself, blurred until its cells are gone."""
    image = gaussian_filter(
        image_rgb_u8.astype(np.float32), sigma=(sigma_px, sigma_px, 0), mode="reflect"
    )
    return Filler("blur", FillerKind.BLUR, image)


def mean_coloured(image_rgb_u8: ImageU8) -> Filler:
    """Return one flat colour, the patch's mean."""
    colour = image_rgb_u8.mean(axis=(0, 1), dtype=np.float64).astype(np.float32)
    return Filler("mean", FillerKind.MEAN, np.broadcast_to(colour, image_rgb_u8.shape))


@lru_cache(maxsize=64)
def square_mask(rows: tuple[int, int], columns: tuple[int, int], edge_px: float) -> Mask:
    """Return 1 in a rectangle and 0 outside, with a linear seam `edge_px` wide, (96, 96).

    The seam lies half inside and half outside, so that it gives neither side more area. A hard
    edge (0) is exact about the region and draws a square that the model may react to. There is no
    seam at the border of the patch. Rows and columns are the first, and one past the last.
    """
    outside = np.maximum.outer(_outside(rows), _outside(columns))
    mask: Mask = (outside < 0).astype(np.float32)
    if edge_px > 0:
        mask = np.clip(0.5 - outside / edge_px, 0.0, 1.0).astype(np.float32)
    mask.setflags(write=False)
    return mask


def _outside(ends: tuple[int, int]) -> NDArray[np.float64]:
    """Return how far each row lies outside of an interval, less than zero inside, (96,)."""
    at = np.arange(PATCH_SIZE_PX)
    start, stop = ends
    before = start - 0.5 - at if start > 0 else np.full(PATCH_SIZE_PX, -np.inf)
    behind = at - stop + 0.5 if stop < PATCH_SIZE_PX else np.full(PATCH_SIZE_PX, -np.inf)
    outside: NDArray[np.float64] = np.maximum(before, behind)
    return outside


def centre_mask(edge_px: float) -> Mask:
    """Return 1 in the centre 32 x 32 and 0 outside, with a seam, (96, 96)."""
    ends = (CENTRE.start, CENTRE.stop)
    return square_mask(ends, ends, edge_px)


def keep_nothing(filler: Filler) -> ImageU8:
    """Return the filler alone, (96, 96, 3) uint8."""
    return np.rint(filler.image_rgb).astype(np.uint8)


def keep(image_rgb_u8: ImageU8, filler: Filler, mask: Mask) -> ImageU8:
    """Return the patch where a mask (96, 96) is 1 and the filler where it is 0."""
    weight = mask[..., None]
    mixed = image_rgb_u8 * weight + filler.image_rgb * (1 - weight)
    return np.rint(mixed).astype(np.uint8)


FEWEST_DONORS: Final = 12
"""Of fewer, the nearest in stain may not be near at all."""
MOST_DONORS: Final = 40
DONOR_SCORE: Final = 0.1
_MOST_READ: Final = 300
_MOST_GIVEN: Final = 500
_TISSUE_PART: Final = 0.8


def choose_donors(source: PatchSource, rows: Sequence[ScoreRow]) -> DonorPool | None:
    """Return tumour-free tissue from a scored source, None if there is too little.

    Tissue of the same stain makes truer pictures than drawings do. Chosen are the patches with
    the lowest scores below 0.1 that are not labelled tumour, at least four fifths of them tissue,
    at most 40. Without labels it is the model that calls them tumour-free, in the centre; their
    ring may hold some.
    """
    low = sorted(
        (score, position)
        for position, row in enumerate(rows)
        if (score := row.prob_tumour) is not None and score < DONOR_SCORE and row.label != 1
    )
    items = (source.read(position) for _, position in low[:_MOST_READ])
    full = (item for item in items if isinstance(item, Patch) and is_full(item.image_rgb_u8))
    patches = list(islice(full, MOST_DONORS))
    return _pool(patches) if len(patches) >= FEWEST_DONORS else None


def read_donors(path: Path) -> DonorPool:
    """Return up to 500 patches of a source as donors, those labelled tumour left out.

    Raises:
        SourceError: The source cannot be opened.
        RunError: It holds no patch that can lend its tissue.
    """
    with open_source(path) as source:
        free = [index for index, entry in enumerate(source.entries) if entry.label != 1]
        step = max(1, -(-len(free) // _MOST_GIVEN))
        patches = [item for i in free[::step] if isinstance(item := source.read(i), Patch)]
    if not patches:
        raise RunError(
            f"Found no readable patch without tumour in {path.name}. Name a folder of patches "
            "without tumour."
        )
    return _pool([one for one in patches if is_full(one.image_rgb_u8)] or patches)


def is_full(image_rgb_u8: ImageU8) -> bool:
    """Return whether a patch (96, 96, 3) is mostly tissue; glass and fat have none to lend."""
    return float(tissue_mask(image_rgb_u8).mean()) >= _TISSUE_PART


def _pool(patches: Sequence[Patch]) -> DonorPool:
    ids = [patch.entry.id for patch in patches]
    return DonorPool.of(ids, np.stack([patch.image_rgb_u8 for patch in patches]))
