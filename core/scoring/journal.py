"""The record of a scoring run while it goes on: append-only, so a kill costs one batch at most."""

import os
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from core.bundle import same_model
from core.errors import RunError, what_differs
from core.files import journal_line, read_journal_line, replacing, take_lock
from core.scoring.rows import COLUMNS, TYPES, ScoreRow, Status, is_unlike

_FORMAT: Final = 1
_KEPT: Final = tuple(name for name in COLUMNS if name not in {"temperature", "unlike_training"})
_LATER: Final = ("", None)
"""What the last columns are in journals from before they were noted: orientations, distance."""
"""What is written of a row; the temperature is that of the run."""


@dataclass(frozen=True)
class RunSpec:
    """All that decides the rows of a run; a run resumes only under the same specification.

    The contents of the inputs are not part of it: each row keeps the hash of its own.

    Attributes:
        source_kind: See `PatchSource.kind`.
        source_fingerprint: Hash over the inputs' paths.
        model_id: Which weights.
        temperature: Of the probability.
        operating_point: Version of the operating point.
        lower_threshold: Where its grey zone begins, None without one.
        tta: Test-time augmentation.
        batch_size: Inputs per pass; part of the specification because with some engines the last
            digits of a float depend on it.
        device_kind: "cpu" or "cuda", for the same reason.
        card_sha256: Hash over all of the card that decides a score; "" in older records.
        facts_sha256: Hash over ids, labels, slides and splits; "" in records from before there
            was one.
        engine: Its name; runs from before there were several were PyTorch's.
        precision: "exact" or "fast".
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
    facts_sha256: str = ""
    card_sha256: str = ""
    engine: str = "pytorch"
    precision: str = "exact"

    def differs_from(self, before: "RunSpec") -> str:
        """Say in which fields an earlier specification is another, "" if in none."""
        if not before.facts_sha256:
            before = replace(before, facts_sha256=self.facts_sha256)
        if not before.card_sha256:
            before = replace(before, card_sha256=self.card_sha256)
        before = replace(before, source=self.source)  # whatever the folder is called now
        if same_model(before.model_id, self.model_id):
            before = replace(before, model_id=self.model_id)
        return what_differs(before, self)


_SPEC: Final = TypeAdapter(RunSpec)


class Journal:
    """Rows of a run in batches, one JSON line each; a torn end is dropped on opening.

    While it is open no other process can write to it.
    """

    def __init__(self, path: Path, spec: RunSpec) -> None:
        """Hold the place; use `create` or `resume`.

        Raises:
            RunError: Another process, or another run in this one, writes to it.
        """
        self.path = path
        self.spec = spec
        self.rows_done = 0
        self._fd = os.open(path, os.O_RDWR | os.O_APPEND)
        self._close = weakref.finalize(self, os.close, self._fd)
        if not take_lock(self._fd):
            self.close()
            raise RunError(
                f"{path.name} is being written by another run. Wait for it, or stop it first."
            )

    @classmethod
    def create(cls, path: Path, spec: RunSpec) -> "Journal":
        """Start a journal, replacing one that is there.

        Raises:
            RunError: The one that is there is being written.
        """
        if path.exists():
            cls(path, spec).close()
        head = {"format": _FORMAT, "spec": asdict(spec), "columns": _KEPT}
        with replacing(path) as temporary:
            temporary.write_bytes(journal_line(head))
        return cls(path, spec)

    @classmethod
    def resume(cls, path: Path, spec: RunSpec) -> "Journal":
        """Open the journal of an interrupted run, at its last whole batch.

        Raises:
            RunError: It is of another run, or being written; the message names what differs.
        """
        if different := spec.differs_from(read_spec(path)):
            raise RunError(
                f"The interrupted run in {path.name} cannot be resumed: it had {different}. Use "
                "the same source, model and options, or start a new run."
            )
        journal = cls(path, spec)
        journal.keep(None)
        return journal

    def keep(self, most: int | None) -> None:
        """Drop what is torn at the end, and batches with rows from `most` on."""
        end = done = 0
        with self.path.open("rb") as file:
            for number, line in enumerate(file):
                if number > 0:
                    batch = _batch(line)
                    if batch is None or batch[0] != done or not _are_rows(batch[1]):
                        break
                    if most is not None and done + len(batch[1]) > most:
                        break
                    done += len(batch[1])
                end += len(line)
        if end < self.path.stat().st_size:
            os.truncate(self.path, end)
        self.rows_done = done

    def append(self, rows: Sequence[ScoreRow]) -> None:
        """Add a batch; when this returns, the batch is on disk."""
        batch = [[getattr(row, column) for column in _KEPT] for row in rows]
        line = journal_line({"start": self.rows_done, "rows": batch})
        with os.fdopen(os.dup(self._fd), "ab") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        self.rows_done += len(rows)

    def close(self) -> None:
        """Let others write; nothing can be appended afterwards."""
        self._close()

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
            content = read_journal_line(file.readline())
        if content is not None and content.get("format") == _FORMAT:
            return _SPEC.validate_python(content["spec"])
    except (OSError, KeyError, ValidationError):
        pass
    raise RunError(f"{path.name} is not the journal of a scoring run. Start a new run.")


def read_rows(path: Path, start: int = 0) -> Iterator[ScoreRow]:
    """Yield the journal's rows from `start` on; safe while the run appends to it.

    A batch stands where its `start` says: rows that are there already are passed over, and after
    a gap or a line that is no batch nothing more is known.
    """
    try:
        temperature = read_spec(path).temperature
    except RunError:
        return
    with path.open("rb") as file:
        file.readline()
        position = 0
        for line in file:
            batch = _batch(line)
            if batch is None or batch[0] > position:
                return
            first, rows = batch
            fresh = rows[position - first :]
            for values in fresh[max(0, start - position) :]:
                try:
                    yield _row(values, temperature)
                except (TypeError, ValueError):
                    return
            position += len(fresh)


def _batch(line: bytes) -> tuple[int, list[list[Any]]] | None:
    """Where a batch starts and the values of its rows, None if the line is torn or no batch."""
    content = read_journal_line(line)
    if content is None:
        return None
    start, rows = content.get("start"), content.get("rows")
    if type(start) is not int or start < 0 or not isinstance(rows, list):
        return None
    return start, rows


def _are_rows(rows: list[list[Any]]) -> bool:
    try:
        return all(_row(values, 1.0) is not None for values in rows)
    except (TypeError, ValueError):
        return False


def _row(values: list[Any], temperature: float) -> ScoreRow:
    lacking = len(_KEPT) - len(values)
    if 0 < lacking <= len(_LATER):
        values = [*values, *_LATER[-lacking:]]
    content = dict(zip(_KEPT, values, strict=True))
    content["status"] = Status(content["status"])
    for name, value in content.items():
        kinds = TYPES[name]
        if not isinstance(value, (*kinds, int) if float in kinds else kinds) or isinstance(
            value, bool
        ):
            raise ValueError(f"{name} is {value!r}")
    scored = content["status"] is Status.SCORED
    return ScoreRow(
        **content,
        temperature=temperature if scored else None,
        unlike_training=is_unlike(content["domain_distance"]),
    )
