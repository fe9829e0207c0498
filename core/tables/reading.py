"""Tables from other programs: labels, slides, splits, scores and lists of paths, read by one rule.

Spreadsheets and scripts write the same table in many ways. What can only be meant one way is
mended, and said with a number; what could be meant in two ways is refused by its line.
"""

import csv
import gzip
import io
import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from core.errors import SourceError, in_a_line, why
from core.files import unguarded

if TYPE_CHECKING:
    import pandas as pd

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
UNKNOWN_WORDS: Final = frozenset(
    {"nan", "na", "n/a", "<na>", "none", "null", "nil", "unknown"}
    | {"#n/a", "#ref!", "#value!", "#name?", "#div/0!", "#num!", "#null!"}  # of spreadsheets
)
"""In every column but the ids, of which it may be one."""
SLIDE_COLUMNS: Final = ("slide", "wsi")
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "label": (
        *("label", "y", "y_true", "target", "truth", "class", "tumour", "tumor", "diagnosis"),
        *("befund", "diagnose", "klasse", "étiquette", "etiquette", "diagnostic", "classe"),
    ),
    "score": (
        *("score", "prob_tumour", "prob", "probability", "y_prob", "y_score", "p", "pred"),
        *("wahrscheinlichkeit", "probabilité", "probabilite"),
    ),
    "id": (
        *("id", "file", "filename", "file_name", "path", "name", "image", "patch"),
        *("patch_id", "image_id", "datei", "dateiname", "bild", "fichier", "nom_fichier"),
    ),
    "slide": (*SLIDE_COLUMNS, "slide_id", "slide_name", "schnitt", "objektträger", "lame"),
    "split": ("split", "subset", "partition", "set"),
}
"""Names that each column goes by elsewhere, the first being the one that is read without a word."""
_NO_SLIDE: Final = frozenset({"?", "-", "--", "missing", "unspecified", "not available", "n.a."})
TABLE_SUFFIXES: Final = (".csv.gz", ".csv", ".tsv.gz", ".tsv", ".parquet")
_SPREADSHEETS: Final = (".xlsx", ".xls", ".ods", ".csv.zip")  # the last as Kaggle sends tables
_NUMBERS: Final = frozenset({"label", "score", "prob_tumour", "logit", "temperature"})
_READ: Final = frozenset({"id", "path", *_NUMBERS, *SLIDE_COLUMNS, "split"})
_LONGEST_HEADER: Final = 100_000
_DELIMITERS: Final = (",", ";", "\t")
_DECIMAL_COMMA: Final = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")
_AS_TEXT: Final = re.compile(r"=\"([^\"]*)\"|'(\d+)")
"""How people keep a spreadsheet from taking a number for one."""
_WHOLE: Final = 2.0**53
_PARQUET: Final = b"PAR1"
_MOST_CELLS, _OF_A_ROW = 25_000_000, 3
"""A million rows of 22 columns; each cell takes some 60 bytes, and a row as much as three."""
_SHOWN: Final = 3


@dataclass(frozen=True, eq=False)
class Table:
    """The rows of a table.

    Attributes:
        name: Of the file, for messages.
        rows: Cells as text, "" where unknown; columns lower-case; the index is the line in the
            file (the row, where the file has no lines).
        notes: What was mended or left out, each with its number.
        spelt: The columns as the file spells them, by their names here.
    """

    name: str
    rows: "pd.DataFrame"
    notes: tuple[str, ...] = ()
    spelt: Mapping[str, str] = field(default_factory=dict)

    def require(self, *columns: str) -> "Table":
        """Return the table if it has these columns.

        Raises:
            SourceError: It lacks one.
        """
        missing = [column for column in columns if column not in self.rows.columns]
        if missing:
            raise SourceError(
                f"{self.name} has the columns {', '.join(map(repr, self.spellings()))}; "
                f"expected also {', '.join(map(repr, missing))}. Name the columns in its first "
                "line."
            )
        return self

    def to_csv(self) -> bytes:
        """Return it as a CSV whose columns are called as here."""
        return self.rows.to_csv(index=False).encode()

    def spellings(self) -> list[str]:
        """Return the names of its columns as the file spells them."""
        return [self.spelt.get(column, column) for column in self.rows.columns]


