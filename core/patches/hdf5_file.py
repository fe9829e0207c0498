"""One HDF5 file, in the process that may crash: rows out of its chunks, unpacked within bounds.

The library trusts what a chunk unpacks to. A chunk that is shorter than its size makes it read on
behind its buffer, so other data of the process become pixels; here every chunk is unpacked by
zlib into exactly its size, or refused.
"""

import contextlib
import math
import re
import zlib
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray

from core.errors import PatchError, SourceError, why
from core.patches.patch import PATCH_SIZE_PX, ImageU8
from core.tables import plain_text

_DEFLATE, _SHUFFLE, _FLETCHER32, _LZF = 1, 2, 3, 32000
_MOST_CHUNK_BYTES: Final = 64 * 1024 * 1024
_MOST_ROWS: Final = 1_000_000
_MOST_RATIO: Final = 1_100
"""Deflate packs 1,032 to 1 at most; a file that holds less than that says more than it has."""
_LONGEST: Final = 200
"""Of names of datasets in a sentence."""
_FILTERS: Final = {
    5: "N-bit packing",
    6: "scale and offset",
    _LZF: "LZF",
    32001: "Blosc",
    32004: "LZ4",
    32015: "Zstandard",
    4: "SZIP",
}
_NO_CHANGE: Final = {"scale_factor": (1, 1 / 255), "add_offset": (0,)}
"""Of the attributes by which CF turns bytes into values; a 255th makes 0 to 1 of 0 to 255."""
_PRIMARIES: Final = frozenset({"r", "g", "b", "red", "green", "blue"})
_OTHER_COLOURS: Final = frozenset({
    "bgr", "brg", "gbr", "grb", "rbg", "bgra", "abgr", "argb", "yuv", "ycbcr", "ycrcb", "cmy",
    "cmyk", "hsv", "hsl", "hls", "hed", "cielab",
})  # fmt: skip
_OF_CHANNELS: Final = re.compile("chan|colo|order|photometric")
_PIXELS: Final = (PATCH_SIZE_PX, PATCH_SIZE_PX, 3)


