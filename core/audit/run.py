"""An audit from start to finish, in named steps that are each done once; `python -m core audit`."""

import hashlib
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pandas as pd

from core.audit.doubtful import candidate_table
from core.audit.findings import Severity
from core.audit.folder import (
    STEPS,
    Audit,
    AuditFolder,
    AuditProgress,
    AuditSpec,
    Skip,
    open_audit,
)
from core.audit.measuring import join_blocks, measure_source
from core.audit.relations.probes import probe_table
from core.audit.relations.related import related_patches
from core.audit.relations.splits import split_table
from core.audit.report import write_report
from core.audit.scores import aligned, scores_of
from core.audit.summaries import associations, balance
from core.command_line import Bars, say
from core.errors import RunError, what_differs
from core.files import alone_in, write_json
from core.options import AuditOptions
from core.patches import PatchSource, open_source
from core.patches.colours import colour_notes
from core.tables import (
    SLIDE_COLUMNS,
    Table,
    id_key,
    known_by_id,
    read_table,
    spelled,
)

Result = dict[str, pd.DataFrame] | Skip | None
"""The tables that a step leaves, why it was left out, or None where it was stopped."""
FAULT_COLUMNS: Final = ("kind", "table", "id", "detail")


@dataclass(frozen=True, eq=False)
class Inputs:
    """A source to audit. Close the source afterwards.

    Attributes:
        source: The patches; its entries carry label, slide and split as far as they are known.
        table_faults: One row per fault of the tables: `FAULT_COLUMNS`.
    """

    source: PatchSource
    table_faults: pd.DataFrame

    def spec(self) -> AuditSpec:
        """Return what decides the rows of an audit of these inputs."""
        digest = hashlib.sha256(self.source.fingerprint().encode())
        for entry in self.source.entries:
            digest.update(repr((entry.id, entry.label, entry.slide, entry.split)).encode())
        return AuditSpec(
            source=self.source.name,
            source_kind=self.source.kind,
            source_fingerprint=digest.hexdigest(),
            inputs=len(self.source),
        )


def inputs_of(source: PatchSource) -> Inputs:
    """Return a source to audit, with how well its tables do.

    Raises:
        SourceError: A table of labels beside the patches cannot be used.
    """
    faults = list(_table_faults(source))
    if source.kind == "csv":
        faults += [("conflicting-rows", source.name, "", one) for one in source.contradictions]
    elif not any(kind == "conflicting-rows" for kind, *_ in faults):  # of its tables, one by one
        source.require_tables()
        faults += [("contradicts", source.name, "", one) for one in source.contradictions]
    faults += [("mended", source.name, "", note) for note in source.notes]
    return Inputs(source, fault_table(faults))


def fault_table(faults: Sequence[tuple[str, str, str, str]]) -> pd.DataFrame:
    """Return faults of tables as `FAULT_COLUMNS`."""
    return pd.DataFrame(list(faults), columns=list(FAULT_COLUMNS)).astype(str)


def _table_faults(source: PatchSource) -> Iterator[tuple[str, str, str, str]]:
    """What is wrong with the tables of the competition's layout, or beside the patches."""
    for table in source.tables_read:
        yield from _repeated_ids(table, ("label", *SLIDE_COLUMNS, "split"))
        if source.kind == "files":  # a part of what is listed may be uploaded
            continue
        known = known_by_id(table, ()).placed(entry.path for entry in source.entries)
        kind = "label-without-patch" if "label" in table.rows else "unknown-id"
        met = {known.key_of(entry.id, entry.path) for entry in source.entries}
        for key in known.rows:
            if key not in met:
                yield kind, table.name, known.ids[key], "no such patch"


def _repeated_ids(table: Table, columns: Sequence[str]) -> Iterator[tuple[str, str, str, str]]:
    """Yield ids that are empty, come twice, or come twice with different values."""
    ids = table.rows["id"]
    if empty := int((ids == "").sum()):
        yield "empty-id", table.name, "", f"{empty} rows without an id"
    values, _ = spelled(table, columns)
    keys = pd.Series([id_key(patch_id) for patch_id in ids])
    twice = keys.duplicated(keep=False) & (keys != "")
    for column, cells in values.items():
        cell = pd.Series(cells)
        for key, rows in keys[twice].groupby(keys[twice]).groups.items():
            variants = sorted(set(cell[rows]))
            kind = "repeated-id" if len(variants) == 1 else "conflicting-rows"
            yield kind, table.name, str(key), f"{len(rows)} rows: {column} {', '.join(variants)}"