def guessed_columns(columns: Sequence[str], roles: Iterable[str]) -> dict[str, str | None]:
    """Return which column of a table each of the roles in `COLUMNS` may be; None where none is."""
    return {role: next((name for name in COLUMNS[role] if name in columns), None) for role in roles}


def is_table(name: str) -> bool:
    """Return whether a file of this name is read as a table."""
    return name.lower().endswith(TABLE_SUFFIXES)


def lies_beside(name: str) -> bool:
    """Return whether a file among patches is a table, one that must be saved as text included."""
    return is_table(name) or name.lower().endswith(_SPREADSHEETS)


def read_table(file: Path, *, name: str = "", required: Sequence[str] = ()) -> Table:
    """Return the table in a file; see `parse_table`.

    Args:
        file: Where it is.
        name: What it is called where it comes from; "" as the file is.
        required: Columns that it must have.

    Raises:
        SourceError: It cannot be read, is ambiguous, or lacks a required column.
    """
    name = name or file.name
    try:
        size = file.stat().st_size
        if not file.is_file():
            raise SourceError(
                f"{name} is not a file (but a folder or a pipe). Name the table itself."
            )
        if size > MAX_TABLE_BYTES:
            raise SourceError(
                f"{name} is {size / 2**20:,.0f} MiB; a table may be at most "
                f"{MAX_TABLE_BYTES // 2**20} MiB. Split it."
            )
        data = file.read_bytes()
    except SourceError:
        raise
    except OSError as error:
        raise SourceError(
            f"{name} cannot be read ({why(error)}). Check that it is there and its permissions."
        ) from None
    return parse_table(name, data).require(*required)


def parse_table(name: str, data: bytes, *, called: Mapping[str, str] | None = None) -> Table:
    """Return the table in the bytes of a CSV (commas, semicolons or tabs) or a Parquet file.

    It may be packed by gzip.

    Args:
        name: Of the file, for messages.
        data: Its bytes.
        called: Columns of the file by their names there, and what they are to be called here; a
            column that has such a name already is left out.

    Raises:
        SourceError: It is no text, empty, has two columns of one name, or a row with more cells
            than the header or a cell that swallows rows.
    """
    if data.startswith(_PARQUET):
        return _parse_parquet(name, data, called or {})
    text, notes = decoded(name, data)
    lines = _lines(name, text)
    try:
        _, header = next(lines, (0, [""]))
        spelt = [clean(cell) for cell in header]
        columns = _renamed([cell.lower() for cell in spelt], called or {})
        if any("\ufffd" in column for column in columns):
            raise SourceError(f"{name} is not text. Save it as comma-separated UTF-8 text.")
        if not any(columns):
            raise SourceError(f"{name} names no column. Name the columns in its first line.")
        _refuse_double_columns(name, columns)
        cells, numbers, table_notes = _cells(name, columns, lines)
    except csv.Error as error:
        raise SourceError(
            f"{name} is not a readable CSV ({error}). Save it as comma-separated UTF-8 text."
        ) from None
    rows = {column: [row[place] for row in cells] for place, column in enumerate(columns) if column}
    nameless = [
        place for place, column in enumerate(columns) if not column and any(c[place] for c in cells)
    ]
    if nameless:
        table_notes += (f"{name}: {counted(len(nameless), 'column')} without a name left out.",)
    return _mended(
        name, rows, numbers, (*notes, *table_notes), dict(zip(columns, spelt, strict=True))
    )


