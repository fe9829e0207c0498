"""A scoring run: source through model into journal, in batches that never shift."""

import platform
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from core.patches import PatchSource
from core.scoring.classifier import Classifier, TestTimeAugmentation
from core.scoring.journal import Journal, RunSpec, read_rows
from core.scoring.rows import ScoreRow

DEFAULT_BATCH_SIZE: Final = 32
"""Small enough for a batch's activations to stay in the cache of a CPU."""
_BATCHES_UNDER_WAY: Final = 2
"""Begun beyond the one that is waited for; bounds what a kill costs."""
_BATCHES_UNWRITTEN: Final = 4


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
        device_kind=classifier.engine.place.partition(":")[0],
        facts_sha256=source.facts_sha256(),
        card_sha256=classifier.bundle.card.scoring_sha256,
        engine=classifier.engine.name,
        precision=str(classifier.engine.precision),
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
    rows = zip(range(len(source)), read_rows(path), strict=False)
    changed = source.first_change({at: row.sha256 for at, row in rows})
    if changed is not None:
        journal.keep(changed)
    return journal


def run_scoring(
    source: PatchSource,
    classifier: Classifier,
    journal: Journal,
    *,
    on_rows: Callable[[Sequence[ScoreRow]], None] = lambda _: None,
    stop: threading.Event | None = None,
) -> bool:
    """Score what the journal still lacks and return whether it is complete.

    Reading, scoring and writing go on at once: while the engine has the next batches, the record
    of the last one goes to disk. Batches start at multiples of the batch size, whatever was
    interrupted before, so a resumed run computes exactly what an unbroken one does.

    Args:
        source: The inputs.
        classifier: The model.
        journal: Takes the rows; each batch is on disk before `on_rows` hears of it.
        on_rows: Called with every new batch of rows, in order.
        stop: Set by another thread to stop; what the engine has begun is finished.
    """
    tta = TestTimeAugmentation(journal.spec.tta)
    batches = source.batches(journal.spec.batch_size, start=journal.rows_done)
    under_way: deque[Callable[[], list[ScoreRow]]] = deque()
    unwritten: deque[tuple[Future[None], Sequence[ScoreRow]]] = deque()

    def tell(most: int) -> None:
        """Tell of batches that are on disk, and wait while more than that many are not."""
        while unwritten and (unwritten[0][0].done() or len(unwritten) > most):
            done, rows = unwritten.popleft()
            done.result()
            on_rows(rows)

    with ThreadPoolExecutor(1, thread_name_prefix="journal") as writer:

        def write(rows: Sequence[ScoreRow]) -> None:
            unwritten.append((writer.submit(journal.append, rows), rows))
            tell(_BATCHES_UNWRITTEN)

        try:
            for batch in batches:
                under_way.append(classifier.begin(batch, tta))
                if len(under_way) > _BATCHES_UNDER_WAY:
                    write(under_way.popleft()())
                if stop is not None and stop.is_set():
                    break
            while under_way:
                write(under_way.popleft()())
        finally:
            batches.close()
            tell(0)
    return journal.complete


_PACKAGES: Final = ("torch", "timm", "openvino", "numpy", "pillow")
_MODULES: Final = {"pillow": "PIL"}


def run_metadata(
    classifier: Classifier, spec: RunSpec, counts: Mapping[str, int]
) -> dict[str, Any]:
    """Return what a reader needs to trust or repeat the run, without times."""
    return {
        "research_use_only": True,
        "spec": asdict(spec),
        "counts": dict(counts),
        **engine_facts(classifier),
    }


def engine_facts(classifier: Classifier) -> dict[str, Any]:
    """Return where and how a model computes, its operating point and its self-test."""
    test = classifier.self_test
    return {
        "device": classifier.engine.device,
        "engine": classifier.engine.name,
        "precision": str(classifier.engine.precision),
        "arithmetic": classifier.engine.arithmetic,
        "operating_point": classifier.operating_point.model_dump(mode="json"),
        "self_test": {
            "golden_patches": test.patches,
            "largest_difference_logit": test.largest_difference_logit,
            "tolerance_logit": test.tolerance_logit,
            "passed": test.passed,
        },
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in _PACKAGES if find_spec(_MODULES.get(name, name))},
        },
    }
