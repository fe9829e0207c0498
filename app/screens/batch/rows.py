"""A batch as one run of the page sees it, and what its calls rest on."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from app import resources
from core.explanation import Decisive
from core.explanation.explained import PatchCollection
from core.explanation.surroundings import Halves
from core.jobs import Job, JobStore
from core.scoring import Classifier, ScoreRow


@dataclass(frozen=True, eq=False)
class BatchRows:
    """A batch as one run of the page sees it."""

    store: JobStore
    job: Job
    rows: Sequence[ScoreRow]
    classifier: Classifier | None

    @property
    def collection(self) -> PatchCollection:
        """The scored patches, to be explained."""
        return resources.job_collection(self.store, self.job)

    @cached_property
    def rests_on(self) -> dict[int, Decisive]:
        """What the tumour calls rest on, by position, as far as it was known when first asked."""
        return {at: one.decides(least) for at, (one, least) in self._halves.items()}

    @property
    def margins(self) -> dict[int, float]:
        """By how many logits the surroundings decide a call, by position; below 0 they do not."""
        return {at: one.margin(least) for at, (one, least) in self._halves.items()}

    @cached_property  # filter, list and patch ask in each run
    def _halves(self) -> dict[int, tuple[Halves, float]]:
        """What is known of each call, and its threshold; nothing of another model's scores."""
        if self.classifier is None or not self.store.surroundings(self.job).is_file():
            return {}
        return resources.halves(self.store, self.job, self.collection, self.classifier)
