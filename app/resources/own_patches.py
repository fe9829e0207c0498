"""What a batch's labels say of the installed model, and what was decided about it."""

from collections.abc import Hashable

from app.resources.batches import of_rows, rows
from app.resources.caching import cached_by
from core.bundle import Card
from core.jobs import Job, JobStore
from core.local import DecisionStore, Findings, findings_of, local_study
from core.settings import Settings
from core.thresholds import ThresholdStudy


def _of_labels(store: JobStore, job: Job, card: Card) -> Hashable:
    return of_rows(store, job), job.name, card.model_dump_json()


@cached_by(_of_labels, entries=8, spinner="Comparing the scores with your labels …")
def local_findings(store: JobStore, job: Job, card: Card) -> tuple[ThresholdStudy, Findings]:
    """Return the study of a batch's labelled patches, and what it says of the model.

    Raises:
        NodelensError: No labels, one class only, or another model's scores.
    """
    found = rows(store, job)
    study = local_study(job.name, found, card)
    return study, findings_of(study, found, card, batch=job.name, batch_id=job.id)


def local_decisions(chosen: Settings) -> DecisionStore:
    """Return the store of decisions on whether the model is used here."""
    return DecisionStore(chosen.local_decisions_dir)
