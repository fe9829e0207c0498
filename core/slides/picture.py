"""Regions in one piece: PNG and JPEG."""

import warnings
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, UnidentifiedImageError

from core.errors import PatchError, SourceError, why
from core.patches import ImageU8
from core.patches.jpeg import has_end, lost_part
from core.patches.refusals import known_kind
from core.slides.slide_file import Level, SlideFile, on_white, padded
from core.slides.spacing import ClaimedSpacing

_UM_PER_INCH: Final = 25_400.0
_FORMATS: Final = ("PNG", "JPEG", "TIFF")
"""What such a name may hold; other formats that the library knows call other programs."""
_KNOWN_MODES: Final = frozenset({"L", "LA", "RGB", "RGBA", "P", "PA"})
_CLEAR_MODES: Final = frozenset({"LA", "RGBA", "PA"})
_HEAD_BYTES: Final = 256
_BAND_ROWS: Final = 512
_ORIENTATION: Final = 274
TURNED: Final = "its rows are stored rotated or mirrored (orientation {})"
"""Programs that show outlines over a region differ in whether they turn it."""
_DAMAGED: Final = (OSError, SyntaxError, ValueError, PatchError)


class FlatPicture(SlideFile):
    """A PNG or JPEG region, decoded whole: neither format can be entered in the middle."""

    def __init__(self, path: Path) -> None:
        """Decode the file.

        Raises:
            SourceError: It is no picture, damaged or too large to hold.
        """
        self.path = path
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of sizes and metadata; what fails is an error
                picture = Image.open(path, formats=_FORMATS)
                with picture:
                    self._image_rgb_u8 = self._decoded(picture)
        except UnidentifiedImageError:  # its words would tell where the file lies
            with path.open("rb") as file:
                kind = known_kind(file.read(_HEAD_BYTES))
            raise SourceError(
                f"{path.name} is {kind or 'not a picture, despite its name'}. Expected a scanned "
                "slide, a TIFF, PNG or JPEG; "
                + ("export it as one." if kind else "check the file.")
            ) from None
        except Image.DecompressionBombError:
            most = 2 * (Image.MAX_IMAGE_PIXELS or 0)
            raise SourceError(
                f"{path.name} has more than {most:,} pixels, the most of a PNG or JPEG, which must "
                "be held whole. Save it as a tiled TIFF (8-bit RGB), which is read in parts."
            ) from None
        except _DAMAGED as error:
            raise SourceError(
                f"{path.name} cannot be read as a region of a slide ({why(error)}). Copy it again, "
                "or save it as a tiled TIFF (8-bit RGB)."
            ) from None
        height, width = self._image_rgb_u8.shape[:2]
        self.levels = (Level(width, height, 1.0),)
        dots = picture.info.get("dpi", (0, 0))
        known = all(dots)
        self.claimed = ClaimedSpacing(
            *((_UM_PER_INCH / float(dots[0]), _UM_PER_INCH / float(dots[1])) if known else ())
        )

    def _decoded(self, picture: Image.Image) -> ImageU8:
        self.format, path = picture.format or "picture", self.path
        if picture.mode not in _KNOWN_MODES:
            raise ValueError(f"found {picture.mode} pixels; expected 8-bit colours")
        if self.format == "JPEG":
            data = path.read_bytes()
            if not has_end(data):
                raise ValueError("its end is missing, so part of it would be grey")
            if lost := lost_part(data):
                raise ValueError(lost)
        elif self.format == "PNG":
            # Refuses a part that is not as it was written; not every decoder looks.
            with Image.open(path, formats=("PNG",)) as checked:
                checked.verify()
        if (images := getattr(picture, "n_frames", 1)) > 1:
            raise ValueError(f"it contains {images} images; expected one")
        if (turned := picture.getexif().get(_ORIENTATION, 1)) != 1:
            raise ValueError(TURNED.format(turned))
        clear = picture.mode in _CLEAR_MODES or "transparency" in picture.info
        pixels = np.empty((picture.height, picture.width, 3), np.uint8)
        for top in range(0, picture.height, _BAND_ROWS):  # whole, there would be several copies
            band = picture.crop((0, top, picture.width, min(top + _BAND_ROWS, picture.height)))
            shown = np.asarray(band.convert("RGBA" if clear else "RGB"))
            pixels[top : top + _BAND_ROWS] = on_white(shown) if clear else shown
        return pixels

    def read(self, level: int, x: int, y: int, width: int, height: int) -> ImageU8:
        """Return pixels; there is one level."""
        del level
        left, top = max(x, 0), max(y, 0)
        part = self._image_rgb_u8[top : max(y + height, 0), left : max(x + width, 0)]
        return padded(part, left - x, top - y, width, height)
