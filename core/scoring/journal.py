"""The record of a scoring run while it goes on: append-only, so a kill costs one batch at most."""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from core.errors import RunError, what_differs
from core.scoring.rows import COLUMNS, ScoreRow, Status

_FORMAT: Final = 1


@dataclass(frozen=True)
class RunSpec:
    """All that decides the rows of a run; a run resumes only under the same specification.

    Attributes:
        source: Name of the source.
        source_kind: See `PatchSource.kind`.
        source_fingerprint: Hash over the inputs' paths.
        inputs: How many.
        model_id: Which weights.
        temperature: Of the probability.
        operating_point: Version of the operating point.
        threshold: Its threshold.
        lower_threshold: Where its grey zone begins, None without one.
        tta: Test-time augmentation.
        batch_size: Inputs per pass; part of the specification because the last digits of a float
            depend on it.
        device_kind: "cpu" or "cuda", for the same reason.
    """

    source: str
    source_kind: str
    source_fingerprint: str
    inputs: int
    model_id: str
    temperature: float
    operating_point: str
    threshold: float
    lower_threshold: float | None
    tta: str
    batch_size: int
    device_kind: str


class Journal:
    """Rows of a run in batches, one JSON line each; a torn last line is dropped on opening."""

    def __init__(self, path: Path, spec: RunSpec) -> None:
        """Hold the place; use `create` or `resume`."""
        self.path = path
        self.spec = spec
        self.rows_done = 0

    @classmethod
    def create(cls, path: Path, spec: RunSpec) -> "Journal":
        """Start a journal, replacing one that is there."""
        journal = cls(path, spec)
        temporary = path.with_name(path.name + ".new")
        with temporary.open("wb") as file:
            file.write(_line({"format": _FORMAT, "spec": asdict(spec), "columns": COLUMNS}))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        return journal

    @classmethod
    def resume(cls, path: Path, spec: RunSpec) -> "Journal":
        """Open the journal of an interrupted run, at its last whole batch.

        Raises:
            RunError: It is of another run; the message names what differs.
        """
        if different := what_differs(read_spec(path), spec):
            raise RunError(
                f"The interrupted run in {path.name} cannot be continued: it had {different}. "
                "Give the same source, model and options, or start anew."
            )
        journal = cls(path, spec)
        end = 0
        with path.open("rb") as file:
            for number, line in enumerate(file):
                content = _parse(line)
                if content is None:
                    break
                if number > 0:
                    if content.get("start") != journal.rows_done:
                        break
                    journal.rows_done += len(content["rows"])
                end += len(line)
        if end < path.stat().st_size:
            os.truncate(path, end)
        return journal

    def append(self, rows: Sequence[ScoreRow]) -> None:
        """Add a batch; when this returns, the batch is on disk."""
        batch = [[getattr(row, column) for column in COLUMNS] for row in rows]
        with self.path.open("ab") as file:
            file.write(_line({"start": self.rows_done, "rows": batch}))
            file.flush()
            os.fsync(file.fileno())
        self.rows_done += len(rows)

    @property
    def complete(self) -> bool:
        """Whether every input has its row."""
        return self.rows_done == self.spec.inputs


def read_spec(path: Path) -> RunSpec:
    """Return the specification that a journal was started with.

    Raises:
        RunError: The file is no journal.
    """
    try:
        with path.open("rb") as file:
            content = _parse(file.readline())
        if content is not None and content.get("format") == _FORMAT:
            return RunSpec(**content["spec"])
    except (OSError, TypeError, KeyError):
        pass
    raise RunError(f"{path.name} is no record of a scoring run. Start the run anew.")


def read_rows(path: Path, start: int = 0) -> Iterator[ScoreRow]:
    """Yield the journal's rows from `start` on; safe while the run appends to it."""
    with path.open("rb") as file:
        file.readline()
        position = 0
        for line in file:
            content = _parse(line)
            if content is None:
                return
            for values in content["rows"]:
                if position >= start:
                    yield _row(values)
                position += 1


def _row(values: list[Any]) -> ScoreRow:
    content = dict(zip(COLUMNS, values, strict=True))
    content["status"] = Status(content["status"])
    return ScoreRow(**content)


def _line(content: dict[str, Any]) -> bytes:
    return json.dumps(content, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def _parse(line: bytes) -> dict[str, Any] | None:
    """Return a whole line's content, None for a torn one."""
    if not line.endswith(b"\n"):
        return None
    try:
        content = json.loads(line)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None
