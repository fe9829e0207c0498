"""`python -m core audit`: a data set in, tables, findings and a report out; killed, it resumes."""

import sys
from typing import NoReturn

from tqdm import tqdm

from core.audit.findings import Severity
from core.audit.folder import open_audit
from core.audit.inputs import open_inputs
from core.audit.run import GivenScores, Watch, prepare, run_audit
from core.errors import RunError
from core.options import AuditOptions

NOTHING_WRONG = 0
ERRORS_FOUND = 1
_MOST_PRINTED = 12


def audit_command(options: AuditOptions) -> int:
    """Run the command and return the exit status.

    Raises:
        NodelensError: Wrong usage; nothing is written then.
    """
    out = options.out
    scores = None
    if options.scores is not None:
        if not options.scores.is_file():
            raise RunError(f"There is no file of scores {options.scores}. Check the path.")
        scores = GivenScores(options.scores, options.out_of_fold)
    own = [path for path in out.rglob("*") if path.is_file()] if out.is_dir() else []
    inputs = open_inputs(options.source, ignore=own)
    with inputs.source:
        folder = prepare(inputs, out, resume=options.resume)
        bars = _StepBars()
        try:
            run_audit(inputs, folder, watch=Watch(on_progress=bars.show), scores=scores)
        finally:
            bars.close()
    found = open_audit(out).findings()
    for finding in found[:_MOST_PRINTED]:
        sys.stdout.write(f"{finding.severity}: {finding.headline}\n")
    if len(found) > _MOST_PRINTED:
        sys.stdout.write(f"and {len(found) - _MOST_PRINTED} more.\n")
    sys.stderr.write(f"Report: {folder.report}\n")
    errors = any(finding.severity is Severity.ERROR for finding in found)
    return ERRORS_FOUND if errors else NOTHING_WRONG


class _StepBars:
    """One progress bar at a time, that of the step under way."""

    def __init__(self) -> None:
        self._step = ""
        self._bar: tqdm[NoReturn] | None = None

    def show(self, step: str, done: int, total: int) -> None:
        """Show how far a step is."""
        if step != self._step or self._bar is None:
            self.close()
            self._step = step
            self._bar = tqdm(total=total, initial=done, desc=step, dynamic_ncols=True)
        self._bar.total = total
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """End the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
