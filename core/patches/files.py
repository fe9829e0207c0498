"""Patches in files: a folder, uploads under other names, one packed array."""

import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np

from core.errors import Fault, PatchError, SourceError, why
from core.patches.decoding import MAX_PATCH_BYTES
from core.patches.naming import is_hidden, require_patch_suffix, shown_path, stem
from core.patches.patch import PATCH_SIZE_PX, ImageU8, Patch, PatchEntry, UnreadablePatch
from core.patches.source import MAX_TABLE_BYTES, PatchSource, patch_of_pixels
from core.tables import Table, lies_beside, read_table

_WEB: Final = re.compile(r"[A-Za-z][\w+.-]+://")
_OF_A_SHELL: Final = re.compile(r"~|\$\w|\$\{|%\w+%")


def list_files(
    root: Path, ignore: frozenset[Path] = frozenset(), *, confine_to: Path | None = None
) -> list[str]:
    """Return the relative paths below a folder, sorted by their parts, hidden ones left out.

    Linked folders are followed, each real folder once.

    Args:
        root: The folder.
        ignore: Resolved paths that are no inputs, such as the output of the run itself.
        confine_to: If given, a linked folder that leads out of it is not even listed.

    Raises:
        SourceError: A folder below cannot be listed; its patches would be lost without a word.
    """

    def refuse(error: OSError) -> None:
        raise SourceError(
            f"The folder {shown_path(str(error.filename))} cannot be listed ({why(error)}). "
            "Check its permissions."
        )

    paths: list[str] = []
    visited: set[str] = set()
    for folder, folders, names in os.walk(root, onerror=refuse, followlinks=True):
        real = os.path.realpath(folder)
        if real in visited or (confine_to is not None and not is_inside(Path(real), confine_to)):
            folders.clear()
            continue
        visited.add(real)
        relative = Path(folder).relative_to(root)
        folders[:] = [name for name in folders if not is_hidden(name)]
        paths += [
            (relative / name).as_posix()
            for name in names
            if not is_hidden(name) and Path(real, name) not in ignore
        ]
    return sorted(paths, key=lambda path: path.split("/"))


