"""Which tumour calls of a batch the surroundings decide: measured for all of them, in a thread.

The rule is that of the centre-against-ring test, with its donors and its seam, and gives its
answer. Two pictures a donor suffice: the centre kept, and the surroundings kept.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from core.explanation.explained import PatchCollection
from core.explanation.reliance import CentreTest, CentreTestSettings, Decisive, decisive
from core.files import append_record, key_of, read_records
from core.jobs import Job, JobStore
from core.jobs.runner import BackgroundTask, Runner
from core.patches import Patch
from core.scoring import Classifier, ScoreRow

MOST_UNASKED: Final = 2_000
"""Tumour calls of a batch that are measured without being asked for; some minutes on two cores."""
_SETTINGS: Final = CentreTestSettings(blur=False, mean=False)
_LINE: Final = 16
"""Patches a line of the file: what a stop or a crash may lose."""


@dataclass(frozen=True)
class Halves:
    """The logits of a patch with a part replaced, means over donors, before temperature.

    Attributes:
        centre_kept: Its surroundings replaced.
        surroundings_kept: Its centre replaced.
    """

    centre_kept: float
    surroundings_kept: float

    def decides(self, threshold_logit: float) -> Decisive:
        """Return what a tumour call rests on."""
        return decisive(self.centre_kept, self.surroundings_kept, threshold_logit)

    def margin(self, threshold_logit: float) -> float:
        """Return by how many logits the surroundings decide; below 0 they do not."""
        return min(self.surroundings_kept - threshold_logit, threshold_logit - self.centre_kept)


def lacking(rows: Sequence[ScoreRow], known: Mapping[str, Halves]) -> list[int]:
    """Return the positions of tumour calls that nothing is known of, the highest scores first."""
    called = [at for at, row in enumerate(rows) if row.predicted_label == 1]
    missing = [at for at in called if rows[at].sha256 not in known]
    return sorted(missing, key=lambda at: -(rows[at].prob_tumour or 0.0))


class Surroundings(Runner[BackgroundTask]):
    """What the tumour calls of batches rest on; safe to use from several threads."""

    def __init__(self, store: JobStore) -> None:
        """Keep what is measured in the jobs' own folders."""
        super().__init__()
        self._store = store

    def known(
        self, job: Job, collection: PatchCollection, classifier: Classifier
    ) -> dict[str, Halves]:
        """Return what is known of a batch's patches, by SHA-256."""
        return _read(self._store.surroundings(job), _way(collection, classifier))

    def start(
        self,
        job: Job,
        rows: Sequence[ScoreRow],
        opened: Callable[[], PatchCollection],
        classifier: Classifier,
    ) -> None:
        """Measure what is not known of the patches called tumour; once at a time.

        `opened` gives patches and donors; it is called in the thread, for it reads some hundred.
        """
        self._store.require_writable()
        work = partial(_measure, self._store.surroundings(job), rows, opened, classifier)
        self.begin(job, lambda: BackgroundTask(f"surroundings-{job.id[:8]}", job.owner, work=work))


def _measure(
    path: Path,
    rows: Sequence[ScoreRow],
    opened: Callable[[], PatchCollection],
    classifier: Classifier,
    task: BackgroundTask,
) -> None:
    total = task.total = sum(row.predicted_label == 1 for row in rows)
    collection = opened()
    way = _way(collection, classifier)
    test = CentreTest(classifier, donors=collection.donors, settings=_SETTINGS)
    todo = lacking(rows, _read(path, way))
    task.count_from(total - len(todo), total)
    for start in range(0, len(todo), _LINE):
        halves: dict[str, tuple[float, float]] = {}
        for at in todo[start : start + _LINE]:
            if task.stop.is_set():
                break
            item = collection.source.read(at)
            if isinstance(item, Patch):
                halves[rows[at].sha256] = test.halves(item.image_rgb_u8)
            task.done += 1
        if halves and path.parent.is_dir():
            append_record(path, {"way": way, "halves": json.dumps(halves)})
        if task.stop.is_set():
            break
        task.advance(task.done)


def _read(path: Path, way: str) -> dict[str, Halves]:
    known: dict[str, Halves] = {}
    for line in read_records(path):
        if line.get("way") == way:
            halves = json.loads(line["halves"])
            known |= {sha: Halves(float(c), float(s)) for sha, (c, s) in halves.items()}
    return known


def _way(collection: PatchCollection, classifier: Classifier) -> str:
    """Return what decides the answer beside the patch and the operating point."""
    donors = collection.donors
    return key_of(
        classifier.bundle.card.weights_sha256,
        classifier.engine.description,
        repr(_SETTINGS),
        "" if donors is None else donors.digest,
    )
