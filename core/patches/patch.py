"""What a patch is, once read: pixels with their origin, or the reason why there are none."""

from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from core.errors import Fault

ImageU8 = NDArray[np.uint8]

PATCH_SIZE_PX: Final = 96
"""Height and width of a PatchCamelyon patch."""
CENTRE: Final = slice(32, 64)
"""Rows and columns of the centre 32 x 32, the only region that decides the label."""
SPACING_UM_PX: Final = 0.97
"""Micrometres per pixel at CAMELYON16's level 2, about 10x."""
ORIENTATIONS: Final = 8
"""Rotations by 90 degrees of a patch and of its mirror image; none means anything in pathology."""
T = TypeVar("T", bound=np.generic)


def turn(planes: NDArray[T], orientation: int) -> NDArray[T]:
    """Return planes (N, S, S, ...) in one orientation.

    Args:
        planes: Square in axes 1 and 2.
        orientation: 0 to 7; `orientation % 4` quarter turns counter-clockwise, after a left-right
            mirror from 4 on. 0 leaves the planes as they are.
    """
    mirrored = planes[:, :, ::-1] if orientation >= ORIENTATIONS // 2 else planes
    return np.rot90(mirrored, orientation % 4, axes=(1, 2))


@dataclass(frozen=True, slots=True)
class PatchEntry:
    """One input of a source, before it is read.

    Attributes:
        id: The file's stem; for HDF5 the file's stem and the row.
        path: Path relative to the source, with forward slashes; text of unknown origin, so only
            ever shown or stored, never opened.
        label: Reference standard, 1 tumour in the centre, 0 none, None unknown.
        slide: Slide or slide group, None unknown.
        split: Part of the data set that the patch belongs to ("train", "val", ...), None unknown.
    """

    id: str
    path: str
    label: int | None = None
    slide: str | None = None
    split: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """A patch that can be judged.

    Attributes:
        index: Position in the source, from 0.
        entry: Where it comes from and what is known of it.
        image_rgb_u8: Pixels, (96, 96, 3), 0..255.
        sha256: Hash of the bytes as received (of the pixels where the source is HDF5).
        note: How the file was converted without loss, empty if it was 8-bit RGB already.
    """

    index: int
    entry: PatchEntry
    image_rgb_u8: ImageU8
    sha256: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class UnreadablePatch:
    """An input that is not a patch that can be judged, and why.

    Attributes:
        index: Position in the source, from 0.
        entry: Where it comes from.
        reason: Found, expected, what to do; one sentence or two.
        sha256: Hash of the bytes as received, empty if they could not be read.
        kind: What is wrong with it, for code.
    """

    index: int
    entry: PatchEntry
    reason: str
    sha256: str = ""
    kind: Fault = Fault.DAMAGED


@dataclass(frozen=True, slots=True, eq=False)
class DecodedImage:
    """Pixels of one file and how they were got.

    Attributes:
        image_rgb_u8: (96, 96, 3), 0..255.
        note: Conversion in words, empty if none was needed.
    """

    image_rgb_u8: ImageU8
    note: str
