"""Tables from other programs: labels, slides, splits, scores and lists of paths, read by one rule.

Spreadsheets and scripts write the same table in many ways. What can only be meant one way is
mended, and said with a number; what could be meant in two ways is refused by its line.
"""

import csv
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pandas as pd

from core.errors import SourceError

MAX_TABLE_BYTES: Final = 512 * 1024 * 1024
UNKNOWN_WORDS: Final = frozenset(
    {"nan", "na", "n/a", "#n/a", "<na>", "none", "null", "nil", "unknown"}
)
_NAMES: Final = frozenset({"id", "path"})
"""Columns in which such a word is a name like any other."""
_NUMBERS: Final = frozenset({"label", "score", "prob_tumour", "logit"})
_DELIMITERS: Final = (",", ";", "\t")
_GUARDED: Final = re.compile(r"'+[=+\-@＝＋－＠\t\r\n]")  # noqa: RUF001 - full-width on purpose
_DECIMAL_COMMA: Final = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?")
_IMAGE_SUFFIX: Final = re.compile(r"\.(tiff?|png|jpe?g|bmp|webp)$", re.IGNORECASE)
_UNSHOWABLE: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_SPLIT_WORDS: Final = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "dev"), "val"),
    **dict.fromkeys(("test", "testing", "tst", "held-out", "heldout", "holdout"), "test"),
}
_SHOWN: Final = 3


@dataclass(frozen=True, eq=False)
class Table:
    """The rows of a table.

    Attributes:
        name: Of the file, for messages.
        rows: Cells as text, "" where unknown; columns lower-case; the index is the line in the
            file (the row, where the file has no lines).
        notes: What was mended or left out, each with its number.
    """

    name: str
    rows: pd.DataFrame
    notes: tuple[str, ...] = ()

    def require(self, *columns: str) -> "Table":
        """Return the table if it has these columns.

        Raises:
            SourceError: It lacks one.
        """
        missing = [column for column in columns if column not in self.rows.columns]
        if missing:
            raise SourceError(
                f"{self.name} has the columns {', '.join(map(repr, self.rows.columns))}; "
                f"expected also {', '.join(map(repr, missing))}. Name the columns in its first "
                "line."
            )
        return self


def read_table(file: Path, *, required: Sequence[str] = ()) -> Table:
    """Return the table in a CSV or Parquet file.

    Raises:
        SourceError: It cannot be read, is ambiguous, or lacks a required column.
    """
    if file.suffix.lower() == ".parquet":
        return _read_parquet(file).require(*required)
    try:
        if file.stat().st_size > MAX_TABLE_BYTES:
            raise SourceError(
                f"{file.name} has {file.stat().st_size / 2**20:,.0f} MiB; a table has at most "
                f"{MAX_TABLE_BYTES // 2**20} MiB. Split it."
            )
        data = file.read_bytes()
    except SourceError:
        raise
    except OSError as error:
        raise SourceError(
            f"{file.name} cannot be read ({error.strerror or error}). Check that it is there and "
            "its permissions."
        ) from None
    return parse_table(file.name, data).require(*required)


def parse_table(name: str, data: bytes) -> Table:
    """Return the table in the bytes of a CSV: separated by commas, semicolons or tabs.

    Raises:
        SourceError: It is no text, empty, has two columns of one name, or a row with more cells
            than the header.
    """
    text, notes = _decoded(name, data)
    delimiter, lines = _lines(name, text)
    try:
        header = next(lines)[1]
        columns = [_clean(cell).lower() for cell in header]
        _refuse_double_columns(name, columns)
        cells, numbers, said = _cells(name, columns, lines)
    except csv.Error as error:
        raise SourceError(
            f"{name} is not a readable CSV ({error}). Save it as comma-separated UTF-8 text."
        ) from None
    if delimiter != ",":
        notes += (f"{name} is separated by {'tabs' if delimiter == chr(9) else 'semicolons'}.",)
    named = [place for place, column in enumerate(columns) if column]
    rows = pd.DataFrame(
        {columns[place]: [row[place] for row in cells] for place in named},
        index=pd.Index(numbers, dtype="int64"),
        dtype=str,
    )
    nameless = [
        place for place, column in enumerate(columns) if not column and any(c[place] for c in cells)
    ]
    if nameless:
        said += (f"{name}: {_counted(len(nameless), 'column')} without a name left out.",)
    return _mended(name, rows, (*notes, *said))


def _decoded(name: str, data: bytes) -> tuple[str, tuple[str, ...]]:
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        encoding, notes = "utf-16", (f"{name} is UTF-16 text.",)
    else:
        encoding, notes = "utf-8-sig", ()
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")
        notes = (f"{name} is not UTF-8; its letters are read as Windows-1252.",)
    if "\0" in text[:4096]:
        raise SourceError(f"{name} is no text. Save it as comma-separated UTF-8 text.")
    if not text.strip():
        raise SourceError(f"{name} is empty. Name the columns in its first line.")
    return text, notes


