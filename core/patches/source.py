"""One interface for every place that patches come from, and the stream that reads them in order."""

import hashlib
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from itertools import accumulate
from typing import Final, TypeVar

from core.errors import PatchError, SourceError
from core.patches.patch import ImageU8, Patch, PatchEntry, UnreadablePatch
from core.patches.reader import READERS, read_image
from core.patches.tiff import check_zeros
from core.patches.tissue import pixel_note
from core.tables import Table

_Input = TypeVar("_Input")
_Result = TypeVar("_Result")

READ_AHEAD: Final = 512
"""Patches decoded ahead of the consumer at most; bounds the memory to about 15 MB."""
MAX_TABLE_BYTES: Final = 64 * 1024 * 1024
"""Of a table among patches."""
_SAMPLE: Final = 256
"""Inputs whose contents stand for all where reading all of them would cost too much."""


class PatchSource(ABC):
    """An ordered, finite collection of inputs, each of which becomes a patch or a reason.

    Attributes:
        name: What to call the source on screen and in records, without its folder.
        kind: "folder", "zip", "hdf5", "packed", "csv", "files", "kaggle" or "pcam".
        entries: The inputs in their order.
        notes: What was mended or left out in its tables, each with its number.
        tables_read: The tables that it was opened by, and those beside its patches.
        coverage: How many inputs each table beside the patches labels, where that is not all,
            and of which ids there is none.
        refused_tables: Why tables of labels beside the patches cannot be used, in sentences that
            are among the notes as well.
        unused_tables: The same of all tables among the patches that are not used as labels.
        contradictions: What its tables say in two ways, in sentences; nothing may be trained on
            or judged by such labels.
    """

    name: str
    kind: str
    entries: Sequence[PatchEntry]
    notes: tuple[str, ...] = ()
    tables_read: tuple[Table, ...] = ()
    coverage: tuple[str, ...] = ()
    refused_tables: tuple[str, ...] = ()
    unused_tables: tuple[str, ...] = ()
    contradictions: tuple[str, ...] = ()

    @property
    def remarks(self) -> tuple[str, ...]:
        """All that a reader is told of its tables."""
        return (*self.notes, *self.coverage)

    @abstractmethod
    def read_bytes(self, index: int) -> bytes:
        """Return the bytes of input `index`.

        Raises:
            PatchError: The bytes cannot be had.
        """

    def tables(self) -> Mapping[int, Callable[[], Table]]:
        """Return the inputs that are tables beside the patches, and what reads each of them."""
        return {}

    def read(self, index: int) -> Patch | UnreadablePatch:
        """Return input `index` decoded, or why it cannot be; never raises for a bad input."""
        entry = self.entries[index]
        try:
            return patch_of(index, entry, self.read_bytes(index))
        except PatchError as error:
            return UnreadablePatch(index, entry, str(error), "", error.kind)

    def read_many(self, indices: range) -> list[Patch | UnreadablePatch]:
        """Return some neighbouring inputs; sources that hold them in one piece read it once."""
        return [self.read(index) for index in indices]

    def batches(
        self, size: int, *, start: int = 0, stop: int | None = None, workers: int = READERS
    ) -> Generator[list[Patch | UnreadablePatch]]:
        """Yield the inputs `start` to `stop` in order, `size` at a time, read a bounded way ahead.

        Args:
            size: Inputs in a batch; the last may have fewer.
            start: First input.
            stop: One past the last input; None means all.
            workers: Reading threads; 0 reads in the caller's thread.
        """
        end = len(self.entries) if stop is None else min(stop, len(self.entries))
        ranges = [range(first, min(first + size, end)) for first in range(start, end, size)]
        if workers == 0:
            yield from map(self.read_many, ranges)
            return
        most = max(2, READ_AHEAD // size)
        yield from ahead(self.read_many, ranges, workers, most)

    def stream(
        self, start: int = 0, stop: int | None = None, *, workers: int = READERS
    ) -> Generator[Patch | UnreadablePatch]:
        """Yield the inputs `start` to `stop` one by one; see `batches`."""
        with closing(self.batches(1, start=start, stop=stop, workers=workers)) as batches:
            for batch in batches:
                yield from batch

    def require_consistent(self) -> None:
        """Raise if its tables give labels, slides or splits in two ways.

        Raises:
            SourceError: They do; nobody can say which one is right.
        """
        if self.contradictions:
            raise SourceError(
                " ".join(self.contradictions)
                + " Nothing is trained or judged with such tables. Correct them; `python -m core "
                "audit` lists the ids."
            )

    def require_tables(self) -> None:
        """Raise if a table of labels beside the patches cannot be used.

        Raises:
            SourceError: It cannot; what is known of the patches is not what was meant.
        """
        if self.refused_tables:
            raise SourceError(" ".join(self.refused_tables) + " Correct the table, or move it out.")

    def fingerprint(self) -> str:
        """Return a SHA-256 over the inputs' paths in order; it says nothing of their contents."""
        digest = hashlib.sha256()
        for entry in self.entries:
            digest.update(entry.path.encode("utf-8", "surrogatepass"))
            digest.update(b"\n")
        return digest.hexdigest()

    def facts_sha256(self) -> str:
        """Return a SHA-256 over what is known of the inputs: ids, labels, slides and splits."""
        digest = hashlib.sha256()
        for entry in self.entries:
            digest.update(repr((entry.id, entry.label, entry.slide, entry.split)).encode())
        return digest.hexdigest()

    def sample(self) -> list[int]:
        """Return some inputs that are spread over all of them, all where there are few."""
        return sorted({place * len(self) // _SAMPLE for place in range(_SAMPLE) if len(self)})

    def sample_sha256(self) -> str:
        """Return a SHA-256 over the contents of the `sample`."""
        return hashlib.sha256("\n".join(self.digests(self.sample())).encode()).hexdigest()

    def digest(self, index: int) -> str:
        """Return the `sha256` that reading input `index` gives, "" if its bytes cannot be had."""
        try:
            return hashlib.sha256(self.read_bytes(index)).hexdigest()
        except PatchError:
            return ""

    def digests(self, indices: Iterable[int]) -> Generator[str]:
        """Yield the `digest` of some inputs in order, read by threads a bounded way ahead."""
        yield from ahead(self.digest, indices, workers=4)

    def first_change(self, known: Mapping[int, str]) -> int | None:
        """Return the first input that has another `digest` than the known one, None if none has."""
        with closing(self.digests(known)) as now:
            changed = (
                at for (at, digest), new in zip(known.items(), now, strict=True) if digest != new
            )
            return next(changed, None)

    def close(self) -> None:  # noqa: B027 - most sources hold nothing open
        """Release open files; the source cannot be read afterwards."""

    def __len__(self) -> int:
        return len(self.entries)

    def __enter__(self) -> "PatchSource":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def patch_of(index: int, entry: PatchEntry, data: bytes) -> Patch | UnreadablePatch:
    """Return the bytes of an input decoded, or why they cannot be."""
    digest = hashlib.sha256(data).hexdigest()
    try:
        decoded = read_image(data)
    except PatchError as error:
        return UnreadablePatch(index, entry, str(error), digest, error.kind)
    return Patch(index, entry, decoded.image_rgb_u8, digest, decoded.note)


def patch_of_pixels(
    index: int, entry: PatchEntry, image_rgb_u8: ImageU8
) -> Patch | UnreadablePatch:
    """Return an input that needs no decoding, or why it is no patch; the hash is of its pixels."""
    pixels = image_rgb_u8.tobytes()
    digest = hashlib.sha256(pixels).hexdigest()
    try:
        check_zeros(pixels, [(0, len(pixels))])
        return Patch(index, entry, image_rgb_u8, digest, pixel_note(image_rgb_u8))
    except PatchError as error:
        return UnreadablePatch(index, entry, str(error), digest, error.kind)


def ahead(
    task: "Callable[[_Input], _Result]",
    inputs: "Iterable[_Input]",
    workers: int,
    most: int = READ_AHEAD,
) -> "Generator[_Result]":
    """Yield results in order, by threads that are so many ahead at most; to be closed."""
    pool = ThreadPoolExecutor(workers, thread_name_prefix="patch-reader")
    begun: deque[Future[_Result]] = deque()
    try:
        for one in inputs:
            begun.append(pool.submit(task, one))
            if len(begun) >= most:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class ChainedSource(PatchSource):
    """Several sources one after the other, as one."""

    def __init__(self, name: str, kind: str, parts: Sequence[PatchSource]) -> None:
        """Chain the parts; closing the chain closes them."""
        self.name = name
        self.kind = kind
        self.entries = [entry for part in parts for entry in part.entries]
        self.notes = tuple(note for part in parts for note in part.notes)
        self.contradictions = tuple(one for part in parts for one in part.contradictions)
        self._parts = parts
        self._starts = [0, *accumulate(len(part) for part in parts)]

    def tables(self) -> Mapping[int, Callable[[], Table]]:
        """Return the tables of every part."""
        pairs = zip(self._starts, self._parts, strict=False)
        return {first + at: read for first, part in pairs for at, read in part.tables().items()}

    def _locate(self, index: int) -> tuple[PatchSource, int]:
        part = bisect_right(self._starts, index) - 1
        return self._parts[part], index - self._starts[part]

    def read_bytes(self, index: int) -> bytes:
        """Return the bytes of input `index` from the part that holds it."""
        part, within = self._locate(index)
        return part.read_bytes(within)

    def read(self, index: int) -> Patch | UnreadablePatch:
        """Return the input under its position in the whole chain."""
        part, within = self._locate(index)
        return replace(part.read(within), index=index, entry=self.entries[index])

    def close(self) -> None:
        """Close every part."""
        for part in self._parts:
            part.close()


class RefusedSource(PatchSource):
    """One input among others that cannot be opened, as a row that says why."""

    kind = "files"

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        self.entries = [PatchEntry(id=name, path=name)]
        self._reason = reason

    def read_bytes(self, index: int) -> bytes:
        """Raise why not."""
        raise PatchError(self._reason)


class SelectedSource(PatchSource):
    """Some inputs of another source, in its order."""

    def __init__(self, base: PatchSource, rows: Sequence[int]) -> None:
        self.name = base.name
        self.kind = base.kind
        self.notes, self.contradictions = base.notes, base.contradictions
        self.tables_read, self.refused_tables = base.tables_read, base.refused_tables
        self.coverage, self.unused_tables = base.coverage, base.unused_tables
        self.entries = [base.entries[row] for row in rows]
        self._base = base
        self._rows = rows

    def read_bytes(self, index: int) -> bytes:
        """Return the bytes of input `index`; see the base class."""
        return self._base.read_bytes(self._rows[index])

    def read(self, index: int) -> Patch | UnreadablePatch:
        """Return the input under its position in the selection."""
        patch = self._base.read(self._rows[index])
        return replace(patch, index=index, entry=self.entries[index])

    def read_many(self, indices: range) -> list[Patch | UnreadablePatch]:
        """Return neighbouring inputs, at once where they are neighbours in the base as well."""
        rows = self._rows[indices.start : indices.stop]
        if not isinstance(rows, range):
            return super().read_many(indices)
        patches = self._base.read_many(rows)
        return [
            replace(item, index=index, entry=self.entries[index])
            for item, index in zip(patches, indices, strict=True)
        ]

    def close(self) -> None:
        """Close the source that was selected from."""
        self._base.close()
