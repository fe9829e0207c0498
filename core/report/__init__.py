"""The PDF report of a reviewed case: the same record gives the same bytes."""

from core.report.content import FlaggedPatch, Report, ReportPlan, report_of
from core.report.document import report_pdf
from core.report.maps import ReportMaps, report_maps
from core.report.points import point_of

__all__ = [
    "FlaggedPatch",
    "Report",
    "ReportMaps",
    "ReportPlan",
    "point_of",
    "report_maps",
    "report_of",
    "report_pdf",
]
