"""What an image says of its own pixels' size, and what is said where that contradicts the model.

Patches and slides ask here what OME's XML and ImageJ write into the description of a TIFF.
"""

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
_OME: Final = re.compile(r"""\bPhysicalSize([XY](?:Unit)?)=["']([^"']*)""")
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
    if "PhysicalSizeX=" in description:
        um = ome_um_px(description)[0]
    elif aperio := _APERIO.search(description):
        um = _number(aperio[1])
    elif (lens := _APERIO_LENS.search(description)) and _number(lens[1]):
        um = _UM_PX_AT_ONE / _number(lens[1])
    elif per_unit > 0:
        um = imagej_um(description) / per_unit
    return spacing_um_px(um)


def ome_um_px(description: str) -> tuple[float, float]:
    """Return the spacing along a row and down a column that OME's XML tells, 0 where it does not.

    QuPath and Bio-Formats write it into the description of a TIFF.
    """
    attributes: dict[str, str] = {}
    for name, text in _OME.findall(description):
        attributes.setdefault(name, text)  # of several pictures the first
    x, y = (_number(attributes.get(a, "")) * _um(attributes.get(f"{a}Unit", "µm")) for a in "XY")
    return x, y


def imagej_um(description: str) -> float:
    """Return the unit in which ImageJ counts a TIFF's resolution, 0 where it names none."""
    unit = _IMAGEJ_UNIT.search(description) if description.startswith("ImageJ=") else None
    return _um(unit[1]) if unit else 0.0


def stacked(description: str) -> int:
    """Return of how many images ImageJ says that it put them behind one header, 1 without it."""
    match = _IMAGEJ_STACK.match(description)
    return int(match[1]) if match else 1


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
    return f"the file says {um:.3g} µm/px; this model needs {SPACING_UM_PX} µm/px"
