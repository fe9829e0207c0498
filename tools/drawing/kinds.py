from enum import StrEnum


class TumourPlace(StrEnum):
    """Where the tumour pixels of a drawn patch lie, relative to its centre 32 x 32."""

    CENTRE = "centre"
    RING = "ring"
    BOTH = "both"
    NONE = "none"


class TissueKind(StrEnum):
    """What dominates the part of a drawing that is not tumour."""

    LYMPHOCYTES = "lymphocytes"
    GERMINAL_CENTRE = "germinal_centre"
    STROMA = "stroma"
    FAT = "fat"
    BLOOD = "blood"
    BLANK = "blank"