class Hdf5File:
    """A file with one dataset of patches (N, 96, 96, 3) uint8 and perhaps their labels."""

    def __init__(self, path: Path, name: str) -> None:
        """Open a file and check its dataset.

        Args:
            path: The file.
            name: Of the dataset; "" where only labels are wanted.

        Raises:
            SourceError: It is no HDF5 file, has no such dataset, or points outside itself.
        """
        self._shown = path.name
        try:
            self._file = h5py.File(path, "r")
        except OSError as error:
            raise SourceError(
                f"{path.name} is not a readable HDF5 file ({why(error)}). Download it again."
            ) from None
        self.rows = 0
        if name:
            self._images = self._own_dataset(name)
            shape = tuple(self._images.shape)
            if shape[1:] != _PIXELS or self._images.dtype != np.uint8:
                raise SourceError(
                    f"Dataset '{name}' of {path.name} is {shape} {self._images.dtype}; expected "
                    "(N, 96, 96, 3) uint8 as in PatchCamelyon. Choose a file of patches, or write "
                    "them so: bytes from 0 to 255, red, green, blue last."
                )
            self._check_layout(self._images)
            self._check_meaning(self._file, self._images)
            self.rows = int(shape[0])

    def images(self, start: int, stop: int) -> ImageU8:
        """Return some patches (stop - start, 96, 96, 3).

        Raises:
            PatchError: A chunk is missing or damaged.
        """
        return self._read(self._images, start, stop)

    def labels(self, name: str) -> list[int] | None:
        """Return a dataset of labels, None if there is none of this name.

        Raises:
            SourceError: It holds others than 0 and 1, or is damaged.
        """
        if not name or name not in self._file:
            return None
        dataset = self._own_dataset(name)
        shape = tuple(dataset.shape)
        names = h5py.check_enum_dtype(dataset.dtype)  # which need not mean what the numbers would
        numbers = dataset.dtype.kind in "iubf" and dataset.dtype.itemsize <= 8 and names is None
        if not numbers or not shape or prod(shape) != shape[0]:
            kind = dataset.dtype if names is None else f"of named values {names}"[:_LONGEST]
            raise SourceError(
                f"Dataset '{name}' of {self._shown} is {shape} {kind}; expected labels, "
                "one number for each patch: 1 with tumour in its centre, 0 without. Write it so."
            )
        self._check_layout(dataset)
        try:
            values = self._read(dataset, 0, dataset.shape[0]).reshape(-1)
        except PatchError as error:
            raise SourceError(f"Dataset '{name}' of {self._shown}: {error}") from None
        if not np.isin(values, (0, 1)).all():
            strange = values[~np.isin(values, (0, 1))]
            raise SourceError(
                f"{self._shown} has labels other than 0 and 1 ({len(strange):,}, first "
                f"{strange[0]:g}); expected 1 with tumour in the centre, 0 without. Correct them."
            )
        return [int(value) for value in values]

    def others(self, *known: str) -> list[str]:
        """Return the names of what the file holds beside some datasets."""
        return sorted(set(self._file) - set(known))

    def _own_dataset(self, name: str) -> h5py.Dataset:
        """A dataset stored in the file itself.

        HDF5 can point to other files (external links, external storage, virtual datasets); a
        foreign file must not be able to read others through us.
        """
        link = self._file.get(name, getlink=True) if name in self._file else None
        if link is not None and not isinstance(link, h5py.HardLink):
            raise SourceError(
                f"{self._shown} has a link for a dataset; expected '{name}' itself. Copy what it "
                "leads to into the file."
            )
        if link is None or not isinstance(self._file[name], h5py.Dataset):
            raise SourceError(
                f"{self._shown} has the datasets {str(sorted(self._file))[:_LONGEST]}; expected "
                f"'{name}' as in PatchCamelyon. Choose another file, or rename the dataset."
            )
        dataset = self._file[name]
        if dataset.external or dataset.is_virtual:
            raise SourceError(
                f"Dataset '{name}' of {self._shown} is in a different file. Copy the data into one "
                "file."
            )
        return dataset

    def _check_layout(self, dataset: h5py.Dataset) -> None:
        """Refuse what would take memory or time without end before any of it is read."""
        name, whole = dataset.name.strip("/"), dataset.nbytes
        stored = dataset.id.get_storage_size()
        if dataset.shape[0] > _MOST_ROWS or whole > stored * _MOST_RATIO:
            raise SourceError(
                f"Dataset '{name}' of {self._shown} has {dataset.shape[0]:,} rows and "
                f"{stored:,} stored bytes; expected at most {_MOST_ROWS:,} rows, all of them "
                "stored. Copy the file again."
            )
        if dataset.chunks is None:
            if stored != whole:
                raise SourceError(
                    f"Dataset '{name}' of {self._shown} is cut off. Download the file again."
                )
            return
        if prod(dataset.chunks) * dataset.dtype.itemsize > _MOST_CHUNK_BYTES:
            raise SourceError(
                f"Dataset '{name}' of {self._shown} is stored in pieces of "
                f"{prod(dataset.chunks) * dataset.dtype.itemsize / 2**20:,.0f} MiB; at most "
                f"{_MOST_CHUNK_BYTES // 2**20} MiB are read. Write it in smaller chunks."
            )
        foreign = [code for code in _filters(dataset) if code > _FLETCHER32]
        if foreign:
            raise SourceError(
                f"Dataset '{name}' of {self._shown} is compressed with "
                f"{_FILTERS.get(foreign[0], f'filter {foreign[0]}')}, which cannot be read here. "
                "Write it with gzip or without compression."
            )

    def _check_meaning(self, *holders: h5py.HLObject) -> None:
        """Refuse bytes of which an attribute says that they are other than red, green and blue."""
        for name, text in (pair for holder in holders for pair in _attributes(holder)):
            if _tells_other_colours(name, text) or not _changes_nothing(name, text):
                raise SourceError(
                    f"Attribute '{plain_text(name)[:_LONGEST]}' of {self._shown} is "
                    f"'{plain_text(text)[:_LONGEST]}'; expected bytes from 0 to 255, red, green, "
                    "blue last. Write the patches so, and leave the attribute out."
                )

    def _read(self, dataset: h5py.Dataset, start: int, stop: int) -> NDArray[Any]:
        if dataset.chunks is None:
            return np.asarray(dataset[start:stop])
        rows = np.empty((stop - start, *dataset.shape[1:]), dataset.dtype)
        wanted = (slice(start, stop), *(slice(0, size) for size in dataset.shape[1:]))
        for piece in dataset.iter_chunks(wanted) if rows.size else ():
            offset = tuple(
                part.start // size * size for part, size in zip(piece, dataset.chunks, strict=True)
            )
            within = tuple(
                slice(part.start - begin, part.stop - begin)
                for part, begin in zip(piece, offset, strict=True)
            )
            place = slice(piece[0].start - start, piece[0].stop - start)
            rows[place, *piece[1:]] = self._chunk(dataset, offset)[within]
        return rows

    def _chunk(self, dataset: h5py.Dataset, offset: tuple[int, ...]) -> NDArray[Any]:
        """One chunk, unpacked into exactly its size."""
        expected = prod(dataset.chunks) * dataset.dtype.itemsize
        try:
            written = dataset.id.get_chunk_info_by_coord(offset).byte_offset is not None
            skipped, data = dataset.id.read_direct_chunk(offset) if written else (0, b"")
        except (OSError, RuntimeError, ValueError, KeyError) as error:
            raise _damaged(offset[0], str(error)) from None
        if not written:
            raise PatchError(
                f"The HDF5 file has no values near row {offset[0]}: none were ever written. "
                "Leave these rows out."
            )
        filters = _filters(dataset)
        for place in range(len(filters) - 1, -1, -1):
            if skipped & (1 << place):
                continue
            if filters[place] == _FLETCHER32:
                data = data[:-4]
            elif filters[place] == _SHUFFLE:
                size = dataset.dtype.itemsize
                if len(data) % size:
                    raise _damaged(offset[0], "it is cut off")
                data = np.frombuffer(data, np.uint8).reshape(size, -1).T.tobytes()
            else:
                data = _inflated(data, expected, offset[0])
        if len(data) != expected:
            raise _damaged(offset[0], f"it contains {len(data):,} bytes instead of {expected:,}")
        return np.frombuffer(data, dataset.dtype).reshape(dataset.chunks)


