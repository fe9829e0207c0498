"""The PDF reports: the same record, patches and model give the same bytes."""

from core.report.batch import ScoredBatch, batch_pdf
from core.report.content import FlaggedPatch, Report, ReportPlan, point_of, report_of
from core.report.document import report_pdf
from core.report.local import local_pdf
from core.report.maps import ReportMaps, report_maps

__all__ = [
    "FlaggedPatch",
    "Report",
    "ReportMaps",
    "ReportPlan",
    "ScoredBatch",
    "batch_pdf",
    "local_pdf",
    "point_of",
    "report_maps",
    "report_of",
    "report_pdf",
]
