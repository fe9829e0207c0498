"""Drawings used by the pages: the shell around each page, and the parts within them."""

from app.screens.shared.model import classifier_or_problem, settings_or_stop
from app.screens.shared.parts import (
    Stat,
    facts,
    interval_table,
    outcome_text,
    outcome_tone,
    page_title,
    patch_picture,
    score_text,
    section,
    sentences,
    show_problem,
    stat_strip,
)
from app.screens.shared.shell import shell

__all__ = [
    "Stat",
    "classifier_or_problem",
    "facts",
    "interval_table",
    "outcome_text",
    "outcome_tone",
    "page_title",
    "patch_picture",
    "score_text",
    "section",
    "sentences",
    "settings_or_stop",
    "shell",
    "show_problem",
    "stat_strip",
]