def _attributes(holder: h5py.HLObject) -> Iterator[tuple[str, str]]:
    """Names and texts of attributes, as far as they can be read."""
    for name in holder.attrs:
        values: list[object] = []
        with contextlib.suppress(Exception):
            values = np.ravel(holder.attrs[name]).tolist()
        texts = (
            one.decode("utf-8", "replace") if isinstance(one, bytes) else one for one in values
        )
        yield name, " ".join(map(str, texts))


def _tells_other_colours(name: str, text: str) -> bool:
    """Return whether an attribute names other channels; prose may speak of any colours."""
    words = re.findall(r"[a-z]+", text.lower())
    if not (_OF_CHANNELS.search(name.lower()) or {*words} <= _PRIMARIES | _OTHER_COLOURS):
        return False
    order = "".join(word[0] for word in words if word in _PRIMARIES)
    other = bool(_OTHER_COLOURS & {*words}) and "rgb" not in words
    return other or (len(order) == 3 and order != "rgb")


def _changes_nothing(name: str, text: str) -> bool:
    if name.lower() not in _NO_CHANGE:
        return True
    with contextlib.suppress(ValueError):
        return any(math.isclose(float(text), one, rel_tol=1e-3) for one in _NO_CHANGE[name.lower()])
    return False


def _filters(dataset: h5py.Dataset) -> list[int]:
    pipeline = dataset.id.get_create_plist()
    return [int(pipeline.get_filter(place)[0]) for place in range(pipeline.get_nfilters())]


def _inflated(data: bytes, expected: int, row: int) -> bytes:
    """At most a checksum more than the chunk: what comes behind that is never unpacked."""
    unpacker = zlib.decompressobj()
    try:
        content = unpacker.decompress(data, expected + 5)
    except zlib.error as error:
        raise _damaged(row, str(error)) from None
    if not unpacker.eof:
        raise _damaged(row, "it unpacks to a different size")
    return content


def _damaged(row: int, detail: str) -> PatchError:
    return PatchError(f"The HDF5 file is damaged near row {row} ({detail[:120]}). Copy it again.")
