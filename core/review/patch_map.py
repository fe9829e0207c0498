"""What may be shown of a map of a reviewed patch; `core.review.maps` makes it."""

from dataclasses import dataclass
from typing import Final

from core.patches import ImageU8
from core.review.events import MapShown

UNRELIABLE: Final = "No reliable explanation"


@dataclass(frozen=True, eq=False)
class PatchMap:
    """What may be shown of a map.

    Attributes:
        shown: Whose it is and how it was made, as it goes on the record.
        picture_rgb_u8: (96, 96, 3) the patch under its map; None if the map explains nothing.
        sentences: What it says, or why it is not drawn.
    """

    shown: MapShown
    picture_rgb_u8: ImageU8 | None
    sentences: tuple[str, ...]
