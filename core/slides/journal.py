"""The record of a slide's run while it goes on: a kill costs the cells under way, no more."""

import hashlib
import math
import os
from collections.abc import Sequence
from dataclasses import asdict, astuple, dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

from core.bundle import same_model
from core.errors import RunError, what_differs
from core.files import journal_line, read_journal_line, take_lock
from core.scoring import Classifier
from core.slides.cells import CellResult, CellState, or_nan
from core.slides.tissue import TissueRule
from core.slides.view import SlideView

_FORMAT: Final = 2
"""Of another format are runs whose cells may lie elsewhere: they begin anew."""
_PIECES: Final = 64
_PIECE_BYTES: Final = 64 * 1024


@dataclass(frozen=True)
class SlideSpec:
    """All that decides the cells of a run; a run resumes only under the same specification.

    Attributes:
        slide: Name of the file.
        slide_fingerprint: See `fingerprint`.
        um_per_px: Spacing of the full resolution.
        all_cells: Every cell of tissue, not coarse to fine.
        tissue: The rule for tissue, in words.

    The others are as in `core.scoring.journal.RunSpec`.
    """

    slide: str
    slide_fingerprint: str
    um_per_px: float
    all_cells: bool
    tissue: str
    model_id: str
    temperature: float
    operating_point: str
    threshold: float
    lower_threshold: float | None
    engine: str
    precision: str


def specify_slide(
    view: SlideView, classifier: Classifier, rule: TissueRule, *, all_cells: bool
) -> SlideSpec:
    """Return all that decides the cells of this run."""
    point = classifier.operating_point
    return SlideSpec(
        slide=view.file.path.name,
        slide_fingerprint=fingerprint(view.file.path),
        um_per_px=view.spacing.um_px,
        all_cells=all_cells,
        tissue=str(rule),
        model_id=classifier.model_id,
        temperature=classifier.temperature,
        operating_point=point.name,
        threshold=point.threshold,
        lower_threshold=point.lower_threshold,
        engine=classifier.engine.name,
        precision=str(classifier.engine.precision),
    )


def fingerprint(path: Path) -> str:
    """Return a SHA-256 over a file's size and 64 pieces of 64 KiB spread evenly through it.

    Slides have gigabytes; this tells one from another, not an altered one from the original.
    """
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        for number in range(_PIECES):
            file.seek(max(size - _PIECE_BYTES, 0) * number // (_PIECES - 1))
            digest.update(file.read(_PIECE_BYTES))
    return digest.hexdigest()


class SlideJournal:
    """Results of cells, one JSON line a batch; a torn end is dropped on opening."""

    def __init__(self, path: Path, spec: SlideSpec, *, resume: bool) -> None:
        """Open the interrupted run's journal if `resume` and there is one, else a new one.

        Raises:
            RunError: The interrupted run was another, or still goes on.
        """
        self.path = path
        self.kept: list[CellResult] = []
        self._file = path.open("ab+")
        if not take_lock(self._file.fileno()):
            self._file.close()
            raise RunError(f"{path.name} is being written by another run. Wait, or stop it first.")
        try:
            end = self._read(spec) if resume else 0
        except RunError:
            self._file.close()
            raise
        self._file.truncate(end)
        if end == 0:
            self._write({"format": _FORMAT, "spec": asdict(spec)})

    def _read(self, spec: SlideSpec) -> int:
        """Take the results that are there; return where the last whole batch ends."""
        self._file.seek(0)
        head = read_journal_line(self._file.readline())
        if head is None or head.get("format", _FORMAT) != _FORMAT:
            return 0
        try:
            before = SlideSpec(**head["spec"])
        except (KeyError, TypeError):
            raise RunError(
                f"{self.path.name} is not the journal of a slide's run. Start a new run."
            ) from None
        if same_model(before.model_id, spec.model_id):
            before = replace(before, model_id=spec.model_id)
        if different := what_differs(before, spec):
            raise RunError(
                f"The interrupted run in {self.path.name} cannot be resumed: it had {different}. "
                "Use the same slide, model and options, or start a new run."
            )
        end = self._file.tell()
        for line in self._file:
            content = read_journal_line(line)
            if content is None:
                break
            self.kept += [
                CellResult(
                    row, column, CellState(state), or_nan(logit), or_nan(prob), call, or_nan(far)
                )
                for row, column, state, logit, prob, call, far in content["cells"]
            ]
            end += len(line)
        return end

    def append(self, results: Sequence[CellResult]) -> None:
        """Add a batch; when this returns, the batch is on disk."""
        rows = [[None if math.isnan(value) else value for value in astuple(r)] for r in results]
        self._write({"cells": rows})

    def _write(self, content: dict[str, Any]) -> None:
        self._file.write(journal_line(content))
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Let others write."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
