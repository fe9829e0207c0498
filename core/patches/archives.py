"""Patches in a ZIP, read member by member in memory: nothing is extracted, no name is trusted."""

import contextlib
import stat
import struct
import threading
import zipfile
import zlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Final

from core.errors import Fault, PatchError, SourceError, in_a_line
from core.patches.decoding import MAX_PATCH_BYTES
from core.patches.kaggle import LABELS_CSV, TRAIN, part_of, table_of_layout, take_layout
from core.patches.naming import is_hidden, require_patch_suffix, shown_path, stem
from core.patches.patch import PatchEntry
from core.patches.source import MAX_TABLE_BYTES, PatchSource
from core.tables import Table, lies_beside, parse_table

MAX_MEMBERS: Final = 1_000_000
_MAX_DIRECTORY_BYTES: Final = 256 * 1024 * 1024
_ENCRYPTED, _MARKED_UTF_8, _FOLDER = 0x1, 0x800, 0x10
_UNICODE_PATH: Final = 0x7075
_METHODS: Final = {
    1: "Shrink",
    6: "Implode",
    9: "Deflate64, as Windows does above 2 GB",
    93: "Zstandard",
    95: "XZ",
    96: "JPEG",
    98: "PPMd",
    99: "AES encryption",
}
_UNBOUNDED: Final = frozenset({zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA})
"""The library unpacks all it was given of these at once; so it is given little."""
_STEP_BYTES: Final = 4096
_READABLE: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, *_UNBOUNDED})
_LONGEST_END: Final = 66_000
"""Bytes of the last record of a ZIP with its comment, and a little more."""
_END: Final = b"PK\x05\x06"
_END64: Final = b"PK\x06\x06"
_LOCAL_HEADER: Final = b"PK\x03\x04"
_LOCAL_HEADER_BYTES: Final = 30


class ZipSource(PatchSource):
    """The members of a ZIP in archive order, folders and litter left out.

    A ZIP in the layout of the Kaggle competition has its labels, slides and splits.
    """

    kind = "zip"

    def __init__(self, archive: Path, *, name: str | None = None) -> None:
        """Open the archive and read its table of contents.

        Args:
            archive: The file.
            name: What to call it.

        Raises:
            SourceError: It is no ZIP, is damaged, lists more than a million members, or is built
                so that its members overlap.
        """
        self.name = name or archive.name
        self._lock = threading.Lock()
        try:
            _require_few_members(archive, self.name)
            self._zip = zipfile.ZipFile(archive)
        except SourceError:
            raise
        except Exception as error:  # noqa: BLE001 - a hostile archive fails in any way
            if not archive.stat().st_size:
                raise SourceError(f"{self.name} is empty (0 bytes). Copy it again.") from None
            raise SourceError(
                f"{self.name} is not a readable ZIP ({in_a_line(error)}). "
                "It may be cut off, split or of another kind: copy it again, or pack the patches "
                "as one .zip."
            ) from None
        try:
            self._members: list[zipfile.ZipInfo | None] = []
            self.entries = []
            _require_one(archive, self._zip.infolist(), self.name)
            self._take(self._zip.infolist())
        except SourceError:
            self._zip.close()
            raise

    def _take(self, infos: list[zipfile.ZipInfo]) -> None:
        _require_apart(infos, self.name)
        for info in infos:
            info.filename = _name(info)
        inputs = [
            info
            for info in infos
            if info.filename and not _is_folder(info) and not is_hidden(shown_path(info.filename))
        ]
        root = _kaggle_root([info.filename for info in inputs])
        self._has_layout = root is not None
        if root is None:
            paths = [shown_path(info.filename) for info in inputs]
            self.entries = [PatchEntry(id=stem(path), path=path) for path in paths]
            self._members = list(inputs)
            return
        below: dict[str, zipfile.ZipInfo] = {}
        for info in inputs:
            path = _slashes(info.filename).removeprefix(root)
            if path in below:
                raise SourceError(
                    f"{self.name} lists {shown_path(path)} twice. Make the archive again with one "
                    "of the two."
                )
            below[path] = info
        places = take_layout(self, list(below), lambda path: self._table(below[path]))
        self._members = [below[path] if path else None for path in places]

    def tables(self) -> Mapping[int, Callable[[], Table]]:
        """Return the members that are tables; those of the competition's layout are read."""
        return {
            at: partial(self._table, member)
            for at, member in enumerate(self._members)
            if member is not None and not self._has_layout and lies_beside(self.entries[at].path)
        }

    def _table(self, info: zipfile.ZipInfo) -> Table:
        name = PurePosixPath(shown_path(info.filename)).name
        if info.file_size > MAX_TABLE_BYTES:
            raise SourceError(
                f"{name} in {self.name} unpacks to {info.file_size / 2**20:.0f} MiB; a table in a "
                f"ZIP has at most {MAX_TABLE_BYTES // 2**20} MiB. Unpack the archive."
            )
        try:
            return parse_table(name, self._bytes(info, MAX_TABLE_BYTES))
        except PatchError as error:
            raise SourceError(f"{name} in {self.name}: {error}") from None

    def read_bytes(self, index: int) -> bytes:
        """Return one member's bytes, at most as many as a patch can have."""
        require_patch_suffix(self.entries[index].path)
        member = self._members[index]
        if member is None:
            raise PatchError(
                "The file is missing. Check the table or make the archive again.", Fault.MISSING
            )
        if member.file_size > MAX_PATCH_BYTES:
            raise PatchError(
                f"The file unpacks to {member.file_size / 2**20:.1f} MiB; a patch has at most "
                f"{MAX_PATCH_BYTES // 2**20} MiB. Leave it out of the archive.",
                Fault.NOT_AN_IMAGE,
            )
        return self._bytes(member, MAX_PATCH_BYTES)

    def _bytes(self, member: zipfile.ZipInfo, most: int) -> bytes:
        if member.flag_bits & _ENCRYPTED:
            raise PatchError(
                "The file is encrypted. Make the archive without a password.", Fault.UNSUPPORTED
            )
        if stat.S_ISLNK(member.external_attr >> 16):
            raise PatchError(
                "The file is a link, and links are not followed. Pack the file itself.",
                Fault.UNSUPPORTED,
            )
        if member.compress_type not in _READABLE:
            method = _METHODS.get(member.compress_type, f"method {member.compress_type}")
            raise PatchError(
                f"The file is compressed with {method}, which cannot be read here. Make the "
                "archive with ordinary Deflate compression.",
                Fault.UNSUPPORTED,
            )
        try:
            with self._lock, self._zip.open(member) as file:
                if member.compress_type not in _UNBOUNDED:
                    return file.read(most + 1)
                data = bytearray()
                while len(data) <= most and (more := file.read(_STEP_BYTES)):
                    data += more
                return bytes(data)
        except Exception as error:  # noqa: BLE001 - a hostile member fails in any way
            raise PatchError(
                f"The archive is damaged at this file ({in_a_line(error)}). Make the archive again."
            ) from None

    def close(self) -> None:
        """Close the archive."""
        self._zip.close()


