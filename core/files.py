"""Files that are written whole or not at all, their hashes, and text that spreadsheets may open."""

import errno
import hashlib
import json
import os
import re
import secrets
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from core.errors import (
    ANOTHER_PLACE,
    DiskError,
    PlaceError,
    RunError,
    not_allowed,
    system_number,
    why,
)

if TYPE_CHECKING:
    import pandas as pd

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

_OF_DISK: Final = frozenset({errno.ENOSPC, errno.EIO, errno.EFBIG, getattr(errno, "EDQUOT", 122)})
_FORMULA: Final = re.compile(r"'*\s*[=+\-@＝＋－＠\t\r]")  # noqa: RUF001 - full-width on purpose


class Below:
    """A file or folder of one name below the folder that each object of a class has."""

    def __init__(self, folder: str, name: str) -> None:
        """Take the attribute that holds the folder, and the name below it."""
        self._folder, self._name = folder, name

    def __get__(self, of: object, _: type | None = None) -> Path:
        """Return where it is for one object."""
        folder: Path = getattr(of, self._folder)
        return folder / self._name


@contextmanager
def told_of_disk(path: Path) -> Iterator[None]:
    """Turn what the disk has against writing `path` into a sentence.

    Raises:
        DiskError: It is full or broken.
        PlaceError: `path` may not be written.
    """
    try:
        yield
    except Exception as error:
        if not not_allowed(error) and system_number(error) not in _OF_DISK:
            raise
        kind = PlaceError if not_allowed(error) else DiskError
        raise kind(
            f"{path.name} could not be written: {why(error)}. The existing content is unchanged. "
            "Check the free space and the permissions of its folder, then try again."
        ) from None


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path` and move it there, whole and on disk, at the end.

    Raises:
        NodelensError: See `told_of_disk`.
    """
    temporary = path.with_name(f".{path.name}.part")
    try:
        with told_of_disk(path):
            yield temporary
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def bytes_written(name: str, write: Callable[[Path], object]) -> bytes:
    """Return what a function writes to a file of some name."""
    with tempfile.TemporaryDirectory(prefix="nodelens-") as folder:
        path = Path(folder) / name
        write(path)
        return path.read_bytes()


def write_json(path: Path, content: object, *, indent: int | None = 2) -> None:
    """Write JSON, whole or not at all; without an indent in one line of ASCII."""
    text = json.dumps(content, indent=indent, ensure_ascii=indent is None)
    with replacing(path) as temporary:
        temporary.write_text(text if indent is None else f"{text}\n", "utf-8")


def write_table(path: Path, table: "pd.DataFrame") -> None:
    """Write a table as Parquet or, by its suffix, CSV, whole or not at all."""
    with replacing(path) as temporary:
        if path.suffix == ".parquet":
            table.to_parquet(temporary, index=False)
        else:
            table.to_csv(temporary, index=False, lineterminator="\n")


def journal_line(content: Mapping[str, Any]) -> bytes:
    """Return the line of a journal that holds some JSON content."""
    return json.dumps(content, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def read_journal_line(line: bytes) -> dict[str, Any] | None:
    """Return a whole line's content, None for a torn one."""
    if not line.endswith(b"\n"):
        return None
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def write_once(path: Path, text: str) -> bool:
    """Write a file that nobody may change, whole or not at all; False if it was there first."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with told_of_disk(path):
            with temporary.open("w", encoding="utf-8", newline="\n") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            temporary.chmod(0o444)
            os.link(temporary, path)  # unlike a rename, a link never replaces
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    return True


def append_record(path: Path, entry: Mapping[str, str]) -> None:
    """Add a line to a record that is never rewritten; it is on disk when this returns.

    A line that a power cut left torn before it stays a line of its own.
    """
    with told_of_disk(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+") as file:
            size = file.seek(0, os.SEEK_END)
            torn = False
            if size:
                file.seek(size - 1)
                torn = file.read(1) != b"\n"
            file.write((b"\n" if torn else b"") + json.dumps(entry).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())


def read_records(path: Path) -> list[dict[str, str]]:
    """Return the lines of a record, oldest first; what is torn or garbled is passed over."""
    entries = [entry for entry in _records(path) if entry is not None]
    return [{str(key): str(value) for key, value in entry.items()} for entry in entries]


def torn_records(path: Path) -> int:
    """Return how many lines of a record are passed over."""
    return _records(path).count(None)


def _records(path: Path) -> list[dict[str, Any] | None]:
    lines = path.read_bytes().splitlines() if path.exists() else ()
    return [read_journal_line(line + b"\n") for line in lines]


def take_lock(fd: int) -> bool:
    """Lock an open file for this process until it is closed; False if somebody else has it.

    True without a lock where the system has none of this kind.
    """
    if fcntl is None:
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a network folder without locks
        return True
    return True


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Make a folder and keep other runs out of it until the block ends.

    Raises:
        RunError: Another run writes into it.
        PlaceError: It may not be written.
    """
    require_writable(folder)
    folder.mkdir(parents=True, exist_ok=True)
    fd = None if fcntl is None else os.open(folder, os.O_RDONLY)
    try:
        if fd is not None and not take_lock(fd):
            raise RunError(
                f"{folder.name} is being written by another run. Wait for it, or stop it first."
            )
        yield
    finally:
        if fd is not None:
            os.close(fd)


class FolderLock:
    """Which process may change a folder: the first that asks, until it ends."""

    def __init__(self, folder: Path) -> None:
        """Know the folder; nothing is locked yet."""
        self._file = folder / ".lock"
        self._fd: int | None = None

    def held(self) -> bool:
        """Return whether this process may change the folder; takes the lock if it is free."""
        if self._fd is not None:
            return True
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            fd = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError:  # a folder that nobody can write
            return False
        if take_lock(fd):
            self._fd = fd
            return True
        os.close(fd)
        return False

    def release(self) -> None:
        """Let others change the folder."""
        if self._fd is not None:
            os.close(self._fd)
        self._fd = None


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def key_of(*parts: str) -> str:
    """Return 32 hexadecimal digits that tell what some parts decide from what others do."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def no_formula(text: str) -> str:
    """Return text with a leading apostrophe if a spreadsheet would run it as a formula.

    Text that looks guarded already gets one more, so that `unguarded` gives back what was there.
    """
    return f"'{text}" if _FORMULA.match(text) else text


def guarded(table: "pd.DataFrame") -> "pd.DataFrame":
    """Return a table whose text no spreadsheet runs, each cell as `no_formula` makes it."""

    def safe(cell: object) -> object:
        return no_formula(cell) if isinstance(cell, str) else cell

    text = table.select_dtypes(include=["object", "str"]).columns
    return table.assign(**{name: table[name].map(safe) for name in text})


def unguarded(text: str) -> str:
    """Return the text that `no_formula` was given."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def require_apart(written: Iterable[Path | None], read: Iterable[Path | None]) -> None:
    """Raise if a file that is to be written is one that is read, is named twice, or is a folder.

    Raises:
        RunError: It is; nothing was written yet.
        PlaceError: Its folder may not be written.
    """
    places = [path.resolve() for path in written if path is not None]
    inputs = {path.resolve() for path in read if path is not None}
    for number, place in enumerate(places):
        if place in inputs or place in places[:number]:
            raise RunError(
                f"{place.name} would be written over {'an input' if place in inputs else 'itself'}"
                "; expected a file of its own for each output. Give it another name."
            )
        if place.is_dir():
            raise RunError(f"{place} is a folder; expected the name of a file. Add one.")
        require_writable(place.parent)


def require_folder_of(*files: Path | None) -> None:
    """Raise if a file that is to be written has no folder to stand in.

    Raises:
        RunError: It has none; nothing was written yet.
    """
    for file in files:
        if file is not None and not file.parent.is_dir():
            raise RunError(f"There is no folder {file.parent} to write to. Make it first.")


def existing_above(path: Path) -> Path:
    """Return a path, or the nearest above it that is there."""
    existing = (one for one in (path, *path.parents) if os.path.exists(one))  # noqa: PTH110 - no raise
    return next(existing, path)


def require_writable(folder: Path) -> None:
    """Raise if a folder may not be written, or not be made.

    Raises:
        PlaceError: It may not; nothing was written yet.
    """
    above = existing_above(folder.absolute())
    if above.is_dir() and not os.access(above, os.W_OK | os.X_OK):
        raise PlaceError(f"{above} may not be written by this user. {ANOTHER_PLACE}")
