"""A scoring run: source through model into journal, in batches that never shift."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from core.patches import Patch, PatchSource, UnreadablePatch
from core.scoring.classifier import Classifier, TestTimeAugmentation
from core.scoring.journal import Journal, RunSpec, read_rows
from core.scoring.rows import ScoreRow

DEFAULT_BATCH_SIZE: Final = 32
"""Small enough for a batch's activations to stay in the cache of a CPU."""


def specify(
    source: PatchSource,
    classifier: Classifier,
    *,
    tta: TestTimeAugmentation = TestTimeAugmentation.NONE,
    batch_size: int = DEFAULT_BATCH_SIZE,
) -> RunSpec:
    """Return all that decides the rows of this run."""
    return RunSpec(
        source=source.name,
        source_kind=source.kind,
        source_fingerprint=source.fingerprint(),
        inputs=len(source),
        model_id=classifier.model_id,
        temperature=classifier.temperature,
        operating_point=classifier.operating_point.name,
        threshold=classifier.operating_point.threshold,
        lower_threshold=classifier.operating_point.lower_threshold,
        tta=str(tta),
        batch_size=batch_size,
        device_kind=classifier.engine.device.split(":")[0],
        facts_sha256=source.facts_sha256(),
    )


def open_journal(path: Path, spec: RunSpec, source: PatchSource, *, resume: bool) -> Journal:
    """Return the interrupted run's journal if `resume` and there is one, else a new one.

    Rows of inputs whose contents have changed since, and all rows after them, are dropped.

    Raises:
        RunError: The interrupted run was of something else, or goes on elsewhere.
    """
    if not resume or not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        return Journal.create(path, spec)
    journal = Journal.resume(path, spec)
    changed = first_change(source, (row.sha256 for row in read_rows(path)))
    if changed is not None:
        journal.keep(changed)
    return journal


def first_change(source: PatchSource, digests: Iterable[str]) -> int | None:
    """Return the first input whose contents are not those of its digest, None if there is none."""
    known = list(digests)
    now = source.digests(range(min(len(known), len(source))))
    try:
        for index, digest in enumerate(now):
            if digest != known[index]:
                return index
    finally:
        now.close()
    return None


def run_scoring(
    source: PatchSource,
    classifier: Classifier,
    journal: Journal,
    *,
    on_rows: Callable[[Sequence[ScoreRow]], None] = lambda _: None,
    stop: threading.Event | None = None,
) -> bool:
    """Score what the journal still lacks and return whether it is complete.

    Batches start at multiples of the batch size, whatever was interrupted before, so a resumed
    run computes exactly what an unbroken one does.

    Args:
        source: The inputs.
        classifier: The model.
        journal: Takes the rows; each batch is on disk before `on_rows` hears of it.
        on_rows: Called with every new batch of rows, in order.
        stop: Set by another thread to stop after the current batch.
    """
    tta = TestTimeAugmentation(journal.spec.tta)
    inputs = source.stream(start=journal.rows_done)
    try:
        for batch in _batches(inputs, journal.spec.batch_size):
            rows = classifier.score(batch, tta)
            journal.append(rows)
            on_rows(rows)
            if stop is not None and stop.is_set():
                break
    finally:
        inputs.close()
    return journal.complete


def _batches(
    items: Iterator[Patch | UnreadablePatch], size: int
) -> Iterator[list[Patch | UnreadablePatch]]:
    while batch := list(islice(items, size)):
        yield batch
