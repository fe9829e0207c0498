"""Patches in PCam's HDF5 files: datasets `x` (N, 96, 96, 3) uint8 and, beside them, `y`.

The files are read by a process of their own, because the library crashes on damaged ones.
"""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from core.errors import PatchError, SourceError, why
from core.patches.naming import shown_path
from core.patches.patch import PATCH_SIZE_PX, ImageU8, Patch, PatchEntry, UnreadablePatch
from core.patches.reader import HDF5_S, Reader, ReaderEndedError
from core.patches.source import PatchSource, patch_of_pixels

HDF5_SUFFIXES: Final = frozenset({".h5", ".hdf5"})
_BLOCK: Final = 256
_LONGEST: Final = 200
"""Of names of datasets in a note."""
_PIXELS: Final = (PATCH_SIZE_PX, PATCH_SIZE_PX, 3)


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

        Args:
            file: The file.
            labels: Of the patches; None takes the dataset `y` of the file itself, if there is one.
            slides: Of the patches, where known.
            split: Of all of them, where known.

        Raises:
            SourceError: It is no HDF5 file, has no such dataset, or points outside itself.
        """
        self.name = file.name
        self._lock = threading.Lock()
        self._block_start = -1
        self._block: ImageU8 = np.empty((0, *_PIXELS), np.uint8)
        self._reader = Reader()
        try:
            reply = _open(self._reader, file, images="x", wanted="y")
            self._rows, own = int(reply["rows"]), reply["labels"]
            if labels is not None and own is not None and list(labels) != list(own):
                raise SourceError(
                    f"The labels in {file.name} differ from those in the file beside it. Remove "
                    "one of the two."
                )
            if own is None and labels is None and reply["others"]:
                self.notes = (
                    f"{file.name}: {shown_path(', '.join(reply['others']))[:_LONGEST]} not read; "
                    "labels are read from the dataset y, as in PatchCamelyon.",
                )
            labels = own if labels is None else labels
            for what, given in (("labels", labels), ("slides", slides)):
                if given is not None and len(given) != self._rows:
                    raise SourceError(
                        f"{file.name} has {self._rows} patches but {len(given)} {what}. "
                        "Check that the files belong together."
                    )
        except SourceError:
            self._reader.close()
            raise
        self.entries = [
            PatchEntry(
                id=f"{file.stem}_{row:06d}",
                path=f"{file.name}/{row:06d}",
                label=None if labels is None else int(labels[row]),
                slide=(slides[row] or None) if slides is not None else None,
                split=split,
            )
            for row in range(self._rows)
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
        return patch_of_pixels(index, entry, image)

    def _row(self, index: int) -> ImageU8:
        start = index - index % _BLOCK
        with self._lock:
            if start != self._block_start:
                try:
                    self._block = self._read_rows(start, min(start + _BLOCK, self._rows))
                except PatchError:  # one bad chunk is not to cost its neighbours
                    alone: ImageU8 = self._read_rows(index, index + 1)[0]
                    return alone
                self._block_start = start
            image: ImageU8 = self._block[index - start].copy()
        return image

    def _read_rows(self, start: int, stop: int) -> ImageU8:
        try:
            _, pixels = self._reader.ask("rows", seconds=HDF5_S, start=start, stop=stop)
        except (ReaderEndedError, SourceError):
            raise PatchError(
                f"The HDF5 file is damaged near row {start} and could not be read. Copy it again."
            ) from None
        return np.frombuffer(pixels, np.uint8).reshape(stop - start, *_PIXELS).copy()

    def close(self) -> None:
        """Close the file."""
        self._reader.close()


def read_labels(file: Path) -> list[int]:
    """Return the labels in the dataset `y` of an HDF5 file.

    Raises:
        SourceError: It is no HDF5 file, has no such dataset, or holds others than 0 and 1.
    """
    reader = Reader()
    try:
        labels = _open(reader, file, images="", wanted="y")["labels"]
    finally:
        reader.close()
    if labels is None:
        raise SourceError(
            f"{file.name} has no dataset 'y'; expected the labels of the file beside it, as in "
            "PatchCamelyon. Exchange the two if their names are swapped, or move this one away."
        )
    return [int(label) for label in labels]


def _open(reader: Reader, file: Path, *, images: str, wanted: str) -> dict[str, Any]:
    require_unpacked(file)
    try:
        reply, _ = reader.ask(
            "open", seconds=HDF5_S, path=str(file.absolute()), images=images, wanted=wanted
        )
    except ReaderEndedError:
        raise SourceError(
            f"{file.name} is too badly damaged to be read. Download it again."
        ) from None
    except PatchError as error:
        raise SourceError(f"{file.name} is not a readable HDF5 file: {error}") from None
    return reply


def require_unpacked(file: Path) -> None:
    """Raise if a file is still compressed as a whole.

    Raises:
        SourceError: It is, or cannot be read.
    """
    try:
        with file.open("rb") as raw:
            magic = raw.read(2)
    except OSError as error:
        raise SourceError(f"{file.name} cannot be read ({why(error)}).") from None
    if magic == b"\x1f\x8b":
        raise SourceError(f"{file.name} is still gzip-compressed. Unpack it (gunzip) first.")