def _renamed(columns: list[str], called: Mapping[str, str]) -> list[str]:
    taken = {ours for theirs, ours in called.items() if theirs in columns}
    return [called.get(column, "" if column in taken else column) for column in columns]


def _lines(name: str, text: str) -> Iterator[tuple[int, list[str]]]:
    """Return each row that is not blank, with its line in the file."""
    first, declared = re.split(r"[\r\n]", text.lstrip(), maxsplit=1)[0].strip().lower(), ""
    if len(first) > _LONGEST_HEADER:
        raise SourceError(
            f"{name} has a first line of {len(first):,} characters; expected the names of columns. "
            "Save it as comma-separated UTF-8 text with line breaks."
        )
    if first.startswith("sep=") and first[4:] in _DELIMITERS:  # Excel says it so
        declared = first[4:]
    unquoted = re.sub(r'"[^"]*"', "", first)
    delimiter = declared or max(_DELIMITERS, key=unquoted.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)

    def rows() -> Iterator[tuple[int, list[str]]]:
        before = 0
        skip = bool(declared)
        for row in reader:
            line, before = before + 1, reader.line_num
            if any(cell.strip() for cell in row) or len(row) > 1:
                if skip:
                    skip = False
                    continue
                yield line, row

    return rows()


def _refuse_double_columns(name: str, columns: list[str]) -> None:
    plain = [re.sub(r"\.\d+$", "", column) for column in columns]  # pandas' second is "label.1"
    counts = Counter(
        ours if ours in _READ else theirs for ours, theirs in zip(plain, columns, strict=True)
    )
    double = [column for column, count in counts.items() if column and count > 1]
    if double:
        raise SourceError(
            f"{name} has {counted(len(double), 'column name')} more than once "
            f"({', '.join(double[:_SHOWN])}); expected each once. Delete or rename one."
        )


def _cells(
    name: str, columns: list[str], lines: Iterator[tuple[int, list[str]]]
) -> tuple[list[list[str]], list[int], tuple[str, ...]]:
    """Rows of as many cells as there are columns, their lines, and what was mended."""
    width = len(columns)
    cells: list[list[str]] = []
    numbers: list[int] = []
    read = [place for place, column in enumerate(columns) if column in _READ]
    blank = headers = trailing = short = trimmed = replaced = 0
    for count, (line, raw) in enumerate(lines, start=1):
        _refuse_many_rows(name, count, width)
        row = [clean(cell) for cell in raw]
        if not any(row):
            blank += 1
            continue
        if [cell.lower() for cell in row] == columns:  # two files one after the other
            headers += 1
            continue
        if len(row) > width:
            if any(row[width:]):
                raise SourceError(
                    f"{name}, line {line}: found {len(row)} cells, expected {width} as in the "
                    "first line. Put text that contains a separator in quotation marks."
                )
            trailing += 1
            row = row[:width]
        elif len(row) < width:
            short += 1
            row += [""] * (width - len(row))
        if any("�" in row[place] and len(raw[place].strip().splitlines()) > 1 for place in read):
            raise SourceError(
                f"{name}, line {line}: found a cell that does not end with its line, so it "
                "swallows the rows below. Remove the quotation mark that opens it."
            )
        trimmed += sum(cell != cell.strip() for cell in raw)
        replaced += sum("�" in cell for cell in row)
        cells.append(row)
        numbers.append(line)
    counts = (
        (trailing, "row", "ending in one separator too many"),
        (short, "row", "with fewer cells than the first line; the rest counts as empty"),
        (blank, "row", "with no content, skipped"),
        (headers, "row", "repeating the first line, skipped"),
        (trimmed, "cell", "with spaces around the text, which were removed"),
        (replaced, "cell", "with characters that cannot be shown, which were replaced"),
    )
    return cells, numbers, noted(name, *counts)


