"""Which patches a network may see before it is trained: not those that will judge it."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from training.data.split import TEST_NAME, VAL_NAME, IntArray, PatchTable

HELD_OUT: Final = (VAL_NAME, TEST_NAME)


@dataclass(frozen=True, eq=False)
class Selection:
    """Rows of a `PatchTable` that are pre-trained on, ascending.

    Attributes:
        rows: (N,) the rows.
        held_out: How many were left out.
        origin: Which they are, in words.
        warnings: What a reader of later scores must know.
    """

    rows: IntArray
    held_out: int
    origin: str
    warnings: tuple[str, ...] = ()


def select_patches(table: PatchTable, *, with_held_out: bool = False) -> Selection:
    """Return the patches that are not declared to validate or test, nor on such a patch's slide.

    Labels are not needed, and those there are take no part.

    Args:
        table: The patches.
        with_held_out: Take them all, and say so.
    """
    held_out = np.isin(table.splits, HELD_OUT)
    slides = np.unique(table.slides[held_out])
    held_out |= np.isin(table.slides, slides[slides != ""])
    if not held_out.any():
        return Selection(
            np.arange(len(table)),
            0,
            "all patches",
            (
                "The data declare no validation or test patches, so none were left out. Scores on "
                "any of these patches will be of patches that the network has seen, without "
                "labels.",
            ),
        )
    if with_held_out:
        return Selection(
            np.arange(len(table)),
            0,
            "all patches, validation and test among them",
            (
                f"{int(held_out.sum()):,} validation or test patches are pre-trained on, without "
                "labels; scores on them may be too good.",
            ),
        )
    return Selection(
        np.flatnonzero(~held_out),
        int(held_out.sum()),
        "without the declared validation and test patches and the other patches of their slides",
    )
