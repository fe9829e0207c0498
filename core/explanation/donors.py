"""Which patches lend their tissue to the replacing tests."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np

from core.errors import RunError
from core.explanation.fillers import DonorPool
from core.patches import ImageU8, Patch, PatchSource, open_source, tissue_mask
from core.scoring import ScoreRow

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

    Args:
        source: The patches.
        rows: Their scores, in the order of the source.
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
        if len(free) > _MOST_GIVEN:
            free = free[:: -(-len(free) // _MOST_GIVEN)]
        patches = [item for i in free if isinstance(item := source.read(i), Patch)]
    if not patches:
        raise RunError(
            f"Found no readable patch without tumour in {path.name}. Give a folder of negatives."
        )
    return _pool([one for one in patches if is_full(one.image_rgb_u8)] or patches)


def is_full(image_rgb_u8: ImageU8) -> bool:
    """Return whether a patch (96, 96, 3) is mostly tissue; glass and fat have none to lend."""
    return float(tissue_mask(image_rgb_u8).mean()) >= _TISSUE_PART


def _pool(patches: Sequence[Patch]) -> DonorPool:
    ids = [patch.entry.id for patch in patches]
    return DonorPool.of(ids, np.stack([patch.image_rgb_u8 for patch in patches]))
