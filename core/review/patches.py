"""The patches of opened cases, kept beside the record by their hashes; a patch under its map."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from core.errors import ReviewError, StoreError
from core.files import replacing
from core.patches import ImageU8, decode_patch
from core.review.events import MapShown

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_AROUND: Final = ".around.jpg"


class PatchFolder:
    """Files named by the SHA-256 of their bytes; each is written once."""

    def __init__(self, folder: Path) -> None:
        """Keep them below `folder`, which is made at need."""
        self.folder = folder

    def keep(self, data: bytes, *, sha256: str) -> None:
        """Keep the bytes of a patch.

        Raises:
            ReviewError: They are not the bytes that were scored.
        """
        digest = hashlib.sha256(data).hexdigest()
        if digest != sha256:
            raise ReviewError(
                f"A patch has SHA-256 {digest[:12]}…; the one that was scored has {sha256[:12]}…. "
                "The file has changed since then. Re-score the batch."
            )
        path = self._path(sha256)
        if path.exists():
            return
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with replacing(path) as temporary:
            temporary.write_bytes(data)

    def image(self, sha256: str) -> ImageU8:
        """Return a patch (96, 96, 3), its bytes checked against the hash.

        Raises:
            StoreError: It is not here, or its bytes have changed.
        """
        try:
            data = self._path(sha256).read_bytes()
        except OSError:
            raise StoreError(
                f"The patch {sha256[:12]}… is not among the kept patches. Restore the folder "
                f"{self.folder.name} from a backup."
            ) from None
        if hashlib.sha256(data).hexdigest() != sha256:
            raise StoreError(
                f"The kept patch {sha256[:12]}… has changed on disk. Restore it from a backup."
            )
        return decode_patch(data).image_rgb_u8

    def keep_around(self, image_rgb_u8: ImageU8, *, sha256: str) -> None:
        """Keep what lies around a patch of a slide, (H, W, 3) with the patch in the middle."""
        path = self._path(sha256).with_suffix(_AROUND)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with replacing(path) as temporary:
            Image.fromarray(image_rgb_u8).save(temporary, "JPEG", quality=92)

    def has_around(self, sha256: str) -> bool:
        """Whether it is known what lies around a patch."""
        return self._path(sha256).with_suffix(_AROUND).is_file()

    def around(self, sha256: str) -> ImageU8 | None:
        """Return what lies around a patch, None if that is not known. It is to look at only."""
        try:
            with Image.open(self._path(sha256).with_suffix(_AROUND)) as picture:
                surroundings: ImageU8 = np.asarray(picture.convert("RGB"))
        except OSError:
            return None
        return surroundings

    def _path(self, sha256: str) -> Path:
        if not _SHA256.fullmatch(sha256):
            raise ReviewError(f"{sha256[:20]!r} is not a SHA-256.")
        return self.folder / sha256[:2] / sha256


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
