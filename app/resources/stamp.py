"""What tells whether a file is still the one that something was made from."""

from pathlib import Path


def file_stamp(path: Path) -> tuple[int, int, int]:
    """Return what changes when a file does; zeros while there is none."""
    if not path.is_file():
        return 0, 0, 0
    found = path.stat()
    return found.st_ino, found.st_mtime_ns, found.st_size
