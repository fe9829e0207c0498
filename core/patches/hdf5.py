"""Patches in PCam's HDF5 files: datasets `x` (N, 96, 96, 3) uint8 and, beside them, `y`."""

import hashlib
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import h5py
import numpy as np

from core.errors import PatchError, SourceError
from core.patches.patch import PATCH_SIZE_PX, ImageU8, Patch, PatchEntry, UnreadablePatch
from core.patches.source import PatchSource

_BLOCK: Final = 256


class Hdf5Source(PatchSource):
    """The rows of one PCam file in order; the hash of a row is that of its pixels."""

    kind = "hdf5"

    def __init__(
        self,
        file: Path,
        *,
        labels: Sequence[int] | None = None,
        slides: Sequence[str] | None = None,
        split: str | None = None,
    ) -> None:
        """Open the file and check its dataset `x`.

        Raises:
            SourceError: It is no HDF5 file, has no such dataset, or points outside itself.
        """
        self.name = file.name
        self._lock = threading.Lock()
        self._block_start = -1
        self._block: ImageU8 = np.empty((0, PATCH_SIZE_PX, PATCH_SIZE_PX, 3), np.uint8)
        self._file = open_hdf5(file)
        try:
            self._images = own_dataset(self._file, "x", file.name)
            shape = tuple(self._images.shape)
            if shape[1:] != (PATCH_SIZE_PX, PATCH_SIZE_PX, 3) or self._images.dtype != np.uint8:
                raise SourceError(
                    f"Dataset 'x' of {file.name} is {shape} {self._images.dtype}; expected "
                    "(N, 96, 96, 3) uint8 as in PatchCamelyon. Choose a file of patches."
                )
            for what, given in (("labels", labels), ("slides", slides)):
                if given is not None and len(given) != shape[0]:
                    raise SourceError(
                        f"{file.name} has {shape[0]} patches but {len(given)} {what}. "
                        "Check that the files belong together."
                    )
        except SourceError:
            self._file.close()
            raise
        self.entries = [
            PatchEntry(
                id=f"{file.stem}_{row:06d}",
                path=f"{file.name}/{row:06d}",
                label=None if labels is None else int(labels[row]),
                slide=None if slides is None else str(slides[row]),
                split=split,
            )
            for row in range(shape[0])
        ]

    def read_bytes(self, index: int) -> bytes:
        """Return the row's pixels in C order, (96, 96, 3) uint8."""
        return self._row(index).tobytes()

    def read(self, index: int) -> Patch | UnreadablePatch:
        """Return the row; there is nothing to decode."""
        entry = self.entries[index]
        try:
            image = self._row(index)
        except PatchError as error:
            return UnreadablePatch(index, entry, str(error), kind=error.kind)
        return Patch(index, entry, image, hashlib.sha256(image.tobytes()).hexdigest())

    def _row(self, index: int) -> ImageU8:
        start = index - index % _BLOCK
        with self._lock:  # h5py handles are not to be shared between threads
            if start != self._block_start:
                try:
                    self._block = self._images[start : start + _BLOCK]
                except (OSError, RuntimeError, ValueError) as error:
                    raise PatchError(
                        f"The HDF5 file is damaged near row {index} ({error}). Copy it again."
                    ) from None
                self._block_start = start
            image: ImageU8 = self._block[index - start].copy()
        return image

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def open_hdf5(file: Path) -> h5py.File:
    """Return an HDF5 file opened for reading.

    Raises:
        SourceError: It is not HDF5, or still compressed.
    """
    with file.open("rb") as raw:
        magic = raw.read(8)
    if magic[:2] == b"\x1f\x8b":
        raise SourceError(f"{file.name} is still gzip-compressed. Unpack it (gunzip) first.")
    try:
        return h5py.File(file, "r")
    except OSError as error:
        raise SourceError(
            f"{file.name} is not a readable HDF5 file ({str(error)[:120]}). Download it again."
        ) from None


def own_dataset(file: h5py.File, name: str, shown: str) -> h5py.Dataset:
    """Return a dataset stored in the file itself.

    HDF5 can point to other files (external links, external storage, virtual datasets); a foreign
    file must not be able to read others through us.

    Raises:
        SourceError: It is missing, no dataset, or points elsewhere.
    """
    link = file.get(name, getlink=True) if name in file else None
    if not isinstance(link, h5py.HardLink) or not isinstance(file[name], h5py.Dataset):
        raise SourceError(
            f"{shown} has the datasets {sorted(file)}; expected '{name}' as in PatchCamelyon."
        )
    dataset = file[name]
    if dataset.external or dataset.is_virtual:
        raise SourceError(
            f"Dataset '{name}' of {shown} lies in another file. Copy the data into one file."
        )
    return dataset
