"""An audit on disk: a folder of tables, readable while the audit still runs.

    audit.json       what is audited (`AuditSpec`); an audit resumes only under the same
    progress.json    how far it is (`AuditProgress`)
    parts/           rows of `patches` as they are measured, one file a block, until all are there
    NAME.parquet     the tables of `columns.TABLES`, each there once its step is done
    findings.json    the findings at the default limits
    report.html      the report, once written

Every file is replaced whole, so a reader never sees a torn one.
"""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Final

import pandas as pd

from core.audit.columns import IDENTITY, MEASURES, TABLES
from core.audit.findings import Finding, find
from core.audit.limits import QualityLimits, quality_flags
from core.errors import RunError
from core.files import Below, write_json, write_table

FORMAT: Final = 1
"""Of the tables; another number means other measures, which must not be mixed."""

STEPS: Final = (
    "measure",
    "relations",
    "splits",
    "statistics",
    "probes",
    "labels",
    "report",
)
"""The steps of an audit in their order."""


@dataclass(frozen=True)
class AuditSpec:
    """All that decides the rows of an audit.

    Attributes:
        source: Name of the source.
        source_kind: See `PatchSource.kind`.
        source_fingerprint: Hash over the inputs' paths, labels, slides and splits.
        inputs: How many.
        format: `FORMAT` of the code that measured.
    """

    source: str
    source_kind: str
    source_fingerprint: str
    inputs: int
    format: int = FORMAT


class Skip(StrEnum):
    """Why a step was left out."""

    NO_SCORES = "no-scores"
    NO_SIGNATURES = "no-signatures"
    NO_RELATIONS = "no-relations"
    NO_SPLITS = "no-splits"
    ONE_CLASS = "one-class"

    @property
    def reason(self) -> str:
        """Why, in words."""
        return _REASONS[self]


_REASONS: Final = {
    Skip.NO_SCORES: "no scores were given (--scores)",
    Skip.NO_SIGNATURES: "the patches were measured without signatures",
    Skip.NO_RELATIONS: "related patches were not searched for",
    Skip.NO_SPLITS: "the data have no splits",
    Skip.ONE_CLASS: "the data has no labels of both classes",
}
_WRITTEN: Final = {skip.value: skip for skip in Skip} | {
    why: skip for skip, why in _REASONS.items()
}
"""What stands in `progress.json`; audits before version 0.2 wrote the sentences."""


@dataclass(frozen=True)
class AuditProgress:
    """How far an audit is.

    Attributes:
        step: The step under way, "" before the first and after the last.
        done: Units of that step that are done.
        total: Of how many; 0 if unknown.
        finished: Steps that are done.
        skipped: Steps that were not asked for or could not be done, each with the reason.
        seconds: Time spent in each finished step, over all runs.
        updated: When this was written, ISO 8601 in UTC.
    """

    step: str = ""
    done: int = 0
    total: int = 0
    finished: tuple[str, ...] = ()
    skipped: dict[str, Skip] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    updated: str = ""

    @property
    def complete(self) -> bool:
        """Whether every step is done or skipped."""
        return set(STEPS) <= {*self.finished, *self.skipped}

    def why_not(self, step: str, otherwise: str = "") -> str:
        """Return why a step was left out, in words; `otherwise` where it was not."""
        return self.skipped[step].reason if step in self.skipped else otherwise


@dataclass(frozen=True)
class AuditFolder:
    """The files of one audit."""

    path: Path

    parts = Below("path", "parts")
    """Where measured blocks wait."""
    findings = Below("path", "findings.json")
    """The findings as JSON."""
    report = Below("path", "report.html")
    """The report as HTML."""

    def table(self, name: str) -> Path:
        """Return the file of a table; KeyError if there is no table of that name."""
        if name not in TABLES:
            raise KeyError(name)
        return self.path / f"{name}.parquet"

    def clear(self) -> None:
        """Delete what an audit wrote, and nothing else; scores go by contents and stay."""
        shutil.rmtree(self.parts, ignore_errors=True)
        tables = [self.table(name) for name in TABLES if name != "scores"]
        own = [self.path / "audit.json", self.path / "progress.json", self.findings, self.report]
        for file in (*own, *tables):
            file.unlink(missing_ok=True)

    def part_files(self) -> list[Path]:
        """Return the measured blocks in order."""
        return sorted(self.parts.glob("patches-*.parquet")) if self.parts.is_dir() else []

    def read(self, name: str, columns: Sequence[str] | None = None) -> pd.DataFrame | None:
        """Return a table, None if it is not there yet; `patches` as far as it is measured."""
        file = self.table(name)
        column_names = None if columns is None else list(columns)
        if name != "patches":
            return pd.read_parquet(file, columns=column_names) if file.is_file() else None
        column_names = column_names or [*IDENTITY.names, *MEASURES]
        parts = [] if file.is_file() else self.part_files()
        if not parts and not file.is_file():
            return None
        try:
            table = pd.concat(
                [pd.read_parquet(part, columns=column_names) for part in parts or [file]],
                ignore_index=True,
            )
        except FileNotFoundError:  # the audit has just moved the blocks into their table
            table = pd.read_parquet(file, columns=column_names)
        return table.astype({"label": "Int8"}) if "label" in column_names else table

    def write(self, name: str, table: pd.DataFrame) -> None:
        """Write a table, whole or not at all."""
        write_table(self.table(name), table)

    def read_spec(self) -> AuditSpec:
        """Return what is audited.

        Raises:
            RunError: The folder holds no audit.
        """
        try:
            content = json.loads((self.path / "audit.json").read_text("utf-8"))
            return AuditSpec(**content)
        except (OSError, ValueError, TypeError):
            raise RunError(
                f"{self.path.name} contains no audit. Run `python -m core audit SOURCE --out "
                f"{self.path.name}` first."
            ) from None

    def write_spec(self, spec: AuditSpec) -> None:
        """Write what is audited."""
        write_json(self.path / "audit.json", asdict(spec), indent=1)

    def read_progress(self) -> AuditProgress:
        """Return how far the audit is; nothing done if it has not begun."""
        try:
            content = json.loads((self.path / "progress.json").read_text("utf-8"))
        except (OSError, ValueError):
            return AuditProgress()
        known = {each.name for each in fields(AuditProgress)}
        kept = {key: value for key, value in content.items() if key in known}
        skipped = {
            step: _WRITTEN[why] for step, why in kept.get("skipped", {}).items() if why in _WRITTEN
        }
        finished = tuple(kept.get("finished", ()))
        return AuditProgress(**(kept | {"finished": finished, "skipped": skipped}))

    def undo(self, *steps: str) -> None:
        """Have steps done again when the audit is continued, and the report."""
        progress = self.read_progress()
        again = {*steps, "report"}
        self.write_progress(
            replace(
                progress,
                finished=tuple(step for step in progress.finished if step not in again),
                skipped={s: why for s, why in progress.skipped.items() if s not in again},
            )
        )

    def write_progress(self, progress: AuditProgress) -> None:
        """Write how far the audit is."""
        write_json(self.path / "progress.json", asdict(progress), indent=1)


_DEFAULTS = QualityLimits()


@dataclass(frozen=True)
class Audit:
    """One audit. A table is read once and kept; open again to see what came since."""

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
