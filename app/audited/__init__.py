"""An audit as the page shows it: which rows are looked at, why, in which order; no Streamlit."""

from app.audited.distribution import Distribution, distribution
from app.audited.filter import Order, PatchFilter, listed
from app.audited.shown import Chosen, Shown, choose
from app.audited.tables import csv_bytes, exported, parquet_bytes, review_table
from app.audited.view import AuditView, Rows, nearest

__all__ = [
    "AuditView",
    "Chosen",
    "Distribution",
    "Order",
    "PatchFilter",
    "Rows",
    "Shown",
    "choose",
    "csv_bytes",
    "distribution",
    "exported",
    "listed",
    "nearest",
    "parquet_bytes",
    "review_table",
]
