"""The errors that reach a reader: found, expected, what to do, in the reader's words."""

import errno
import re
from dataclasses import fields
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from pydantic import ValidationError


class NodelensError(Exception):
    """Base of every error that the app shows as a sentence instead of a traceback."""


class Fault(StrEnum):
    """Why an input cannot be judged; NONE is a patch that can."""

    NONE = ""
    MISSING = "missing"
    NOT_AN_IMAGE = "not-an-image"
    WRONG_SIZE = "wrong-size"
    WRONG_MODE = "wrong-mode"
    UNSUPPORTED = "unsupported"
    DAMAGED = "damaged"


class PatchError(NodelensError, ValueError):
    """One patch cannot be used as it is; the rest of the batch goes on.

    Attributes:
        kind: What is wrong with it, for code; the message is for people.
    """

    def __init__(self, message: str, kind: Fault = Fault.DAMAGED) -> None:
        super().__init__(message)
        self.kind = kind


class SourceError(NodelensError, OSError):
    """A folder, ZIP, HDF5 file or CSV cannot be opened or is not what it claims to be."""


class SpacingError(SourceError):
    """A slide does not say, or not believably, how large its pixels are, or they are too coarse.

    Attributes:
        fault: What is wrong, without what to do: a page has its own way to give a spacing.
    """

    def __init__(self, fault: str, what_to_do: str) -> None:
        super().__init__(f"{fault} {what_to_do}")
        self.fault = fault


class BundleError(NodelensError, ValueError):
    """The model bundle is incomplete, altered, or does not reproduce its own golden scores."""


class RunError(NodelensError, RuntimeError):
    """A scoring or training run cannot start or resume as asked."""


class EvidenceError(NodelensError, ValueError):
    """Labels, scores, slides or assumptions from which no statistic can be computed."""


class SettingsError(NodelensError, ValueError):
    """An environment variable of this installation says something that cannot be done."""


class DiskError(NodelensError, OSError):
    """The disk is full or broken; nobody did anything wrong."""


class PlaceError(NodelensError, OSError):
    """A place that was named for results may not be written by whoever runs the program."""


_RUST_ERROR: Final = re.compile(r"\(os error (\d+)\)")
_WHY: Final = {
    errno.ENOENT: "it does not exist",
    errno.EACCES: "this user has no permission",
    errno.EPERM: "this user has no permission",
    errno.ENOSPC: "the disk is full",
    getattr(errno, "EDQUOT", 122): "this user's share of the disk is full",
    errno.EFBIG: "the file is too large for this disk",
    errno.EROFS: "the disk is read-only",
    errno.EIO: "the disk has a fault",
    errno.EISDIR: "it is a folder",
    errno.ENOTDIR: "a folder in its path is a file",
    errno.ENAMETOOLONG: "its name is too long",
    errno.ELOOP: "its links lead back to themselves",
    errno.EMFILE: "too many files are open",
}


ANOTHER_PLACE: Final = "Name another place, or have its permissions changed."
"""What to do where `not_allowed`."""


def not_allowed(error: Exception) -> bool:
    """Return whether the system refuses a place to this user, or to all: another one is needed."""
    return system_number(error) in {errno.EACCES, errno.EPERM, errno.EROFS}


def system_number(error: Exception) -> int | None:
    """Return the number of the system's error, that of a library in Rust too; None without one."""
    match = _RUST_ERROR.search(str(error))
    return int(match[1]) if match else getattr(error, "errno", None)


def why(error: Exception) -> str:
    """Return what the system has against a file in plain words; any other error in its own."""
    number, text = system_number(error) or 0, getattr(error, "strerror", None)
    return _WHY.get(number, text or in_a_line(error))


def first_fault(error: "ValidationError") -> str:
    """Return where a file first breaks its schema and how, e.g. "threshold: Input should be …".

    Args:
        error: What pydantic found; told of further faults is only their number.
    """
    first, count = error.errors()[0], error.error_count()
    where = ".".join(str(part) for part in first["loc"]) or "as a whole"
    return f"{where}: {first['msg']}" + (f" ({count} in all)" if count > 1 else "")


def what_differs(was: "DataclassInstance", now: "DataclassInstance") -> str:
    """Return in which fields two of one dataclass differ, "" if in none.

    E.g. "batch_size 32, now 64; device 'cpu', now 'cuda'".
    """
    return "; ".join(
        f"{field.name} {getattr(was, field.name)!r}, now {getattr(now, field.name)!r}"
        for field in fields(now)
        if getattr(was, field.name) != getattr(now, field.name)
    )


def in_a_line(error: object) -> str:
    """Return what an error of a library says, in one line; its kind where it says nothing."""
    return " ".join(str(error).split())[:160] or type(error).__name__


class ReviewError(NodelensError, ValueError):
    """A verdict, worklist or comparison that the review does not allow."""


class StoreError(NodelensError, OSError):
    """The review store cannot be opened, or is not one."""
