"""How many micrometres a pixel of a slide is: what the file says if plausible, else asked for."""

from dataclasses import dataclass
from typing import Final

from core.errors import SpacingError
from core.patches import SPACING_UM_PX
from core.patches.spacing import imagej_um, ome_um_px

SPACING_TOLERANCE: Final = 0.03
"""Share by which a spacing may differ from 0.97 µm/px and be judged as it is, not resampled."""
COARSEST_UM_PX: Final = 1.01
"""Many call 1.0 µm/px 10x; what is coarser than 0.97 µm/px is judged as it is."""
_PLAUSIBLE_UM_PX: Final = (0.05, 20.0)
"""Outside are the dots per inch of screens and printers, written where nothing is known."""
_FINEST_OF_SCANNERS_UM_PX: Final = 0.11
"""80x objectives give 0.12; a file that says less has its unit or its point in the wrong place."""
_SQUARE: Final = 0.02
_POWER_TIMES_SPACING: Final = 10.0
"""µm: 40x objectives give about 0.25 µm/px, 20x about 0.5."""
_POWER_TOLERANCE: Final = 0.4
_UM_PER_UNIT: Final = {"inch": 25_400.0, "centimeter": 10_000.0}


@dataclass(frozen=True)
class ClaimedSpacing:
    """What a file says of its own scale.

    Attributes:
        x_um_px: Along a row, None if it says nothing.
        y_um_px: Down a column, None likewise.
        power: Of the objective (20, 40), None likewise.
    """

    x_um_px: float | None = None
    y_um_px: float | None = None
    power: float | None = None

    def __str__(self) -> str:
        """Return it in words."""
        power = f" at {self.power:g}x" if self.power else ""
        if self.x_um_px is None or self.y_um_px is None:
            return "no spacing" + power
        text = f"{self.x_um_px:.4g} µm/px"
        if abs(self.y_um_px / self.x_um_px - 1) > _SQUARE:
            text = f"{self.x_um_px:.4g} × {self.y_um_px:.4g} µm/px"
        return text + power


def tiff_spacing(
    description: str, unit: str, dots: tuple[float | None, float | None]
) -> tuple[float | None, float | None]:
    """Return µm per pixel, x and y, by a TIFF's tags: those of resolution, OME's or ImageJ's.

    Args:
        description: The tag ImageDescription.
        unit: Of the resolution: "inch", "centimeter" or another.
        dots: Pixels per unit, x and y.
    """
    ome_spacing = ome_um_px(description)
    if all(ome_spacing):
        return ome_spacing
    um = _UM_PER_UNIT.get(unit) or imagej_um(description)
    x, y = (um / one if one and um else None for one in dots)
    return x, y


@dataclass(frozen=True)
class Spacing:
    """Micrometres per full-resolution pixel that a slide is judged with.

    Attributes:
        origin: "file" or "given".
        in_file: What the file says, in words.
    """

    um_px: float
    origin: str
    in_file: str


def settle_spacing(name: str, claimed: ClaimedSpacing, given_um_px: float | None) -> Spacing:
    """Return the spacing to judge a slide with: what was given, else what the file says.

    Args:
        name: Of the file, for messages.
        claimed: What the file says.
        given_um_px: What a person says; it holds whatever the file says.

    Raises:
        SpacingError: The file says nothing plausible and nobody else does, or the pixels are too
            coarse for the model.
    """
    um_px, origin = given_um_px, "given"
    if um_px is None:
        um_px, origin = _believed(name, claimed), "file"
    elif not _PLAUSIBLE_UM_PX[0] <= um_px <= _PLAUSIBLE_UM_PX[1]:
        raise SpacingError(
            f"Found the spacing {um_px:g} µm/px for {name}; expected about 0.25 (40x), 0.5 (20x) "
            "or 1.0 (10x).",
            "Give --um-per-px in micrometres per full-resolution pixel.",
        )
    if um_px > COARSEST_UM_PX:
        raise SpacingError(
            f"{name} has {um_px:.4g} µm/px; this model needs {SPACING_UM_PX} µm/px. Finer pixels "
            "can be made coarser, but not the other way round.",
            "Export the slide at 10x or higher, or give --um-per-px if the file is wrong.",
        )
    return Spacing(um_px, origin, str(claimed))


def _believed(name: str, claimed: ClaimedSpacing) -> float:
    x, y = claimed.x_um_px, claimed.y_um_px
    low, high = _FINEST_OF_SCANNERS_UM_PX, _PLAUSIBLE_UM_PX[1]
    if x is None or y is None:
        why = "does not state its spacing"
        if claimed.power:
            usual = _POWER_TIMES_SPACING / claimed.power
            coarse = ", too coarse for this model" * (usual > COARSEST_UM_PX)
            why = f"states only an objective of {claimed.power:g}x"
            why += f" (usually {usual:.2g} µm/px{coarse})"
    elif not (low <= x <= high and low <= y <= high):
        why = f"says {claimed}, which no slide scanner produces"
    elif abs(y / x - 1) > _SQUARE:
        why = f"says {claimed}: its pixels would not be square"
    elif claimed.power and abs(x * claimed.power / _POWER_TIMES_SPACING - 1) > _POWER_TOLERANCE:
        why = f"says {claimed}, which contradict each other"
    else:
        return (x + y) / 2
    raise SpacingError(
        f"{name} {why}.",
        "It is not guessed: give the micrometres per pixel (--um-per-px), e.g. 0.25 (40x), "
        "0.5 (20x) or 1.0 (10x).",
    )
