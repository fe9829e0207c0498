"""Figures from results; no Streamlit in here."""

from app.charts.batch import score_histogram
from app.charts.palette import DARK, LIGHT, Colours, dress, outcome_colours, palette
from app.charts.threshold import roc

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
