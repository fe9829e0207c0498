"""Drawn patches that look like H&E lymph node at 10x: for demonstrations and tests, not tissue."""

from tools.drawing.kinds import TissueKind, TumourPlace
from tools.drawing.patch import DrawnPatch, draw_patch, draw_set
from tools.drawing.stain import SlideStain, draw_stain

__all__ = [
    "DrawnPatch",
    "SlideStain",
    "TissueKind",
    "TumourPlace",
    "draw_patch",
    "draw_set",
    "draw_stain",
]
