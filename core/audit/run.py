"""An audit from start to finish: named steps, each of which leaves a table and is done once."""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.audit.audit import Audit
from core.audit.finding import Fault
from core.audit.folder import STEPS, AuditFolder, AuditProgress
from core.audit.inputs import Inputs
from core.audit.measuring import Signatures, join_blocks, measure_source
from core.audit.reading import read_input
from core.audit.relations import find_relations, signatures
from core.audit.report import write_report
from core.audit.summaries import associations, balance, contrasts, summaries
from core.errors import RunError
from core.patches import ImageU8, Patch


@dataclass(frozen=True, eq=False)
class Watch:
    """Who is told of progress and asked whether to stop.

    Attributes:
        on_progress: Called with (step, units done, units).
        should_stop: Asked often; an audit that stopped goes on where it was.
    """

    on_progress: Callable[[str, int, int], None] = lambda step, done, total: None
    should_stop: Callable[[], bool] = lambda: False


def prepare(inputs: Inputs, path: Path, *, resume: bool) -> AuditFolder:
    """Return the folder of an audit, new or to be continued.

    Args:
        inputs: What to audit.
        path: The folder, made if missing.
        resume: Continue what is there instead of starting anew.

    Raises:
        RunError: What is there is of other inputs, or not an audit at all.
    """
    folder = AuditFolder(path)
    spec = inputs.spec()
    path.mkdir(parents=True, exist_ok=True)
    if any(path.iterdir()):
        found = folder.read_spec()
        if resume:
            different = [
                f"{field.name} {getattr(found, field.name)!r}, now {getattr(spec, field.name)!r}"
                for field in fields(spec)
                if getattr(found, field.name) != getattr(spec, field.name)
            ]
            if different:
                raise RunError(
                    f"The audit in {path.name} cannot be continued: it had "
                    f"{'; '.join(different)}. Give the same source, or start anew elsewhere."
                )
            return folder
        _clear(folder)
    folder.write_spec(spec)
    folder.write_progress(AuditProgress())
    return folder


def _clear(folder: AuditFolder) -> None:
    """Delete the files of an audit, and nothing else."""
    shutil.rmtree(folder.parts, ignore_errors=True)
    for file in folder.files():
        file.unlink(missing_ok=True)


def run_audit(
    inputs: Inputs,
    folder: AuditFolder,
    *,
    watch: Watch | None = None,
    signatures: Signatures | None = signatures,
) -> bool:
    """Do the steps that are not done yet; return whether the audit is complete.

    Args:
        inputs: As they were given to `prepare`.
        folder: From `prepare`.
        watch: Progress and stop.
        signatures: See `measure_source`.
    """
    run = _Run(inputs, folder, watch or Watch(), signatures)
    return all(run.step(name) for name in STEPS)


class _Run:
    """One run over the steps."""

    def __init__(
        self, inputs: Inputs, folder: AuditFolder, watch: Watch, signatures: Signatures | None
    ) -> None:
        self.inputs = inputs
        self.folder = folder
        self.watch = watch
        self.signatures = signatures
        self.progress = folder.read_progress()
        self._told = 0.0

    def step(self, name: str) -> bool:
        """Do a step unless it is done; return False if it was stopped."""
        if name in self.progress.finished or name in self.progress.skipped:
            return True
        if self.watch.should_stop():
            return False
        started = time.perf_counter()
        self._write(replace(self.progress, step=name, done=0, total=0))
        reason = getattr(self, f"_{name}")()
        seconds = self.progress.seconds.get(name, 0.0) + time.perf_counter() - started
        spent = self.progress.seconds | {name: round(seconds, 3)}
        if reason is None:
            self._write(replace(self.progress, seconds=spent))
            return False
        if reason:
            skipped = self.progress.skipped | {name: reason}
            self._write(replace(self.progress, step="", skipped=skipped))
            return True
        finished = (*self.progress.finished, name)
        self._write(replace(self.progress, step="", finished=finished, seconds=spent))
        return True

    def _write(self, progress: AuditProgress) -> None:
        self.progress = replace(progress, updated=datetime.now(UTC).isoformat(timespec="seconds"))
        self.folder.write_progress(self.progress)

    def tell(self, done: int, total: int) -> None:
        """Pass progress on, and write it down at most twice a second."""
        self.watch.on_progress(self.progress.step, done, total)
        now = time.monotonic()
        if now - self._told > 0.5:
            self._told = now
            self._write(replace(self.progress, done=done, total=total))

    # Each step returns "" when done, None when stopped, or why it cannot be done.

    def _measure(self) -> str | None:
        if not self.folder.table("patches").is_file():
            whole = measure_source(
                self.inputs.source,
                self.folder,
                signatures=self.signatures,
                on_progress=self.tell,
                should_stop=self.watch.should_stop,
            )
            if not whole:
                return None
            join_blocks(self.folder)
        shutil.rmtree(self.folder.parts, ignore_errors=True)
        self.folder.write("table_faults", self.inputs.table_faults)
        self.folder.write("balance", balance(self._audit().patches))
        return ""

    def _relations(self) -> str | None:
        kept = self.folder.read("signatures")
        patches = self._audit().patches
        if kept is None or len(kept.columns) == 1:
            return "the patches were measured without signatures"
        table = patches[["label", "slide", "split"]].assign(file_sha256=patches["sha256"])
        table = pd.concat([table, kept], axis=1)
        table = table[(patches["fault"] == Fault.NONE).to_numpy()].reset_index(drop=True)
        rows = table["row"].to_numpy(np.int64)
        found = find_relations(
            table,
            lambda places: self._load(rows[list(places)]),
            self.tell,
            self.watch.should_stop,
        )
        if found.stopped:
            return None
        pairs, groups = found.pairs, found.groups
        self.folder.write("groups", groups.assign(row=rows[groups["row"]]))
        self.folder.write(
            "pairs", pairs.assign(row_a=rows[pairs["row_a"]], row_b=rows[pairs["row_b"]])
        )
        return ""

    def _load(self, rows: NDArray[np.int64]) -> ImageU8:
        """Return the pixels (N, 96, 96, 3) of rows that could be read before."""
        images = []
        for row in rows.tolist():
            item = read_input(self.inputs.source, row)
            if not isinstance(item, Patch):
                raise RunError(
                    f"{item.entry.path} could be read before and cannot be now: {item.reason} "
                    "Leave the data alone while it is audited, and start anew."
                )
            images.append(item.image_rgb_u8)
        return np.stack(images)

    def _splits(self) -> str | None:
        return "not part of this version"

    def _statistics(self) -> str | None:
        patches = self._audit().patches
        self.folder.write("summaries", summaries(patches))
        self.folder.write("contrasts", contrasts(patches))
        table = associations(patches, self.tell, self.watch.should_stop)
        if table is None:
            return None
        self.folder.write("associations", table)
        return ""

    def _probes(self) -> str | None:
        return "not part of this version"

    def _embedding(self) -> str | None:
        return "not part of this version"

    def _labels(self) -> str | None:
        return "not part of this version"

    def _report(self) -> str | None:
        audit = self._audit()
        findings = [finding.as_dict() for finding in audit.findings()]
        self.folder.write_json(self.folder.findings, findings)
        write_report(audit, self.inputs.source, self.folder.report)
        return ""

    def _audit(self) -> Audit:
        return Audit(self.folder, self.folder.read_spec())
