"""Pictures and their table in one ZIP file: the same rows make the same bytes."""

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Final

from core.explanation.rows import EXPLANATION_COLUMNS, ExplanationRow

TABLE_NAME: Final = "explanations.csv"
PICTURES: Final = "pictures"
_SAFE_ID_LENGTH: Final = 64
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_UNIX: Final = 3
_READABLE: Final = 0o644 << 16


def picture_name(index: int, patch_id: str) -> str:
    """Return a picture's file name: position and id, with nothing that a file system minds."""
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", patch_id)[:_SAFE_ID_LENGTH]
    return f"{index:06d}-{safe}.png"


def table_csv(rows: Sequence[ExplanationRow]) -> bytes:
    """Return rows as a CSV file with the columns of the command line."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(EXPLANATION_COLUMNS)
    writer.writerows(row.cells() for row in rows)
    return text.getvalue().encode("utf-8", "replace")


class PictureArchive:
    """A ZIP file that is being written, one member at a time."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def add_picture(self, name: str, png: bytes) -> None:
        """Add a picture under `pictures/`; a PNG does not get smaller, so it is stored."""
        self._add(f"{PICTURES}/{name}", png, zipfile.ZIP_STORED)

    def add_table(self, csv_bytes: bytes) -> None:
        """Add the table of the measures."""
        self._add(TABLE_NAME, csv_bytes, zipfile.ZIP_DEFLATED)

    def _add(self, name: str, data: bytes, compression: int) -> None:
        member = zipfile.ZipInfo(name, _EPOCH)
        member.compress_type = compression
        member.create_system = _UNIX  # or the bytes would depend on who writes them
        member.external_attr = _READABLE
        self._archive.writestr(member, data)


@contextmanager
def picture_archive(file: IO[bytes]) -> Iterator[PictureArchive]:
    """Give an archive that writes into a file opened for bytes."""
    with zipfile.ZipFile(file, "w") as archive:
        yield PictureArchive(archive)


def archive_bytes(pictures: Iterable[tuple[str, bytes]], rows: Sequence[ExplanationRow]) -> bytes:
    """Return an archive of named pictures and the table of their rows."""
    file = io.BytesIO()
    with picture_archive(file) as archive:
        archive.add_table(table_csv(rows))
        for name, png in pictures:
            archive.add_picture(name, png)
    return file.getvalue()