def _name(info: zipfile.ZipInfo) -> str:
    """The name of a member; macOS and others write UTF-8 without the mark that says so.

    Info-ZIP and 7-Zip keep it in a field of its own beside one in an old code page.
    """
    old, extra = info.orig_filename.encode("cp437", "replace"), info.extra
    while len(extra) >= 4:
        kind, length = struct.unpack("<HH", extra[:4])
        field, extra = extra[4 : 4 + length], extra[4 + length :]
        if kind == _UNICODE_PATH and field[1:5] == zlib.crc32(old).to_bytes(4, "little"):
            with contextlib.suppress(UnicodeError):
                return field[5:].decode("utf-8")
    if not info.flag_bits & _MARKED_UTF_8:
        with contextlib.suppress(UnicodeError):
            return info.filename.encode("cp437").decode("utf-8")
    return info.filename


def _is_folder(info: zipfile.ZipInfo) -> bool:
    """Some programs mark a folder as Windows does, and leave out the slash behind its name."""
    marked = info.external_attr & _FOLDER and not info.file_size
    return bool(marked) or _slashes(info.filename).endswith("/")


def _slashes(name: str) -> str:
    return name.replace("\\", "/")


def _kaggle_root(names: list[str]) -> str | None:
    """The folder of the competition's layout within an archive, None where it has none."""
    paths = [_slashes(name) for name in names]
    for path in paths:
        parts = path.split("/")
        root = "/".join(parts[:-1]) + "/" if len(parts) > 1 else ""
        if (
            table_of_layout(parts[-1]) == LABELS_CSV
            and any(
                other.startswith(root) and part_of(other.removeprefix(root)) == TRAIN
                for other in paths
            )
            and all(other.startswith(root) for other in paths if not table_of_layout(other))
        ):
            return root
    return None


def _require_few_members(archive: Path, name: str) -> None:
    """Refuse an archive by what its end says, before its table of contents fills the memory."""
    with archive.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _LONGEST_END))
        tail = file.read()
    end = tail.rfind(_END)
    if end < 0 or len(tail) < end + 22:
        return  # zipfile says what is wrong
    members, directory = struct.unpack("<HI", tail[end + 10 : end + 16])
    end64 = tail.rfind(_END64, 0, end)
    if end64 >= 0 and len(tail) >= end64 + 48 and (members == 0xFFFF or directory == 0xFFFFFFFF):
        members, directory = struct.unpack("<QQ", tail[end64 + 32 : end64 + 48])
    if members > MAX_MEMBERS or directory > _MAX_DIRECTORY_BYTES:
        raise _too_many(name, members)


def _too_many(name: str, members: int) -> SourceError:
    return SourceError(
        f"{name} lists {members:,} files; at most {MAX_MEMBERS:,} are read. "
        "Split the patches over several archives."
    )


def _require_one(archive: Path, infos: list[zipfile.ZipInfo], name: str) -> None:
    """Refuse an archive with files of another in front of it, which nobody would miss."""
    begin = max(0, min((info.header_offset for info in infos), default=0))
    with archive.open("rb") as file:
        first = file.read(len(_LOCAL_HEADER))
        file.seek(max(0, begin - _LONGEST_END))
        before = file.read(min(begin, _LONGEST_END))
    end = before.rfind(_END)
    if 0 <= end <= len(before) - 22 and (
        end + 22 + int.from_bytes(before[end + 20 : end + 22], "little") == len(before)
    ):
        raise SourceError(
            f"{name} is several archives joined into one file, of which only the last would be "
            "read. Unpack each, and pack all patches as one .zip."
        )
    if begin and first == _LOCAL_HEADER:  # cut off, it ends with an archive that was packed in it
        raise SourceError(
            f"{name} begins with files that its table of contents does not list: it is cut off, or "
            "was changed. Copy it again, or make the archive again."
        )


def _require_apart(infos: list[zipfile.ZipInfo], name: str) -> None:
    """Refuse an archive whose members share bytes: a small file would unpack without end."""
    if len(infos) > MAX_MEMBERS:
        raise _too_many(name, len(infos))
    end = -1
    for info in sorted(infos, key=lambda one: one.header_offset):
        if info.header_offset < end:
            raise SourceError(
                f"{name} is built so that files in it overlap, which no packing program does. "
                "Make the archive again."
            )
        end = info.header_offset + _LOCAL_HEADER_BYTES + info.compress_size