def prepare(inputs: Inputs, path: Path, *, resume: bool) -> AuditFolder:
    """Return the folder of an audit, new or to be continued.

    Args:
        inputs: What to audit.
        path: The folder, made if missing.
        resume: Continue what is there instead of starting anew; if a file that was measured has
            changed since, everything is measured anew.

    Raises:
        RunError: What is there is of other inputs, or not an audit at all.
    """
    folder = AuditFolder(path)
    spec = inputs.spec()
    path.mkdir(parents=True, exist_ok=True)
    if any(file != folder.table("scores") for file in path.iterdir()):
        old_spec = folder.read_spec()
        if resume:
            if different := what_differs(old_spec, spec):
                raise RunError(
                    f"The audit in {path.name} cannot be resumed: it had {different}. Name the "
                    "same source, or start a new audit elsewhere."
                )
            measured = folder.read("patches", ["row", "sha256"])
            if measured is None:
                return folder
            known = dict(zip(measured["row"].tolist(), measured["sha256"], strict=True))
            if inputs.source.first_change(known) is None:
                return folder
        folder.clear()
    folder.write_spec(spec)
    folder.write_progress(AuditProgress())
    return folder


def run_audit(
    inputs: Inputs,
    folder: AuditFolder,
    *,
    on_progress: Callable[[str, int, int], None] = lambda step, done, total: None,
    should_stop: Callable[[], bool] = lambda: False,
    scores: Path | None = None,
    out_of_fold: bool = False,
) -> bool:
    """Do the steps that are not done yet; return whether the audit is complete.

    Args:
        inputs: As they were given to `prepare`.
        folder: From `prepare`.
        on_progress: Called with (step, units done, units).
        should_stop: Asked often; an audit that stopped goes on where it was.
        scores: Output of `python -m core score`, or any table with `id` and `prob_tumour`, for the
            step "labels"; given to a finished audit, that step and the report follow.
        out_of_fold: Whether no score is of a model that was trained on the patch.
    """
    if scores is not None:
        folder.undo("labels")
    progress = folder.read_progress()
    run = _Run(inputs, folder, on_progress, should_stop, scores, out_of_fold, progress)
    return run.whole()


