"""Tables in: one reader for labels, slides, splits, scores and lists of paths."""

from core.tables.by_id import (
    SLIDE_COLUMNS,
    KnownById,
    id_key,
    known_by_id,
    parse_label,
    shortened,
    spelled,
    split_name,
)
from core.tables.reading import Table, parse_table, read_table
from core.tables.text import counted, plain_text

__all__ = [
    "SLIDE_COLUMNS",
    "KnownById",
    "Table",
    "counted",
    "id_key",
    "known_by_id",
    "parse_label",
    "parse_table",
    "plain_text",
    "read_table",
    "shortened",
    "spelled",
    "split_name",
]
