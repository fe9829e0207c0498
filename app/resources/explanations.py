"""Patches to be explained, who explains them, and what is known of them by now."""

import base64
import hashlib
from collections.abc import Callable, Hashable
from dataclasses import replace

from app.resources.batches import of_rows, rows, source
from app.resources.caching import cached_by, file_stamp
from app.resources.model import model_key
from core.explanation import DonorPool, Explainer, Method, choose_donors
from core.explanation.explained import ExplainedPatches, PatchCollection
from core.explanation.listing import worth_explaining
from core.explanation.reliance import threshold_logit
from core.explanation.surroundings import Halves, Surroundings
from core.jobs import Job, JobStore
from core.scoring import Classifier


@cached_by(of_rows, entries=8)
def job_collection(store: JobStore, job: Job) -> PatchCollection:
    """Return the scored patches of a finished job, as a collection to be explained.

    Raises:
        SourceError: The source is gone or not what it claims to be.
    """
    scored = rows(store, job)
    opened = source(store, job)
    positions, left_out = worth_explaining(scored)
    digest = hashlib.sha256(job.id.encode())
    for position in positions:
        digest.update(f"{position} {scored[position].sha256}\n".encode())
    donors = None if job.is_drawn else choose_donors(opened, scored)
    return PatchCollection(
        f"{job.id}-{digest.hexdigest()[:16]}",
        job.name,
        opened,
        positions,
        left_out,
        donors,
        scored[0].model_id if scored else "",
        job.id,
        {position: scored[position] for position in positions},
        store.explanations(job),
        lambda: store.is_writable,
    )


@cached_by(
    lambda classifier, collection: (model_key(classifier), collection.key),
    entries=4,
    spinner="Scoring the patches …",
)
def scored_here(classifier: Classifier, collection: PatchCollection) -> PatchCollection:
    """Return a collection with the scores of this model, the highest first."""
    items = [collection.source.read(at) for at in collection.positions]
    scores = dict(zip(collection.positions, classifier.score(items), strict=True))
    ordered = sorted(scores, key=lambda at: -(scores[at].prob_tumour or 0.0))
    return replace(
        collection,
        positions=tuple(ordered),
        scored_by=classifier.model_id,
        scores={at: scores[at] for at in ordered},
    )


@cached_by(
    lambda classifier, method=None, layer=None, collection=None: (
        (model_key(classifier), method, layer)
        if _donors_of(method, collection) is None
        else (model_key(classifier), method, layer, collection.key)
    ),
    entries=12,
)
def explainer(
    classifier: Classifier,
    method: Method | None = None,
    layer: str | None = None,
    collection: PatchCollection | None = None,
) -> Explainer:
    """Return the model with a way to explain it; replacing takes the collection's donors.

    Raises:
        RunError: Method, layer and network do not fit.
    """
    donors = _donors_of(method, collection)
    return Explainer(classifier, method=method, layer=layer, donors=donors)


def _donors_of(method: Method | None, collection: PatchCollection | None) -> DonorPool | None:
    return collection.donors if collection and method is Method.REPLACEMENT else None


@cached_by(lambda store: store.folder)
def surroundings(store: JobStore) -> Surroundings:
    """Return who measures what the tumour calls of a store's batches rest on."""
    return Surroundings(store)


def _of_halves(
    store: JobStore, job: Job, collection: PatchCollection, classifier: Classifier
) -> Hashable:
    stamp = file_stamp(store.surroundings(job))
    return of_rows(store, job), stamp, collection.key, model_key(classifier)


@cached_by(_of_halves, entries=8)
def halves(
    store: JobStore, job: Job, collection: PatchCollection, classifier: Classifier
) -> dict[int, tuple[Halves, float]]:
    """Return what is known of the tumour calls of a batch, and their threshold, by position."""
    known = surroundings(store).known(job, collection, classifier)
    return {
        at: (known[row.sha256], threshold_logit(row.threshold, classifier.temperature))
        for at, row in enumerate(rows(store, job))
        if row.predicted_label == 1 and row.sha256 in known
    }


def _of_explained(chosen: Explainer, collection: PatchCollection) -> Hashable:
    way = (chosen.method, chosen.layer.name)
    metadata = tuple((row.label, row.slide) for row in collection.scores.values())
    return collection.key, model_key(chosen.classifier), way, metadata


@cached_by(_of_explained, entries=12)
def explained(chosen: Explainer, collection: PatchCollection) -> ExplainedPatches:
    """Return what is known of a collection's patches by now; it grows when asked to measure."""
    return ExplainedPatches(chosen, collection)


@cached_by(lambda draw, key: key, entries=2_000, copied=True)
def picture_uri(draw: Callable[[], bytes], key: str) -> str:
    """Return a PNG as a data URI, drawn unless there is one of this key."""
    return "data:image/png;base64," + base64.b64encode(draw()).decode()


def forget_explanations() -> None:
    """Forget every explained patch, pictures included."""
    for kept in (job_collection, explained, picture_uri, halves):
        kept.clear()
