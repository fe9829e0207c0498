"""Figures from results; no Streamlit in here."""

from app.charts.batch import (
    DARK,
    LIGHT,
    Palette,
    dress,
    outcome_colours,
    palette,
    roc,
    score_histogram,
)

__all__ = [
    "DARK",
    "LIGHT",
    "Palette",
    "dress",
    "outcome_colours",
    "palette",
    "roc",
    "score_histogram",
]
