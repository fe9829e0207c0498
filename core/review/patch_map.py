"""The map of a reviewed patch; `core.review.maps` makes it."""

from dataclasses import dataclass

from core.patches import ImageU8
from core.review.events import MapShown


@dataclass(frozen=True, eq=False)
class PatchMap:
    """A map as it is drawn.

    Attributes:
        shown: Whose it is and how it was made, as it goes on the record.
        picture_rgb_u8: (96 z, 96 z, 3) the patch under its map, enlarged by a whole factor z.
        sentences: How far it can be trusted, and what it says.
    """

    shown: MapShown
    picture_rgb_u8: ImageU8
    sentences: tuple[str, ...]
