"""A scoring run: source through model into journal, in batches that never shift."""

import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from core.patches import Patch, PatchSource, UnreadablePatch
from core.scoring.classifier import Classifier, TestTimeAugmentation
from core.scoring.journal import Journal, RunSpec
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
        operating_point=classifier.operating_point.version,
        threshold=classifier.operating_point.threshold,
        lower_threshold=classifier.operating_point.lower_threshold,
        tta=str(tta),
        batch_size=batch_size,
        device_kind=classifier.engine.device.split(":")[0],
    )


def open_journal(path: Path, spec: RunSpec, *, resume: bool) -> Journal:
    """Return the interrupted run's journal if `resume` and there is one, else a new one.

    Raises:
        RunError: The interrupted run was of something else.
    """
    if resume and path.exists():
        return Journal.resume(path, spec)
    path.parent.mkdir(parents=True, exist_ok=True)
    return Journal.create(path, spec)


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
