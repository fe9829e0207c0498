"""Tables of labels among what was uploaded: CSV files, and those inside a ZIP."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from core.errors import SourceError
from core.patches import ZipSource
from core.scoring import labels_in
from core.tables import Table, is_table, parse_table

MOST_TABLE_BYTES: Final = 64 * 1024 * 1024


def why_no_labels(name: str, file: Path) -> str:
    """Return why an uploaded file is no table of labels that can be used; "" if it is one."""
    if not is_table(name):
        return f"{name} is not a table."
    if file.stat().st_size > MOST_TABLE_BYTES:
        return f"{name} has more than {MOST_TABLE_BYTES // 2**20} MiB. Leave other columns out."
    try:
        return _why_not(parse_table(name, file.read_bytes()))
    except SourceError as error:
        return str(error)


def tables_in_zip(archive: Path) -> Iterator[tuple[str, Table | None, str]]:
    """Yield the name of each CSV near the top of a ZIP, its table, and why it has no labels.

    The table is None, or the reason "", but never both. Nothing of a file that is no ZIP.
    """
    try:
        opened = ZipSource(archive)
    except SourceError:
        return  # whoever scores it is told
    with opened:
        for member in opened.tables():
            try:
                table = opened.table(member)
            except SourceError as error:
                yield member, None, str(error)
                continue
            reason = _why_not(table)
            yield member, None if reason else table, reason


def _why_not(table: Table) -> str:
    try:
        labels_in(table)
    except SourceError as error:
        return str(error)
    return ""
