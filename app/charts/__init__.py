"""Figures from results; no Streamlit in here."""

from app.charts.batch import score_histogram
from app.charts.palette import DARK, LIGHT, Colours, palette
from app.charts.threshold import roc

__all__ = [
    "DARK",
    "LIGHT",
    "Colours",
    "palette",
    "roc",
    "score_histogram",
]
