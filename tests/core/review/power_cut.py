"""A disk that forgets at a power cut what was not synced, as an SQLite file system in memory.

Writes go to a volatile view that the running process sees. `fsync` makes a file's writes durable;
at the cut each write since then is, at random, kept, lost, or torn within (whole 512-byte sectors
in any order), and an unlink may be undone until the folder is synced, which SQLite does with the
first sync of a new journal or log.
"""

import random
import sqlite3
from pathlib import Path
from typing import Any, cast

import apsw

from core.review.migrations import prepare

SECTOR = 512


class PowerCutError(Exception):
    """The machine is off; nothing after this reaches the disk."""


class Disk:
    """Files as running processes see them, and as they would be after a power cut."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.volatile: dict[str, bytearray] = {}
        self.durable: dict[str, bytearray] = {}
        self.pending: dict[str, list[tuple[int, bytes | None]]] = {}
        self.unlinked: dict[str, bytearray] = {}
        self.steps_left = -1

    def step(self) -> None:
        """Count one operation; the power may go before it."""
        if self.steps_left == 0:
            raise PowerCutError
        self.steps_left -= 1

    def write(self, name: str, data: bytes, offset: int) -> None:
        self.step()
        _write(self.volatile[name], data, offset)
        self.pending.setdefault(name, []).append((offset, data))

    def truncate(self, name: str, size: int) -> None:
        self.step()
        del self.volatile[name][size:]
        self.pending.setdefault(name, []).append((size, None))

    def sync(self, name: str) -> None:
        self.step()
        if name not in self.durable and name.endswith(("-wal", "-journal")):
            self.unlinked.clear()
        self.durable[name] = bytearray(self.volatile[name])
        self.pending.pop(name, None)

    def unlink(self, name: str, *, synced: bool) -> None:
        self.step()
        self.volatile.pop(name, None)
        self.pending.pop(name, None)
        if name in self.durable:
            self.unlinked[name] = self.durable.pop(name)
        if synced:
            self.unlinked.clear()

    def after_the_cut(self) -> dict[str, bytes]:
        """Return what the disk holds when the power is back."""
        for name, changes in self.pending.items():
            if name not in self.durable and self.rng.random() < 0.5:
                continue  # the new file's name was never synced
            file = self.durable.setdefault(name, bytearray())
            for offset, data in changes:
                fate = self.rng.choice(("kept", "lost", "torn"))
                if data is None:
                    if fate == "kept":
                        del file[offset:]
                elif fate == "kept":
                    _write(file, data, offset)
                elif fate == "torn":
                    for start in range(0, len(data), SECTOR):
                        if self.rng.random() < 0.5:
                            _write(file, data[start : start + SECTOR], offset + start)
        for name, unlinked in self.unlinked.items():
            if self.rng.random() < 0.5:
                self.durable.setdefault(name, unlinked)
        return {name: bytes(file) for name, file in self.durable.items()}


def _write(file: bytearray, data: bytes, offset: int) -> None:
    file.extend(bytes(max(0, offset - len(file))))
    file[offset : offset + len(data)] = data


class _File(apsw.VFSFile):
    """An open file on the disk."""

    def __init__(self, disk: Disk, name: str, flags: list[int]) -> None:
        self.disk, self.name = disk, name
        disk.volatile.setdefault(name, bytearray())
        flags[1] = flags[0]  # what was asked for is given

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802 - SQLite's name
        return bytes(self.disk.volatile[self.name][offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self.disk.write(self.name, bytes(data), offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        self.disk.truncate(self.name, newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self.disk.sync(self.name)

    def xFileSize(self) -> int:  # noqa: N802
        return len(self.disk.volatile[self.name])

    def xClose(self) -> None:  # noqa: N802
        """Nothing to give back."""

    def xLock(self, level: int) -> None:  # noqa: N802
        """One process only."""

    def xUnlock(self, level: int) -> None:  # noqa: N802
        """One process only."""

    def xCheckReservedLock(self) -> bool:  # noqa: N802
        return False

    def xSectorSize(self) -> int:  # noqa: N802
        return SECTOR

    def xDeviceCharacteristics(self) -> int:  # noqa: N802
        return 0  # promises nothing: no atomic writes, no order

    def excepthook(self, *_: object) -> bool:
        """The cut is expected: nothing to print."""
        return True

    def xFileControl(self, op: int, pointer: int) -> bool:  # noqa: N802
        return False


class DiskVfs(apsw.VFS):
    """The disk as SQLite sees it."""

    def __init__(self, name: str, disk: Disk, synchronous: str = "FULL") -> None:
        self.vfs_name, self.disk, self.synchronous = name, disk, synchronous
        super().__init__(name, base="")

    def xOpen(self, name: Any, flags: list[int]) -> Any:  # noqa: ANN401, N802
        path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        return _File(self.disk, Path(path).name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        self.disk.unlink(Path(filename).name, synced=syncdir)

    def xAccess(self, pathname: str, flags: int) -> bool:  # noqa: N802
        return Path(pathname).name in self.disk.volatile

    def xFullPathname(self, name: str) -> str:  # noqa: N802
        return name

    def excepthook(self, *_: object) -> bool:
        """The cut is expected: nothing to print."""
        return True

    def connect(self, path: Path) -> sqlite3.Connection:
        """Return a store connection on this disk; exclusive, because it has no shared memory."""
        # apsw's connection has what the store uses of sqlite3's: execute and close.
        connection = cast("sqlite3.Connection", apsw.Connection(path.name, vfs=self.vfs_name))
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        prepare(connection)
        connection.execute(f"PRAGMA synchronous = {self.synchronous}")
        return connection


class HeldOpen:
    """One connection for many uses: commits stay in the log, as when others are connected too."""

    def __init__(self, vfs: DiskVfs) -> None:
        self.vfs = vfs
        self.inner: sqlite3.Connection | None = None

    def connect(self, _: Path) -> sqlite3.Connection:
        """Return this connection, opened at the first call."""
        if self.inner is None:
            self.inner = self.vfs.connect(_)
        return cast("sqlite3.Connection", self)

    def execute(self, sql: str, parameters: tuple[Any, ...] = (), /) -> sqlite3.Cursor:
        """Run one statement."""
        if self.inner is None:
            raise RuntimeError("not connected")
        return self.inner.execute(sql, parameters)

    def close(self) -> None:
        """Stay open."""
