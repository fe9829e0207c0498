"""Tables in: one reader for labels, slides, splits, scores and lists of paths."""

from core.tables.by_id import (
    SLIDE_COLUMNS,
    KnownById,
    id_key,
    known_by_id,
    parse_label,
    spelled,
    split_name,
)
from core.tables.reading import Table, counted, parse_table, plain_text, read_table

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
    "spelled",
    "split_name",
]
