"""A finished or running audit, opened for reading; everything in it is filtered, not computed."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pandas as pd

from core.audit.finding import Finding
from core.audit.findings import find
from core.audit.folder import AuditFolder, AuditProgress, AuditSpec
from core.audit.limits import QualityLimits, quality_flags

_DEFAULTS = QualityLimits()


@dataclass(frozen=True)
class Audit:
    """One audit. A table is read once and kept; open again to see what came since.

    Attributes:
        folder: Its files.
        spec: What was audited.
    """

    folder: AuditFolder
    spec: AuditSpec
    _read: dict[str, pd.DataFrame | None] = field(default_factory=dict, repr=False, compare=False)

    @property
    def progress(self) -> AuditProgress:
        """How far it is, read anew each time."""
        return self.folder.read_progress()

    @cached_property
    def patches(self) -> pd.DataFrame:
        """One row per input that was measured so far; see `columns`. Empty before the first."""
        table = self.folder.read("patches")
        return pd.DataFrame() if table is None else table

    def table(self, name: str) -> pd.DataFrame | None:
        """Return another table of `columns.TABLES`; None until its step is done."""
        if name not in self._read:
            self._read[name] = self.folder.read(name)
        return self._read[name]

    def flags(self, limits: QualityLimits = _DEFAULTS) -> pd.DataFrame:
        """Return the quality flags of every patch under some limits."""
        return quality_flags(self.patches, limits)

    def findings(self, limits: QualityLimits = _DEFAULTS) -> tuple[Finding, ...]:
        """Return what was found so far, errors first, under some limits."""
        return find(self.patches, self.table, limits)


def open_audit(folder: Path) -> Audit:
    """Return the audit in a folder, finished or running.

    Raises:
        RunError: The folder holds no audit.
    """
    files = AuditFolder(folder)
    return Audit(files, files.read_spec())