def _refuse_many_rows(name: str, rows: int, columns: int) -> None:
    """Refuse what would fill the memory, however well the file is packed."""
    most = _MOST_CELLS // (columns + _OF_A_ROW)
    if rows > most:
        raise SourceError(
            f"{name} has more than {most:,} rows of {counted(columns, 'column')}, the most that "
            "can be read. Split the table, or leave out columns."
        )


def _parse_parquet(name: str, data: bytes, called: Mapping[str, str]) -> Table:
    import pandas as pd  # noqa: PLC0415 - the process that reads images does without
    import pyarrow.parquet as pq  # noqa: PLC0415 - likewise

    try:
        metadata = pq.read_metadata(io.BytesIO(data))
        _refuse_many_rows(name, metadata.num_rows, metadata.num_columns)
        table = pd.read_parquet(io.BytesIO(data))
    except SourceError:
        raise
    except Exception as error:  # noqa: BLE001 - a hostile file fails in any way
        raise SourceError(
            f"{name} is not a readable Parquet file ({in_a_line(error)}). Write it again."
        ) from None
    if any(table.index.names):
        table = table.reset_index()
    spelt = [clean(str(column)) for column in table.columns]
    table.columns = _renamed([column.lower() for column in spelt], called)
    _refuse_double_columns(name, list(table.columns))
    rows = {str(column): _as_text(table[column]) for column in table if column}
    names = dict(zip(table.columns, spelt, strict=True))
    return _mended(name, rows, list(range(len(table))), (), names)


def _as_text(column: "pd.Series[Any]") -> list[str]:
    unknown = column.isna().tolist()
    return [
        "" if empty else clean(_spelt(cell))
        for cell, empty in zip(column.tolist(), unknown, strict=True)
    ]


def _spelt(cell: object) -> str:
    """Bytes are text, and a whole number that a gap in its column made a fraction is whole."""
    if isinstance(cell, bytes):
        return cell.decode("utf-8", "replace")
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < _WHOLE else repr(cell)
    return str(cell)


def _mended(
    name: str,
    rows: dict[str, list[str]],
    numbers: list[int],
    notes: tuple[str, ...],
    spelt: Mapping[str, str],
) -> Table:
    """Undo guards and decimal commas; empty the cells that say "unknown"."""
    import pandas as pd  # noqa: PLC0415 - likewise

    cell_notes: list[str] = []
    for column, cells in rows.items():
        unknown = commas = texts = 0
        for place, cell in enumerate(cells):
            if not cell:
                continue
            if text := _AS_TEXT.fullmatch(cell):
                cells[place] = text[1] or text[2] or ""
                texts += 1
            elif cell[0] == "'":
                cells[place] = unguarded(cell)
            elif column != "id" and cell.lower() in (
                UNKNOWN_WORDS | _NO_SLIDE if column in SLIDE_COLUMNS else UNKNOWN_WORDS
            ):
                cells[place] = ""
                unknown += 1
            elif column in _NUMBERS and "," in cell and _DECIMAL_COMMA.fullmatch(cell):
                cells[place] = cell.replace(",", ".")
                commas += 1
        cell_notes += noted(
            name,
            (unknown if column in _READ else 0, "cell", f"in {column!r} count as unknown"),
            (texts, "cell", f"in {column!r} marked as text for a spreadsheet"),
            (commas, "number", f"in {column!r} with a decimal comma"),
        )
    table = pd.DataFrame(rows, index=pd.Index(numbers, dtype="int64"), dtype=str)
    return Table(name, table, (*notes, *cell_notes), spelt)


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


def counted(count: int, what: str, many: str = "") -> str:
    """Return e.g. "1 row" or "1,200 rows"; `many` where it is not the one with an s."""
    return f"{count:,} {what if count == 1 else many or f'{what}s'}"


def noted(name: str, *counts: tuple[int, str, str]) -> tuple[str, ...]:
    """Return a note on a table for each (count, of what, how it was) that is not of nothing."""
    return tuple(f"{name}: {counted(n, what)} {how}." for n, what, how in counts if n)
