"""The words of an audit: measures, flags, severities, relations, steps."""

from typing import Final

import pandas as pd

from core.audit import Severity

SEVERITIES: Final = {
    Severity.ERROR: ("✖", "Error", "bad"),
    Severity.WARNING: ("▲", "Warning", "warn"),
    Severity.NOTE: ("●", "Note", "quiet"),
}
STEPS: Final = {
    "measure": "Reading and measuring patches",
    "relations": "Looking for duplicates and overlaps",
    "splits": "Checking the splits for leaks",
    "statistics": "Comparing classes and slides",
    "probes": "Training trivial models",
    "embedding": "Drawing the map of patches",
    "labels": "Looking for doubtful labels",
    "report": "Writing the report",
}
FLAGS: Final = {
    "flat": "one flat colour",
    "blank": "blank glass",
    "dark": "dark",
    "low_saturation": "no tissue by PCam's rule",
    "low_tissue": "little tissue",
    "blurred": "blurred",
    "pen": "pen or ink",
    "extreme_stain": "extreme stain",
    "grey_image": "grey image",
}
KINDS: Final = {
    "same-bytes": "same file",
    "same-pixels": "same pixels",
    "same-under-orientation": "same, turned or mirrored",
    "near": "nearly the same",
    "overlap": "overlapping crops",
}
_QUALITY: Final = {
    "grey_mean": "brightness",
    "grey_sd": "contrast of grey levels",
    "channel_sd": "contrast of the strongest channel",
    "white_share": "share of white",
    "black_share": "share of black",
    "tissue_share": "share of tissue",
    "saturation_max": "highest saturation",
    "laplacian_rms": "strength of edges",
    "detail_share": "fine detail",
    "ink_share": "share of ink",
    "colour_spread": "colourfulness",
}
_UNITS: Final = {
    "red": "0–255",
    "green": "0–255",
    "blue": "0–255",
    "hue": "degrees",
    "saturation": "0–1",
    "value": "0–1",
    "haematoxylin": "optical density",
    "eosin": "optical density",
}
_MOMENTS: Final = {"mean": "mean", "sd": "SD"}


def measure_text(name: str) -> str:
    """Return a measure in words, "haematoxylin of the centre, mean"."""
    if name in _QUALITY:
        return _QUALITY[name]
    region, channel, moment = name.split("_")
    place = "the whole patch" if region == "whole" else f"the {region}"
    return f"{channel} of {place}, {_MOMENTS[moment]}"


def unit_text(name: str) -> str:
    """Return the unit of a measure."""
    if name not in _QUALITY:
        return _UNITS[name.split("_")[1]]
    if name.endswith("_share") or name == "saturation_max":
        return "0–1"
    return "grey levels, 0–255"


def flags_text(joined: str) -> str:
    """Return quality flags in words."""
    return ", ".join(FLAGS[name] for name in joined.split(", ") if name)


def label_text(label: float | None) -> str:
    """Return a label with a sign, so that it does not rest on colour."""
    if label is None or pd.isna(label):
        return "? no label"
    return "▲ tumour" if label == 1 else "▽ no tumour"


def orientation_text(orientation: int, shift_x_px: int, shift_y_px: int) -> str:
    """Return how the second of two patches lies on the first."""
    words = []
    if orientation >= 4:
        words.append("mirrored")
    if orientation % 4:
        words.append(f"turned {90 * (orientation % 4)}°")
    for shift, ahead, back in (
        (shift_x_px, "right", "left"),
        (shift_y_px, "down", "up"),
    ):
        if shift:
            words.append(f"{abs(shift)} px {ahead if shift > 0 else back}")
    return ", ".join(words) or "in place"
