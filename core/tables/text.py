"""The bytes of a table as text that can be shown anywhere, and what had to be done for that."""

import gzip
import io
import unicodedata
import zlib
from typing import Final

from core.errors import SourceError

MAX_TABLE_BYTES: Final = 512 * 1024 * 1024
_UNSHOWABLE: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_UNSEEN_AROUND: Final = (
    "\ufeff\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
"""Marks that programs put around text, as Windows does where a path is copied from Properties."""
_GZIP: Final = b"\x1f\x8b"
_OTHERS: Final = (
    (b"PK\x03\x04", "an Excel file or a ZIP. Unpack it, or save it"),
    (b"\xd0\xcf\x11\xe0", "an Excel file. Save it"),
    (b"%PDF", "a PDF, not a table. Save the table"),
    (b"{\\rtf", "formatted text (RTF), not a table. Save the table"),
)


def decoded(name: str, data: bytes) -> tuple[str, tuple[str, ...]]:
    """Return the text of a table, and notes on how it was come by.

    Raises:
        SourceError: It is no text, empty, or unpacks to more than a table may have.
    """
    notes: tuple[str, ...] = ()
    if data.startswith(_GZIP):
        data, notes = _unpacked(name, data), (f"{name} was compressed with gzip.",)
    for magic, what in _OTHERS:
        if data.startswith(magic):
            raise SourceError(f"{name} is {what} as comma-separated UTF-8 text.")
    encoding = "utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")
        notes += (f"{name} is not UTF-8; its letters are read as Windows-1252.",)
    if text.count("\0", 0, 4096) > min(len(text), 4096) // 8:
        raise SourceError(f"{name} is not text. Save it as comma-separated UTF-8 text.")
    text = text.rstrip("\x1a")  # DOS ends a text so
    if not text.strip():
        raise SourceError(f"{name} is empty. Name the columns in its first line.")
    return text, notes


def _unpacked(name: str, data: bytes) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            content = file.read(MAX_TABLE_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(f"{name} is damaged ({error}). Pack it again.") from None
    if len(content) > MAX_TABLE_BYTES:
        raise SourceError(
            f"{name} unpacks to more than {MAX_TABLE_BYTES // 2**20} MiB. Split the table."
        )
    return content


def plain_text(text: str) -> str:
    """Return text that can be shown anywhere: no control and no direction characters."""
    if text.isascii() and text.isprintable():
        return text
    return "".join("�" if unicodedata.category(char) in _UNSHOWABLE else char for char in text)


def clean(cell: str) -> str:
    """Return a cell without spaces around it, its letters composed, as `plain_text`."""
    cell = cell.strip().strip(_UNSEEN_AROUND).strip()
    if cell.isascii() and cell.isprintable():
        return cell
    return plain_text(unicodedata.normalize("NFC", cell))


def counted(count: int, what: str) -> str:
    """Return e.g. "1 row" or "1,200 rows"."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"
