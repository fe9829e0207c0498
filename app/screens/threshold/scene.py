"""What surrounds the threshold that is tried: scores, model, stores, and the batch at hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from app import resources
from app.state import address, identity, tuning
from core.bundle import Card, OperatingPoint
from core.jobs import Job, JobStore
from core.scoring import AppliedPoint, Batch, Classifier
from core.scoring.what_if import Calls
from core.settings import Settings
from core.thresholds import (
    Assumptions,
    LockedPoint,
    OperatingPointStore,
    ThresholdStudy,
    comparable,
)


@dataclass(frozen=True, eq=False)
class Scene:
    """What surrounds the threshold that is tried.

    Attributes:
        study: The scores.
        assumptions: Of their use.
        classifier: The model at the current operating point.
        store: The locked operating points.
        jobs: The scored batches.
        job: The batch at hand; None without a finished one.
    """

    study: ThresholdStudy
    assumptions: Assumptions
    classifier: Classifier
    store: OperatingPointStore
    jobs: JobStore
    job: Job | None

    @property
    def card(self) -> Card:
        """The card of the model."""
        return self.classifier.bundle.card

    @property
    def weights(self) -> str:
        """The hash that the locked points of the model are kept under."""
        return self.card.weights_sha256

    @property
    def current(self) -> OperatingPoint:
        """What new scores are called with."""
        return self.classifier.operating_point

    @cached_property
    def versions(self) -> Sequence[LockedPoint]:
        """What was locked before, oldest first."""
        return self.store.versions(self.weights)

    @cached_property
    def comparable(self) -> bool:
        """Whether the current threshold means the same on these scores."""
        return comparable(self.study, self.card, self.classifier.temperature)

    @property
    def line(self) -> float | None:
        """Where the current threshold lies on these scores; None if it does not."""
        return self.current.threshold if self.comparable else None

    @cached_property
    def batch(self) -> Batch | None:
        """The scored batch at hand, its probabilities at the temperature of the study."""
        if self.job is None:
            return None
        temperature = self.study.scores.temperature or self.classifier.temperature
        return resources.scored_batch(self.jobs, self.job, temperature)

    @property
    def point_for_batch(self) -> AppliedPoint | None:
        """The current point if the rows of the batch can be called at it, else None."""
        if self.job is None:
            return None
        point = AppliedPoint.of(self.classifier)
        rows = resources.rows(self.jobs, self.job)
        return point if rows and point.fits(rows) else None

    @cached_property
    def calls(self) -> Calls | None:
        """What the patches of the batch are called at the current operating point."""
        if self.job is None:
            return None
        now = resources.scored_batch(self.jobs, self.job, self.classifier.temperature)
        return now.calls(self.current.threshold, self.current.lower_threshold)


def scene_of(
    study: ThresholdStudy, assumptions: Assumptions, classifier: Classifier, settings: Settings
) -> Scene:
    """Return what surrounds the threshold that is tried."""
    jobs = resources.job_store(settings)
    store = resources.operating_points(settings)
    return Scene(study, assumptions, classifier, store, jobs, _batch_at_hand(jobs))


def _batch_at_hand(store: JobStore) -> Job | None:
    """Return the batch that is tuned on or looked at if it is finished, else the newest that is."""
    jobs = store.jobs(identity.owner())
    now = tuning.current()
    looked_at = now.place if now.source == "batch" else address.shown("job") or address.job.known()
    jobs.sort(key=lambda job: job.id != looked_at)  # stable: the rest stays newest first
    return next((job for job in jobs if resources.progress(store, job).state == "done"), None)
