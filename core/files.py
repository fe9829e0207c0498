"""Files that are written whole or not at all, their hashes, and text that spreadsheets may open."""

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Final

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

_FORMULA: Final = re.compile(r"'*\s*[=+\-@＝＋－＠\t\r]")  # noqa: RUF001 - full-width on purpose


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path` and move it there, whole and on disk, at the end."""
    temporary = path.with_name(f".{path.name}.part")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


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


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def no_formula(text: str) -> str:
    """Return text with a leading apostrophe if a spreadsheet would run it as a formula.

    Text that looks guarded already gets one more, so that `unguarded` gives back what was there.
    """
    return f"'{text}" if _FORMULA.match(text) else text


def unguarded(text: str) -> str:
    """Return the text that `no_formula` was given."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text
