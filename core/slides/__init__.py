"""Slides: read at the spacing that the model judges, scored cell by cell, and exported.

Needs the extra `slides` (OpenSlide, tifffile).
"""

from core.slides.cells import CellResult, Cells, CellState
from core.slides.exports import Placing, write_cell_features, write_region_features, write_tables
from core.slides.heat_map import overview, write_heat_map
from core.slides.journal import SlideJournal, SlideSpec, specify_slide
from core.slides.outlines import Region, find_regions
from core.slides.result import SlideWatch, score_into
from core.slides.run import cell_patch, score_slide
from core.slides.spacing import ClaimedSpacing, Spacing, settle_spacing
from core.slides.tissue import CELL_PX, Tissue, TissueRule, find_tissue
from core.slides.view import SlideView, open_slide

__all__ = [
    "CELL_PX",
    "CellResult",
    "CellState",
    "Cells",
    "ClaimedSpacing",
    "Placing",
    "Region",
    "SlideJournal",
    "SlideSpec",
    "SlideView",
    "SlideWatch",
    "Spacing",
    "Tissue",
    "TissueRule",
    "cell_patch",
    "find_regions",
    "find_tissue",
    "open_slide",
    "overview",
    "score_into",
    "score_slide",
    "settle_spacing",
    "specify_slide",
    "write_cell_features",
    "write_heat_map",
    "write_region_features",
    "write_tables",
]
