"""Batches: their sources, rows and pictures; keyed by job, and by the journal where rows decide.

Job ids are only ever taken from jobs that the owner's token opened.
"""

from pathlib import Path

import streamlit as st

from app.resources.stamp import file_stamp
from core import pictures
from core.jobs import InputReport, Job, JobProgress, JobStore, inspect_source
from core.patches import Patch, PatchSource
from core.review.quality import image_quality
from core.review.quality import poor_quality as ranked_quality
from core.scoring import Batch, ScoreRow, Status
from core.settings import SAMPLES_TABLE, Settings

INSPECTED_INPUTS = 5_000
"""How many inputs are read before scoring; more would keep a reader waiting for over a second."""
QUALITY_INPUTS = 10_000
"""How many patches of a batch are measured for their quality; a second is about a thousand."""


def job_store(chosen: Settings) -> JobStore:
    """Return the one store of jobs below the data folder."""
    samples = SAMPLES_TABLE.parent.resolve()
    return _job_store(chosen.jobs_dir, (*chosen.server_roots, samples))


@st.cache_resource(show_spinner=False)
def _job_store(folder: Path, server_roots: tuple[Path, ...]) -> JobStore:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return JobStore(folder, server_roots=server_roots)


def source(store: JobStore, job: Job) -> PatchSource:
    """Return a job's source, opened once.

    Raises:
        SourceError: It is gone or not what it claims to be.
    """
    return _source(store, job, job.id)


@st.cache_resource(show_spinner=False, max_entries=8)
def _source(_store: JobStore, _job: Job, job_id: str) -> PatchSource:
    return _store.open(_job)


def input_report(store: JobStore, job: Job) -> InputReport:
    """Return what the first inputs of a job hold.

    Raises:
        SourceError: The source cannot be opened.
    """
    return _input_report(store, job, job.id)


@st.cache_data(show_spinner="Looking at the input …", max_entries=32)
def _input_report(_store: JobStore, _job: Job, job_id: str) -> InputReport:
    return inspect_source(source(_store, _job), limit=INSPECTED_INPUTS)


def progress(store: JobStore, job: Job) -> JobProgress:
    """Return how far a job is; rows of jobs that do not run are counted once."""
    stamp = file_stamp(store.journal(job))
    if store.is_held(job):
        return store.progress(job)
    return _progress_on_disk(store, job, job.id, stamp)


@st.cache_data(show_spinner=False, max_entries=256)
def _progress_on_disk(
    _store: JobStore,
    _job: Job,
    job_id: str,
    stamp: tuple[int, int, int],
) -> JobProgress:
    return _store.progress(_job)


def rows(store: JobStore, job: Job) -> tuple[ScoreRow, ...]:
    """Return the rows that a job has by now."""
    journal = store.journal(job)
    if not journal.exists():
        return ()
    return _rows(store, job, job.id, file_stamp(journal))


@st.cache_resource(show_spinner=False, max_entries=8)
def _rows(
    _store: JobStore,
    _job: Job,
    job_id: str,
    stamp: tuple[int, int, int],
) -> tuple[ScoreRow, ...]:
    return tuple(_store.rows(_job))


def thumbnails(store: JobStore, job: Job, positions: list[int]) -> list[str | None]:
    """Return small pictures of some rows as data URIs, None where there is no picture."""
    opened = source(store, job)
    return [_thumbnail(opened, job.id, position) for position in positions]


@st.cache_data(show_spinner=False, max_entries=4_000)
def _thumbnail(_source: PatchSource, job_id: str, position: int) -> str | None:
    item = _source.read(position)
    return pictures.thumbnail_uri(item.image_rgb_u8) if isinstance(item, Patch) else None


def detail(store: JobStore, job: Job, position: int, *, outlined: bool) -> bytes | None:
    """Return a row's patch enlarged as PNG, None where it cannot be read."""
    return _detail(source(store, job), job.id, position, outlined)


@st.cache_data(show_spinner=False, max_entries=64)
def _detail(
    _source: PatchSource,
    job_id: str,
    position: int,
    outlined: bool,
) -> bytes | None:
    item = _source.read(position)
    if not isinstance(item, Patch):
        return None
    return pictures.enlarged_png(item.image_rgb_u8, outlined=outlined)


@st.cache_data(show_spinner=False, max_entries=16)
def drawn_sample(path: Path) -> bytes | None:
    """Return a drawn sample enlarged and outlined as PNG, None where the samples are missing."""
    return pictures.enlarged_file(path) if path.is_file() else None


def scored_batch(store: JobStore, job: Job, temperature: float) -> Batch:
    """Return the scored patches of a job, their probabilities at a temperature."""
    return _scored_batch(store, job, job.id, file_stamp(store.journal(job)), temperature)


@st.cache_resource(show_spinner=False, max_entries=8)
def _scored_batch(
    _store: JobStore,
    _job: Job,
    job_id: str,
    stamp: tuple[int, int, int],
    temperature: float,
) -> Batch:
    return Batch.of(_job.name, rows(_store, _job), temperature)


def poor_quality(store: JobStore, job: Job) -> dict[str, float]:
    """Return how poor each patch of a batch is among the others, 0..1, by SHA-256."""
    return _poor_quality(store, job, job.id, file_stamp(store.journal(job)))


@st.cache_data(show_spinner="Looking at the quality of each patch …", max_entries=8)
def _poor_quality(
    _store: JobStore, _job: Job, job_id: str, stamp: tuple[int, int, int]
) -> dict[str, float]:
    opened = source(_store, _job)
    found = {}
    for position, row in enumerate(rows(_store, _job)[:QUALITY_INPUTS]):
        if row.status is not Status.FAILED and row.sha256 not in found:
            item = opened.read(position)
            if isinstance(item, Patch):
                found[row.sha256] = image_quality(item.image_rgb_u8)
    return ranked_quality(found)


def forget_batches() -> None:
    """Forget every batch, pictures included."""
    for cached in (
        _source,
        _input_report,
        _rows,
        _progress_on_disk,
        _thumbnail,
        _detail,
        _scored_batch,
        _poor_quality,
    ):
        cached.clear()
