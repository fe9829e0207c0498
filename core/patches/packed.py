"""Patches in one array on disk: a .npy file (N, 96, 96, 3) uint8, read in pieces as it lies."""

import hashlib
from pathlib import Path
from typing import Final

import numpy as np

from core.errors import SourceError
from core.patches.patch import PATCH_SIZE_PX, ImageU8, Patch, PatchEntry, UnreadablePatch
from core.patches.source import PatchSource

_SHAPE: Final = (PATCH_SIZE_PX, PATCH_SIZE_PX, 3)


class PackedSource(PatchSource):
    """The rows of an array in order; the hash of a row is that of its pixels."""

    kind = "packed"

    def __init__(self, file: Path) -> None:
        """Map the file into memory.

        Raises:
            SourceError: It is no such array.
        """
        self.name = file.name
        try:
            self._images: ImageU8 = np.load(file, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError, SyntaxError) as error:
            raise SourceError(
                f"{file.name} is no readable array ({str(error)[:120]}). Write it again."
            ) from None
        if self._images.shape[1:] != _SHAPE or self._images.dtype != np.uint8:
            raise SourceError(
                f"{file.name} is {self._images.shape} {self._images.dtype}; expected "
                "(N, 96, 96, 3) uint8. Choose an array of patches."
            )
        self.entries = [
            PatchEntry(id=f"{file.stem}_{row:06d}", path=f"{file.name}/{row:06d}")
            for row in range(len(self._images))
        ]

    def read_bytes(self, index: int) -> bytes:
        """Return the row's pixels in C order, (96, 96, 3) uint8."""
        return bytes(self._images[index].tobytes())

    def read(self, index: int) -> Patch | UnreadablePatch:
        """Return the row; there is nothing to decode."""
        return self.read_many(range(index, index + 1))[0]

    def read_many(self, indices: range) -> list[Patch | UnreadablePatch]:
        """Return neighbouring rows, copied out of the file at once."""
        images = np.ascontiguousarray(self._images[indices.start : indices.stop])
        return [
            Patch(index, self.entries[index], image, hashlib.sha256(image.data).hexdigest())
            for index, image in zip(indices, images, strict=True)
        ]
