"""An audit as the page shows it: which rows are looked at, why, in which order; no Streamlit."""

from core.audit.browse.shown import (
    Chosen,
    PatchChoice,
    PatchFilter,
    PatchOrder,
    choose,
    listed,
)
from core.audit.browse.view import (
    AuditView,
    Distribution,
    Rows,
    csv_bytes,
    distribution,
    exported,
    nearest,
    parquet_bytes,
    review_table,
)

__all__ = [
    "AuditView",
    "Chosen",
    "Distribution",
    "PatchChoice",
    "PatchFilter",
    "PatchOrder",
    "Rows",
    "choose",
    "csv_bytes",
    "distribution",
    "exported",
    "listed",
    "nearest",
    "parquet_bytes",
    "review_table",
]