def _lines(name: str, text: str) -> tuple[str, Iterator[tuple[int, list[str]]]]:
    """The delimiter, and each row that is not blank with its line in the file."""
    first, declared = text.lstrip().split("\n", 1)[0].strip().lower(), ""
    if first.startswith("sep=") and first[4:] in _DELIMITERS:  # Excel says it so
        declared = first[4:]
    unquoted = re.sub(r'"[^"]*"', "", first)
    delimiter = declared or max(_DELIMITERS, key=unquoted.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)

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

    return delimiter, rows()


def _refuse_double_columns(name: str, columns: list[str]) -> None:
    double = [column for column, count in Counter(columns).items() if column and count > 1]
    if double:
        raise SourceError(
            f"{name} has {_counted(len(double), 'column name')} more than once "
            f"({', '.join(double[:_SHOWN])}); expected each once. Delete or rename one."
        )


def _cells(
    name: str, columns: list[str], lines: Iterator[tuple[int, list[str]]]
) -> tuple[list[list[str]], list[int], tuple[str, ...]]:
    """Rows of as many cells as there are columns, their lines, and what was mended."""
    width = len(columns)
    cells: list[list[str]] = []
    numbers: list[int] = []
    blank = trailing = short = trimmed = replaced = 0
    for line, raw in lines:
        row = [_clean(cell) for cell in raw]
        if not any(row):
            blank += 1
            continue
        if len(row) > width:
            if any(row[width:]):
                raise SourceError(
                    f"{name}, line {line}: found {len(row)} cells, expected {width} as in the "
                    "first line. Put text that holds a separator in quotation marks."
                )
            trailing += 1
            row = row[:width]
        elif len(row) < width:
            short += 1
            row += [""] * (width - len(row))
        trimmed += sum(cell != cell.strip() for cell in raw)
        replaced += sum("�" in cell for cell in row)
        cells.append(row)
        numbers.append(line)
    said = (
        (trailing, "row", "ending in a separator too many"),
        (short, "row", "with fewer cells than the first line; the rest counts as empty"),
        (blank, "row", "without any content left out"),
        (trimmed, "cell", "with spaces around the text, which were taken off"),
        (replaced, "cell", "with characters that cannot be shown, which were replaced"),
    )
    notes = tuple(f"{name}: {_counted(n, what)} {how}." for n, what, how in said if n)
    return cells, numbers, notes


def _read_parquet(file: Path) -> Table:
    try:
        found = pd.read_parquet(file)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SourceError(
            f"{file.name} is not a readable Parquet file ({' '.join(str(error).split())[:120]}). "
            "Write it again."
        ) from None
    if any(found.index.names):
        found = found.reset_index()
    found.columns = [_clean(str(column)).lower() for column in found.columns]
    _refuse_double_columns(file.name, list(found.columns))
    rows = pd.DataFrame({column: _as_text(found[column]) for column in found}, dtype=str)
    return _mended(file.name, rows, ())


def _as_text(column: "pd.Series[str]") -> list[str]:
    unknown = column.isna().tolist()
    return [
        "" if empty else _clean(repr(cell) if isinstance(cell, float) else str(cell))
        for cell, empty in zip(column.tolist(), unknown, strict=True)
    ]


def _mended(name: str, rows: pd.DataFrame, notes: tuple[str, ...]) -> Table:
    """Undo guards and decimal commas; empty the cells that say "unknown"."""
    said = []
    for column in rows.columns:
        cells: list[str] = rows[column].tolist()
        unknown = commas = 0
        for place, cell in enumerate(cells):
            if not cell:
                continue
            if cell[0] == "'" and _GUARDED.match(cell):
                cells[place] = cell[1:]
            elif column not in _NAMES and cell.lower() in UNKNOWN_WORDS:
                cells[place] = ""
                unknown += 1
            elif column in _NUMBERS and "," in cell and _DECIMAL_COMMA.fullmatch(cell):
                cells[place] = cell.replace(",", ".")
                commas += 1
        rows[column] = cells
        if unknown:
            said.append(f"{name}: {_counted(unknown, 'cell')} in {column!r} count as unknown.")
        if commas:
            said.append(f"{name}: {_counted(commas, 'number')} in {column!r} with a decimal comma.")
    return Table(name, rows, (*notes, *said))


def plain_text(text: str) -> str:
    """Return text that can be shown anywhere: no control and no direction characters."""
    if text.isascii() and text.isprintable():
        return text
    return "".join("�" if unicodedata.category(char) in _UNSHOWABLE else char for char in text)


def _clean(cell: str) -> str:
    cell = cell.strip().strip("\ufeff\u200b").strip()
    return cell if cell.isascii() and cell.isprintable() else _showable(cell)


def _showable(cell: str) -> str:
    return plain_text(unicodedata.normalize("NFC", cell))


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def split_name(text: str) -> str:
    """Return the part of a data set that a word names: train, val or test, else the word."""
    folded = text.strip().lower()
    return _SPLIT_WORDS.get(folded, folded)


