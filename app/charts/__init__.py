"""Figures from results; no Streamlit in here."""

from app.charts.batch import roc, score_histogram
from app.charts.palette import DARK, LIGHT, Colours, dress, outcome_colours, palette

__all__ = [
    "DARK",
    "LIGHT",
    "Colours",
    "dress",
    "outcome_colours",
    "palette",
    "roc",
    "score_histogram",
]