class FilesSource(PatchSource):
    """Files on disk, each with the entry it stands for.

    The path that is shown and the path that is opened are two things: an upload keeps the name
    that its owner gave it, in the record only.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        files: Sequence[tuple[PatchEntry, Path | None]],
        *,
        confine_to: Path | None = None,
    ) -> None:
        """Hold entries and their files.

        Args:
            name: What to call the source.
            kind: See `PatchSource`.
            files: Entry and file, in order; None where a table names a patch without a file.
            confine_to: If given, a file that resolves to a place outside is refused.
        """
        self.name = name
        self.kind = kind
        self.entries = [entry for entry, _ in files]
        self.files = [file for _, file in files]
        self._confine_to = confine_to.resolve() if confine_to else None

    def selected(self, rows: Sequence[int]) -> "FilesSource":
        """Return some of the files, as what they are."""
        files = [(self.entries[row], self.files[row]) for row in rows]
        return FilesSource(self.name, self.kind, files, confine_to=self._confine_to)

    def tables(self) -> Mapping[int, Callable[[], Table]]:
        """Return the tables in a plain folder or an upload."""
        if self.kind not in {"folder", "files"}:
            return {}
        pairs = zip(self.entries, self.files, strict=True)
        return {
            at: partial(self._table, entry.path, file)
            for at, (entry, file) in enumerate(pairs)
            if file is not None and lies_beside(entry.path)
        }

    def _table(self, path: str, file: Path) -> Table:
        if self._confine_to and not is_inside(file, self._confine_to):
            raise SourceError(
                f"{path} links to a place that this installation may not read. Put the file "
                "itself into the folder."
            )
        if file.is_file() and file.stat().st_size > MAX_TABLE_BYTES:
            raise SourceError(
                f"{path} is larger than {MAX_TABLE_BYTES // 2**20} MiB. Leave other columns out."
            )
        return read_table(file, name=PurePosixPath(path).name)

    def read_bytes(self, index: int) -> bytes:
        """Return the bytes of input `index`; of a file too large no more than tell so."""
        path, file = self.entries[index].path, self.files[index]
        if not path:
            raise PatchError("This row has no path. Fill it in, or leave it out.", Fault.MISSING)
        require_patch_suffix(path)
        if self._confine_to and file and not is_inside(file, self._confine_to):
            raise PatchError(
                "The file lies outside the folders that this installation may read. Move it into "
                "one, or ask the operator to allow its folder."
            )
        try:
            if file is None or not file.is_file():
                raise PatchError(_why_missing(path), Fault.MISSING)
            with file.open("rb") as opened:
                return opened.read(MAX_PATCH_BYTES + 1)
        except OSError as error:
            raise PatchError(
                f"The file cannot be read ({why(error)}). Check its permissions."
            ) from None


def _why_missing(path: str) -> str:
    if _WEB.match(path):
        return "The path is an address on a network. Download the file and name it here."
    if _OF_A_SHELL.match(path):
        return "The path has ~ or a variable, which is not filled in here. Write the whole path."
    return "The file is missing. Check the table or copy the file again."


def is_inside(file: Path, folder: Path) -> bool:
    """Return whether a path, its links followed, lies below a resolved folder."""
    try:
        return file.resolve().is_relative_to(folder)
    except (OSError, ValueError, RuntimeError):  # a zero byte, a loop of links
        return False


def folder_source(
    root: Path, *, confine_to: Path | None = None, ignore: frozenset[Path] = frozenset()
) -> FilesSource:
    """Return every file below a folder as an input, foreign ones included, so none is lost."""
    files = [
        (PatchEntry(id=stem(shown_path(path)), path=shown_path(path)), root / path)
        for path in list_files(root, ignore, confine_to=confine_to and confine_to.resolve())
    ]
    return FilesSource(root.name or str(root), "folder", files, confine_to=confine_to)


def files_source(name: str, files: Sequence[tuple[str, Path]]) -> FilesSource:
    """Return uploaded files as inputs, in the given order.

    Args:
        name: What to call the upload.
        files: Name as uploaded (hostile text) and the file that holds the bytes.
    """
    shown = [(shown_path(original), file) for original, file in files]
    return FilesSource(
        name,
        "files",
        [
            (PatchEntry(id=stem(path), path=path), file)
            for path, file in shown
            if not is_hidden(path)
        ],
    )


_SHAPE: Final = (PATCH_SIZE_PX, PATCH_SIZE_PX, 3)


class PackedSource(PatchSource):
    """The rows of an array in order; the hash of a row is that of its pixels.

    The file is read, not mapped: what was mapped stays resident, gigabytes by the end of a run.
    """

    kind = "packed"

    def __init__(self, file: Path) -> None:
        """Read the header.

        Raises:
            SourceError: It is no such array.
        """
        self.name = file.name
        try:
            mapped: np.memmap[Any, Any] = np.load(file, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError, SyntaxError, OverflowError) as error:
            raise SourceError(
                f"{file.name} is not a readable array ({str(error)[:120]}). Write it again."
            ) from None
        as_wanted = mapped.shape[1:] == _SHAPE and mapped.dtype == np.uint8
        if not as_wanted or not mapped.flags.c_contiguous:
            raise SourceError(
                f"{file.name} is {mapped.shape} {mapped.dtype}; expected (N, 96, 96, 3) uint8 in C "
                "order. Choose an array of patches."
            )
        self._file, self._begin = file, mapped.offset
        self.entries = [
            PatchEntry(id=f"{file.stem}_{row:06d}", path=f"{file.name}/{row:06d}")
            for row in range(len(mapped))
        ]

    def read_bytes(self, index: int) -> bytes:
        """Return the row's pixels in C order, (96, 96, 3) uint8."""
        return self._rows(range(index, index + 1)).tobytes()

    def read(self, index: int) -> Patch | UnreadablePatch:
        """Return the row; there is nothing to decode."""
        return self.read_many(range(index, index + 1))[0]

    def read_many(self, indices: range) -> list[Patch | UnreadablePatch]:
        """Return neighbouring rows, copied out of the file at once."""
        try:
            images = self._rows(indices)
        except PatchError as error:
            return [
                UnreadablePatch(i, self.entries[i], str(error), "", error.kind) for i in indices
            ]
        return [
            patch_of_pixels(index, self.entries[index], image)
            for index, image in zip(indices, images, strict=True)
        ]

    def _rows(self, indices: range) -> ImageU8:
        """Read neighbouring rows.

        Raises:
            PatchError: They are not there any more.
        """
        size, begin = math.prod(_SHAPE), self._begin + indices.start * math.prod(_SHAPE)
        try:
            pixels = np.fromfile(self._file, np.uint8, len(indices) * size, offset=begin)
            return pixels.reshape(len(indices), *_SHAPE)
        except (OSError, ValueError):
            raise PatchError(
                f"{self.name} was cut short or removed. Copy it again.", Fault.MISSING
            ) from None
