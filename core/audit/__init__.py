"""The audit of a data set: streamed once into tables, then only filtered.

Run it with `run_audit` or `python -m core audit`; read it with `open_audit`.
"""

from core.audit.columns import CHANNELS, MEASURES, QUALITY, REGIONS, STATISTICS, TABLES
from core.audit.findings import Area, Finding, Severity
from core.audit.folder import STEPS, Audit, AuditFolder, AuditProgress, AuditSpec, open_audit
from core.audit.limits import FLAGS, QualityLimits, quality_flags

__all__ = [
    "CHANNELS",
    "FLAGS",
    "MEASURES",
    "QUALITY",
    "REGIONS",
    "STATISTICS",
    "STEPS",
    "TABLES",
    "Area",
    "Audit",
    "AuditFolder",
    "AuditProgress",
    "AuditSpec",
    "Finding",
    "QualityLimits",
    "Severity",
    "open_audit",
    "quality_flags",
]
