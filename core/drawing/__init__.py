"""Drawn patches that look like H&E lymph node at 10x: for demonstrations and tests, not tissue."""

from core.drawing.field import DrawnField, draw_field
from core.drawing.kinds import TissueKind, TumourPlace
from core.drawing.patch import DrawnPatch, draw_patch, draw_set
from core.drawing.stain import SlideStain, draw_stain

__all__ = [
    "DrawnField",
    "DrawnPatch",
    "SlideStain",
    "TissueKind",
    "TumourPlace",
    "draw_field",
    "draw_patch",
    "draw_set",
    "draw_stain",
]
