"""A finished or running audit, opened for reading; everything in it is filtered, not computed."""

from dataclasses import dataclass
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

    @property
    def progress(self) -> AuditProgress:
        """How far it is, read anew each time."""
        return self.folder.read_progress()

    @cached_property
    def patches(self) -> pd.DataFrame:
        """One row per input that was measured so far; see `columns`. Empty before the first."""
        table = self.folder.read("patches")
        return pd.DataFrame() if table is None else table

    @cached_property
    def table_faults(self) -> pd.DataFrame | None:
        """Faults of the tables beside the patches; this and all below: None until ready."""
        return self.folder.read("table_faults")

    @cached_property
    def balance(self) -> pd.DataFrame | None:
        """Patches and tumour share: in all, per split, per slide."""
        return self.folder.read("balance")

    @cached_property
    def summaries(self) -> pd.DataFrame | None:
        """Each measure per class, split and slide."""
        return self.folder.read("summaries")

    @cached_property
    def contrasts(self) -> pd.DataFrame | None:
        """Centre against ring by class."""
        return self.folder.read("contrasts")

    @cached_property
    def associations(self) -> pd.DataFrame | None:
        """The AUROC of each measure alone."""
        return self.folder.read("associations")

    @cached_property
    def pairs(self) -> pd.DataFrame | None:
        """Related patches."""
        return self.folder.read("pairs")

    @cached_property
    def groups(self) -> pd.DataFrame | None:
        """Groups of related patches."""
        return self.folder.read("groups")

    @cached_property
    def splits(self) -> pd.DataFrame | None:
        """Leakage between splits."""
        return self.folder.read("splits")

    @cached_property
    def probes(self) -> pd.DataFrame | None:
        """What trivial models reach."""
        return self.folder.read("probes")

    @cached_property
    def embedding(self) -> pd.DataFrame | None:
        """The map of patches."""
        return self.folder.read("embedding")

    @cached_property
    def label_candidates(self) -> pd.DataFrame | None:
        """Labels worth a second look."""
        return self.folder.read("label_candidates")

    def flags(self, limits: QualityLimits = _DEFAULTS) -> pd.DataFrame:
        """Return the quality flags of every patch under some limits."""
        return quality_flags(self.patches, limits)

    def findings(self, limits: QualityLimits = _DEFAULTS) -> tuple[Finding, ...]:
        """Return what was found so far, errors first, under some limits."""
        return find(self, limits)


def open_audit(folder: Path) -> Audit:
    """Return the audit in a folder, finished or running.

    Raises:
        RunError: The folder holds no audit.
    """
    files = AuditFolder(folder)
    return Audit(files, files.read_spec())
