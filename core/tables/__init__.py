"""Tables in: one reader for labels, slides, splits, scores and lists of paths."""

from core.tables.by_id import (
    KnownById,
    id_key,
    known_by_id,
    parse_label,
    shortened,
    spelled,
    split_name,
)
from core.tables.reading import (
    SLIDE_COLUMNS,
    TABLE_SUFFIXES,
    Table,
    is_table,
    parse_table,
    read_table,
)
from core.tables.text import counted, plain_text

__all__ = [
    "SLIDE_COLUMNS",
    "TABLE_SUFFIXES",
    "KnownById",
    "Table",
    "counted",
    "id_key",
    "is_table",
    "known_by_id",
    "parse_label",
    "parse_table",
    "plain_text",
    "read_table",
    "shortened",
    "spelled",
    "split_name",
]
