"""Rows of an audit as they are taken home, or to a review."""

import io
from collections.abc import Sequence

import pandas as pd

from core.audit.browse.view import AuditView, Rows
from core.files import no_formula


def exported(view: AuditView, rows: Rows) -> pd.DataFrame:
    """Return rows with everything that is known of them, as they are taken home."""
    part = view.patches.iloc[rows].assign(flags=[", ".join(view.flags_of[row]) for row in rows])
    if view.scores is None:
        return part
    known = view.scores.iloc[rows]
    return part.assign(prob_tumour=known["prob_tumour"], predicted_label=known["predicted_label"])


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """Return a table as CSV whose text cannot be run by a spreadsheet."""
    text = frame.select_dtypes(include=["object", "str"]).columns
    safe = frame.assign(**{name: frame[name].map(_cell) for name in text})
    return safe.to_csv(index=False).encode()


def _cell(cell: object) -> object:
    return no_formula(cell) if isinstance(cell, str) else cell


def parquet_bytes(frame: pd.DataFrame) -> bytes:
    """Return a table as Parquet."""
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()


def review_table(view: AuditView, rows: Rows | Sequence[int]) -> pd.DataFrame:
    """Return what names patches to a reader: id, path, hash, label, slide, split."""
    columns = ["id", "path", "sha256", "label", "slide", "split"]
    return view.patches.iloc[list(rows)][columns]