def parse_label(text: str, name: str) -> int | None:
    """Return 0, 1, or None for an empty cell.

    Args:
        text: The cell.
        name: The table's, for the message.

    Raises:
        SourceError: The cell holds something else.
    """
    text = text.strip()
    if not text:
        return None
    if text not in {"0", "1", "0.0", "1.0"}:
        raise SourceError(
            f"{name} has the label {text[:20]!r}; expected 1 (tumour in the centre), "
            "0 (none) or an empty cell. Correct the table."
        )
    return int(text[0])


def id_key(text: str) -> str:
    """Return an id, or a path, in the one spelling that ids are compared in.

    Forward slashes, composed letters, without the suffix of an image file.
    """
    text = text.replace("\\", "/").removeprefix("./")
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    return _IMAGE_SUFFIX.sub("", text)


@dataclass(frozen=True, eq=False)
class KnownById:
    """What a table says of each id.

    Attributes:
        rows: Cells by `id_key`, in the table's order; of ids that come twice the first row.
        ids: The id as the table has it, by `id_key`.
        notes: What was mended, left out or repeated, each with its number.
        contradictions: Ids with two values, in sentences; nobody can say which one is right.
    """

    rows: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    ids: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    contradictions: tuple[str, ...] = ()

    def key_of(self, patch_id: str, path: str) -> str | None:
        """Return under which key a patch is listed, by its id or the end of its path; else None."""
        own = id_key(patch_id)
        if own in self.rows or patch_id in self.rows:
            return own if own in self.rows else patch_id
        parts = id_key(path).split("/")
        tails = ("/".join(parts[start:]) for start in range(len(parts) - 1, -1, -1))
        return next((tail for tail in tails if tail in self.rows), None)

    def of(self, patch_id: str, path: str) -> Mapping[str, str]:
        """Return what is known of a patch, nothing if it is not listed."""
        key = self.key_of(patch_id, path)
        return {} if key is None else self.rows[key]


def known_by_id(table: Table, columns: Sequence[str]) -> KnownById:
    """Return some columns of a table by id.

    A column "split" is brought to train, val and test; slides whose names differ in capitals only
    are one slide.

    Args:
        table: With a column `id`.
        columns: Which columns; those that it lacks are skipped.
    """
    table.require("id")
    present = [column for column in columns if column in table.rows.columns]
    values = {column: table.rows[column].tolist() for column in present}
    notes = list(table.notes)
    if "split" in values:
        values["split"] = _rewritten(values["split"], split_name, table.name, "split", notes)
    for column in ("slide", "wsi"):
        if column in values:
            first: dict[str, str] = {}
            values[column] = _rewritten(
                values[column],
                lambda cell, first=first: first.setdefault(cell.casefold(), cell),  # type: ignore[misc]
                table.name,
                column,
                notes,
            )
    rows: dict[str, Mapping[str, str]] = {}
    ids: dict[str, str] = {}
    repeated: set[str] = set()
    contradictory: dict[str, list[str]] = {column: [] for column in present}
    suffixed = 0
    for number, patch_id in enumerate(table.rows["id"].tolist()):
        if not patch_id:
            continue
        key = id_key(patch_id)
        suffixed += _IMAGE_SUFFIX.search(patch_id) is not None
        row = {column: values[column][number] for column in present}
        if key not in rows:
            rows[key], ids[key] = row, patch_id
            continue
        repeated.add(key)
        for column in present:
            if row[column] != rows[key][column] and key not in contradictory[column]:
                contradictory[column].append(key)
    if suffixed:
        notes.append(
            f"{table.name}: {_counted(suffixed, 'id')} with the suffix of a file, such as .tif; "
            "matched without it."
        )
    empty = int((table.rows["id"] == "").sum())
    if empty:
        notes.append(f"{table.name}: {_counted(empty, 'row')} without an id left out.")
    if repeated:
        notes.append(
            f"{table.name}: {_counted(len(repeated), 'id')} more than once; the first row counts."
        )
    contradictions = tuple(
        f"{table.name} gives {_counted(len(keys), 'id')} more than one {column} "
        f"({', '.join(ids[key] for key in keys[:_SHOWN])}{', …' if len(keys) > _SHOWN else ''})."
        for column, keys in contradictory.items()
        if keys
    )
    return KnownById(rows, ids, tuple(notes), contradictions)


def _rewritten(
    cells: list[str], rule: Callable[[str], str], name: str, column: str, notes: list[str]
) -> list[str]:
    """Cells under a rule; how many changed is noted."""
    changed = [rule(cell) if cell else "" for cell in cells]
    different = sum(a != b for a, b in zip(cells, changed, strict=True))
    if different:
        example = next(f"{a!r} is {b!r}" for a, b in zip(cells, changed, strict=True) if a != b)
        notes.append(f"{name}: {_counted(different, 'cell')} in {column!r} spelt anew ({example}).")
    return changed