@dataclass
class _Run:
    """One run over the steps; see `run_audit`."""

    inputs: Inputs
    folder: AuditFolder
    on_progress: Callable[[str, int, int], None]
    should_stop: Callable[[], bool]
    scores: Path | None
    out_of_fold: bool
    progress: AuditProgress
    _noted_s: float = 0.0

    def whole(self) -> bool:
        """Do the steps until one is stopped; return whether none was."""
        work = (
            self._measure,
            self._relations,
            self._splits,
            self._statistics,
            lambda audit: {"probes": probe_table(audit.patches)},
            self._labels,
            self._report,
        )
        return all(self._step(name, do) for name, do in zip(STEPS, work, strict=True))

    def _step(self, name: str, work: Callable[[Audit], Result]) -> bool:
        """Do a step unless it is done; return False if it was stopped."""
        if name in self.progress.finished or name in self.progress.skipped:
            return True
        if self.should_stop():
            return False
        started = time.perf_counter()
        self._write(replace(self.progress, step=name, done=0, total=0))
        self.on_progress(name, 0, 0)
        result = work(Audit(self.folder, self.folder.read_spec()))
        seconds = self.progress.seconds.get(name, 0.0) + time.perf_counter() - started
        done = replace(self.progress, seconds=self.progress.seconds | {name: round(seconds, 3)})
        if isinstance(result, Skip):
            self._write(replace(done, step="", skipped=done.skipped | {name: result}))
        elif result is None:
            self._write(done)
        else:
            for table, rows in result.items():
                self.folder.write(table, rows)
            self._write(replace(done, step="", finished=(*done.finished, name)))
        return result is not None

    def _write(self, progress: AuditProgress) -> None:
        self.progress = replace(progress, updated=datetime.now(UTC).isoformat(timespec="seconds"))
        self.folder.write_progress(self.progress)

    def tell(self, done: int, total: int) -> None:
        """Pass progress on, and write it down at most twice a second."""
        self.on_progress(self.progress.step, done, total)
        now = time.monotonic()
        if now - self._noted_s > 0.5:
            self._noted_s = now
            self._write(replace(self.progress, done=done, total=total))

    def _measure(self, audit: Audit) -> Result:
        source = self.inputs.source
        if not self.folder.table("patches").is_file():
            whole = measure_source(
                source,
                self.folder,
                on_progress=self.tell,
                should_stop=self.should_stop,
            )
            if not whole:
                return None
            join_blocks(self.folder)
        shutil.rmtree(self.folder.parts, ignore_errors=True)
        colours = [("colours", source.name, "", note) for note in colour_notes(source)]
        faults = pd.concat([self.inputs.table_faults, fault_table(colours)], ignore_index=True)
        return {"table_faults": faults, "balance": balance(audit.patches)}

    def _relations(self, audit: Audit) -> Result:
        kept = self.folder.read("signatures")
        if kept is None or len(kept.columns) == 1:
            return Skip.NO_SIGNATURES
        return related_patches(audit.patches, kept, self.inputs.source, self.tell, self.should_stop)

    def _splits(self, audit: Audit) -> Result:
        pairs, groups = audit.table("pairs"), audit.table("groups")
        if pairs is None or groups is None:
            return Skip.NO_RELATIONS
        table = split_table(audit.patches, pairs, groups)
        return Skip.NO_SPLITS if table is None else {"splits": table}

    def _statistics(self, audit: Audit) -> Result:
        table = associations(audit.patches, self.tell, self.should_stop)
        return None if table is None else {"associations": table}

    def _labels(self, audit: Audit) -> Result:
        scores = audit.table("scores")
        if self.scores is not None:
            table = read_table(self.scores)
            scores = scores_of(audit.patches, table, out_of_fold=self.out_of_fold)
        if scores is None:
            return Skip.NO_SCORES
        candidates = candidate_table(audit.patches, aligned(audit.patches, scores))
        if candidates is None:
            return Skip.ONE_CLASS
        return {"scores": scores, "label_candidates": candidates}

    def _report(self, audit: Audit) -> Result:
        findings = [finding.as_dict() for finding in audit.findings()]
        write_json(self.folder.findings, findings, indent=1)
        write_report(audit, self.inputs.source, self.folder.report)
        return {}


NOTHING_WRONG = 0
ERRORS_FOUND = 1
_MOST_PRINTED = 12


def audit_command(options: AuditOptions) -> int:
    """Run the command and return the exit status.

    Raises:
        NodelensError: Wrong usage; nothing is written then.
    """
    out = options.out
    if options.scores is not None and not options.scores.is_file():
        raise RunError(f"There is no scores file {options.scores}. Check the path.")
    own = [path for path in out.rglob("*") if path.is_file()] if out.is_dir() else []
    inputs = inputs_of(open_source(options.source, ignore=own))
    with inputs.source, alone_in(out), Bars() as bars:
        folder = prepare(inputs, out, resume=options.resume)
        run_audit(
            inputs,
            folder,
            on_progress=bars.show,
            scores=options.scores,
            out_of_fold=options.out_of_fold,
        )
    findings = open_audit(out).findings()
    for finding in findings[:_MOST_PRINTED]:
        sys.stdout.write(f"{finding.severity}: {finding.headline}\n")
    if len(findings) > _MOST_PRINTED:
        sys.stdout.write(f"and {len(findings) - _MOST_PRINTED} more.\n")
    say(f"Report: {folder.report}")
    errors = any(finding.severity is Severity.ERROR for finding in findings)
    return ERRORS_FOUND if errors else NOTHING_WRONG
