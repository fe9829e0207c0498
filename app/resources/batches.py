"""Batches: their sources, rows and pictures; keyed by job, and by the journal where rows decide.

Job ids are only ever taken from jobs that the owner's token opened.
"""

import sys
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import TypeVar, cast

from app.resources.caching import cached_by, file_stamp
from app.resources.installation import guard_jobs
from core import pictures
from core.bundle import Bundle
from core.errors import NodelensError, SourceError
from core.jobs import Job, JobProgress, JobStore
from core.local import Findings, findings_of, local_study
from core.patches import Patch, PatchSource
from core.scoring import Batch, LabelCheck, ScoreRow, check_labels
from core.scoring import shared_folder as shared_folder_of
from core.settings import SAMPLES_TABLE, Settings
from core.thresholds import ThresholdStudy, bundle_scores
from core.thresholds.scores import seen_before

T = TypeVar("T")

_EXPLANATIONS = "app.resources.explanations"


def of_rows(store: JobStore, job: Job) -> Hashable:
    """Return what decides the rows that a job has by now."""
    return job.id, *map(file_stamp, store.decides_rows(job))


@cached_by(lambda chosen: (chosen.jobs_dir, chosen.server_roots, chosen.keep_days))
def job_store(chosen: Settings) -> JobStore:
    """Return the one store of jobs below the data folder."""
    samples = SAMPLES_TABLE.parent.resolve()
    store = JobStore(chosen.jobs_dir, server_roots=(*chosen.server_roots, samples))
    guard_jobs(store, chosen.keep_days)
    return store


@cached_by(lambda store, job: job.id, entries=8)
def source(store: JobStore, job: Job) -> PatchSource:
    """Return a job's source, opened once.

    Raises:
        SourceError: It is gone or not what it claims to be.
    """
    return store.open(job)


def shared_folder(store: JobStore, job: Job) -> str | None:
    """Return the folder that all files of a job share; None once the files are gone."""
    try:
        return _shared_folder(store, job)
    except SourceError:
        return None


@cached_by(lambda store, job: job.id, entries=8)
def _shared_folder(store: JobStore, job: Job) -> str:
    return shared_folder_of(entry.path for entry in source(store, job).entries)


def progress(store: JobStore, job: Job) -> JobProgress:
    """Return how far a job is; rows of jobs that do not run are counted once."""
    return store.progress(job) if store.task(job) else _progress_on_disk(store, job)


@cached_by(of_rows, entries=256, copied=True)
def _progress_on_disk(store: JobStore, job: Job) -> JobProgress:
    return store.progress(job)


@cached_by(of_rows, entries=8)
def rows(store: JobStore, job: Job) -> tuple[ScoreRow, ...]:
    """Return the rows that a job has by now."""
    return tuple(store.rows(job)) if store.journal(job).exists() else ()


def from_rows(store: JobStore, job: Job, make: Callable[..., T], *more: Hashable) -> T:
    """Return what a function makes of the rows that a job has by now, and of the rest, made once.

    The function is known by its name, so no closure.
    """
    return cast("T", _from_rows(store, job, make, more))


@cached_by(
    lambda store, job, make, more: (of_rows(store, job), make.__module__, make.__name__, more),
    entries=64,
)
def _from_rows(
    store: JobStore, job: Job, make: Callable[..., object], more: tuple[Hashable, ...]
) -> object:
    return make(rows(store, job), *more)


@cached_by(lambda store, job, positions: (job.id, tuple(positions)), entries=32)
def thumbnails(store: JobStore, job: Job, positions: Sequence[int]) -> list[str | None]:
    """Return small pictures of some rows as data URIs, None where there is no picture."""
    return [_thumbnail(store, job, position) for position in positions]


@cached_by(lambda store, job, position: (job.id, position), entries=4_000, copied=True)
def _thumbnail(store: JobStore, job: Job, position: int) -> str | None:
    item = _own_patch(store, job, position)
    return None if item is None else pictures.thumbnail_uri(item.image_rgb_u8)


def _own_patch(store: JobStore, job: Job, position: int) -> Patch | None:
    """Return the patch of a row; None if it cannot be read or is not the one that was scored."""
    try:
        opened, known = source(store, job), rows(store, job)
    except SourceError:  # gone, or no longer below a folder that may be read
        return None
    item = opened.read(position) if position < len(opened) else None
    scored = known[position].sha256 if position < len(known) else None
    if not isinstance(item, Patch) or (scored is not None and item.sha256 != scored):
        return None
    return item


@cached_by(lambda store, job, position: (job.id, position), entries=64, copied=True)
def patch_uri(store: JobStore, job: Job, position: int) -> str | None:
    """Return a row's patch, 96 × 96, as PNG in a data URI, None where it cannot be read."""
    item = _own_patch(store, job, position)
    return None if item is None else pictures.png_uri(item.image_rgb_u8)


@cached_by(lambda path: path, entries=16, copied=True)
def drawn_sample(path: Path) -> bytes | None:
    """Return a drawn sample enlarged and outlined as PNG, None where the samples are missing."""
    return pictures.enlarged_file(path) if path.is_file() else None


@cached_by(lambda store, job, temperature: (of_rows(store, job), temperature), entries=8)
def scored_batch(store: JobStore, job: Job, temperature: float) -> Batch:
    """Return the scored patches of a job, their probabilities at a temperature."""
    return Batch.of(job.name, rows(store, job), temperature)


@cached_by(of_rows, entries=8)
def label_check(store: JobStore, job: Job) -> LabelCheck | None:
    """Return a batch against its labels; None where no scored row has one."""
    return check_labels(rows(store, job))


@cached_by(
    lambda store, job, bundle: (of_rows(store, job), job.name, bundle.card.model_dump_json()),
    entries=8,
    spinner="Comparing the scores with your labels …",
)
def local_findings(store: JobStore, job: Job, bundle: Bundle) -> tuple[ThresholdStudy, Findings]:
    """Return the study of a batch's labelled patches, and what it says of the installed model.

    Raises:
        NodelensError: No labels, one class only, or another model's scores.
    """
    score_rows, card = rows(store, job), bundle.card
    study, validation = local_study(job.name, score_rows, card), bundle_scores(bundle.folder, card)
    return study, findings_of(study, score_rows, card, validation, batch=job.name, batch_id=job.id)


@cached_by(
    lambda store, job, bundle: (of_rows(store, job), bundle.card.model_dump_json()), entries=8
)
def seen_patches(store: JobStore, job: Job, bundle: Bundle) -> tuple[str, ...]:
    """Say which labelled patches of a batch the model knows, or why that cannot be known."""
    kept = [row for row in rows(store, job) if row.label is not None]
    slides = {row.slide for row in kept if row.slide}
    try:
        validation = bundle_scores(bundle.folder, bundle.card)
    except NodelensError as error:
        return (str(error),)
    return seen_before([row.id for row in kept], slides, validation, bundle.card)


def forget_jobs() -> None:
    """Forget everything kept of any job, pictures included, because one is being removed."""
    for kept in (source, rows, _progress_on_disk, _from_rows, thumbnails, _thumbnail, patch_uri):
        kept.clear()
    for of_rows_too in (label_check, local_findings, seen_patches, scored_batch):
        of_rows_too.clear()
    if _EXPLANATIONS in sys.modules:  # else nothing of it is kept, and PyTorch is not loaded
        from app.resources.explanations import forget_explanations  # noqa: PLC0415

        forget_explanations()
