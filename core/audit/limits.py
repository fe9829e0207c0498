"""Where a measure becomes a finding: limits that can be moved without measuring again."""

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.errors import EvidenceError, Fault
from core.patches.tissue import FLAT_SD

PCAM_SATURATION: Final = 0.07
"""PCam's own rule for a patch without tissue: no blurred pixel reaches this saturation."""


@dataclass(frozen=True)
class QualityLimits:
    """Limits of the quality measures.

    The defaults were set on 11,990 real patches, of which each flags fewer than 1 in 1,000 (and
    those flagged are indeed glass, out of focus, black or inked), but for `low_saturation` (2 in
    1,000) and `low_tissue` (16 in 1,000): real patches of glass and fat. Of real patches blurred by
    a Gaussian of 2 px and more, all but the flat ones fall below `blur_detail_share`.

    Attributes:
        flat_sd: Below this SD of every channel a patch is one flat colour.
        blank_white_share: From this share of white pixels on a patch is blank ...
        blank_sd: ... if no channel varies more than this either.
        dark_mean: Below this mean grey level a patch is dark.
        low_saturation: Below this largest saturation a patch has no tissue by PCam's rule.
        low_tissue_share: Below this share of tissue pixels a patch has little tissue.
        blur_detail_share: Below this share of fine detail a patch is blurred ...
        blur_guard_sd: ... unless its grey levels vary less than this, or it is dark: there is
            nothing in it that could be sharp.
        ink_share: From this share of ink pixels on a patch has pen on it.
        stain_z: From this many robust SDs away from the data set's median haematoxylin or eosin
            on, a patch is extremely stained.
    """

    flat_sd: float = FLAT_SD
    blank_white_share: float = 0.98
    blank_sd: float = 1.5
    dark_mean: float = 40.0
    low_saturation: float = PCAM_SATURATION
    low_tissue_share: float = 0.05
    blur_detail_share: float = 0.36
    blur_guard_sd: float = 3.0
    ink_share: float = 0.03
    stain_z: float = 4.5

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not np.isfinite(value) or value < 0:
                raise EvidenceError(
                    f"The limit {field.name} is {value}; expected a number of 0 or more."
                )


DECIDED_BY: Final = {
    "flat": ("channel_sd", False),
    "blank": ("white_share", True),
    "dark": ("grey_mean", False),
    "low_saturation": ("saturation_max", False),
    "low_tissue": ("tissue_share", False),
    "blurred": ("detail_share", False),
    "pen": ("ink_share", True),
    "extreme_stain": ("whole_haematoxylin_mean", True),
    "grey_image": ("colour_spread", False),
}
"""The measure that a quality flag goes by, and whether a high value is what is flagged."""
FLAGS: Final = tuple(DECIDED_BY)
"""Columns of `quality_flags`."""


def quality_flags(patches: pd.DataFrame, limits: QualityLimits) -> pd.DataFrame:
    """Return one column of booleans for each of `FLAGS`, indexed like `patches`.

    An unreadable input has no flag. The stain limit is relative to the readable rows given.
    """
    readable = (patches["fault"] == Fault.NONE).to_numpy()
    column = {
        name: patches[name].to_numpy(np.float64)
        for name in patches.columns
        if patches[name].dtype.kind == "f"
    }
    flat = column["channel_sd"] < limits.flat_sd
    dark = column["grey_mean"] < limits.dark_mean
    haematoxylin = _robust_z(column["whole_haematoxylin_mean"])
    stain = np.maximum(haematoxylin, _robust_z(column["whole_eosin_mean"]))
    flags = {
        "flat": flat,
        "blank": (column["white_share"] >= limits.blank_white_share)
        & (column["channel_sd"] < limits.blank_sd),
        "dark": dark,
        "low_saturation": column["saturation_max"] < limits.low_saturation,
        "low_tissue": (column["tissue_share"] < limits.low_tissue_share) & ~dark,
        "blurred": (column["detail_share"] < limits.blur_detail_share)
        & (column["grey_sd"] >= limits.blur_guard_sd)
        & ~dark,
        "pen": (column["ink_share"] >= limits.ink_share) & ~dark,
        "extreme_stain": (stain >= limits.stain_z) & ~dark,
        "grey_image": (column["colour_spread"] == 0) & ~flat,
    }
    return pd.DataFrame({name: flags[name] & readable for name in FLAGS}, index=patches.index)


def _robust_z(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how many robust standard deviations each value is away from the median."""
    known = values[np.isfinite(values)]
    if not len(known):
        return np.zeros(len(values))
    centre = np.median(known)
    spread = 1.4826 * np.median(np.abs(known - centre))
    if spread == 0:
        return np.zeros(len(values))
    distance: NDArray[np.float64] = np.abs(values - centre) / spread
    return np.nan_to_num(distance)
