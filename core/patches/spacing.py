"""What an image says of its own pixels' size, and what is said where that contradicts the model."""

import html
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from core.patches.patch import SPACING_UM_PX

_SCREEN_OR_PRINT_UM: Final = 15.0
"""Coarser is the 72, 96, 300 or 1,200 dots per inch of a screen or a printer, and says nothing."""
_ROOM: Final = 0.15
_UM_PER_UNIT: Final[Mapping[str, float]] = MappingProxyType(
    {"nm": 0.001, "µm": 1.0, "um": 1.0, "micron": 1.0, "microns": 1.0, "mm": 1_000.0}
)
_OME: Final = re.compile(r"""PhysicalSizeX=["']([0-9.eE+-]+)""")
_OME_UNIT: Final = re.compile(r"""PhysicalSizeXUnit=["']([^"']*)""")
_APERIO: Final = re.compile(r"\bMPP\s*=\s*([0-9.]+)")
_APERIO_LENS: Final = re.compile(r"\bAppMag\s*=\s*([0-9.]+)")
_UM_PX_AT_ONE: Final = 10.0
_IMAGEJ_STACK: Final = re.compile(r"^ImageJ=.*^images=(\d+)", re.MULTILINE | re.DOTALL)
_IMAGEJ_UNIT: Final = re.compile(r"^unit=(.+)$", re.MULTILINE)


def spacing_um_px(um: float) -> float | None:
    """Return a spacing if it is one of a microscope, None if it is one of a screen or printer."""
    return um if 0 < um < _SCREEN_OR_PRINT_UM else None


def described_um_px(description: str, per_unit: float) -> float | None:
    """Return the spacing that a TIFF's description tells: OME-XML, Aperio's or ImageJ's.

    Args:
        description: The tag's text.
        per_unit: The tag of the horizontal resolution; ImageJ counts it in a unit of its own.
    """
    um = 0.0
    if ome := _OME.search(description):
        unit = _OME_UNIT.search(description)
        um = _number(ome[1]) * _um(unit[1] if unit else "µm")
    elif aperio := _APERIO.search(description):
        um = _number(aperio[1])
    elif (lens := _APERIO_LENS.search(description)) and _number(lens[1]):
        um = _UM_PX_AT_ONE / _number(lens[1])
    elif description.startswith("ImageJ=") and (unit := _IMAGEJ_UNIT.search(description)):
        um = _um(unit[1]) / per_unit if per_unit > 0 else 0.0
    return spacing_um_px(um)


def stacked(description: str) -> int:
    """Return of how many images ImageJ says that it put them behind one header, 1 without it."""
    found = _IMAGEJ_STACK.match(description)
    return int(found[1]) if found else 1


def _um(unit: str) -> float:
    plain = html.unescape(unit).strip().replace("\\u00B5", "µ").replace("\u03bc", "µ")
    return _UM_PER_UNIT.get(plain, 0.0)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def spacing_note(um: float | None) -> str:
    """Return what to say of a spacing that contradicts the model's, "" if it does not."""
    if um is None or abs(um / SPACING_UM_PX - 1) <= _ROOM:
        return ""
    return f"the file says {um:.3g} µm/px; this model judges {SPACING_UM_PX} µm/px"
