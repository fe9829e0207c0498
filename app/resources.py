"""What is kept between reruns and shared by sessions: the only use of Streamlit's caches.

Everything is keyed by what decides it: the model by the hash of its card, rows by how many there
are, pictures by job and row. Job ids are only ever taken from jobs that the owner's token opened.
"""

import hashlib
import os
from pathlib import Path

import streamlit as st

from app import pictures
from core.bundle import Card, ValidationScores, read_validation
from core.bundle.bundle import CARD_FILE
from core.jobs import InputReport, Job, JobProgress, JobStore, inspect_source
from core.operating_points import OperatingPointStore, apply_locked_point
from core.patches import Patch, PatchSource
from core.review import ReviewStore
from core.review.patches import PatchFolder
from core.scoring import Classifier, ScoreRow, open_classifier
from core.settings import SAMPLES_TABLE, Settings
from core.statistics import Curve, Evidence, OperatingTable, roc_curve

INSPECTED_INPUTS = 5_000
"""How many inputs are read before scoring; more would keep a reader waiting for over a second."""


def settings() -> Settings:
    """Return what the operator decided; read anew each time, because it costs nothing."""
    return Settings.from_environment(os.environ)


def job_store(chosen: Settings) -> JobStore:
    """Return the one store of jobs below the data folder."""
    samples = SAMPLES_TABLE.parent.resolve()
    return _job_store(chosen.jobs_dir, (*chosen.server_roots, samples))


@st.cache_resource(show_spinner=False)
def _job_store(folder: Path, server_roots: tuple[Path, ...]) -> JobStore:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return JobStore(folder, server_roots=server_roots)


def operating_points(chosen: Settings) -> OperatingPointStore:
    """Return the store of locked operating points."""
    return OperatingPointStore(chosen.operating_points_dir)


def shipped_classifier(chosen: Settings) -> Classifier:
    """Return the self-tested model at the operating point that it was shipped with.

    Raises:
        NodelensError: There is no usable model; nothing is cached then.
    """
    return _classifier(chosen.model_dir, _card_sha256(chosen.model_dir), chosen.device)


def classifier(chosen: Settings) -> Classifier:
    """Return the model at the operating point in force: the newest locked one, or the shipped.

    Raises:
        NodelensError: There is no usable model, or its newest lock was damaged.
    """
    shipped = shipped_classifier(chosen)
    locked = operating_points(chosen).latest(shipped.bundle.card.weights_sha256)
    return shipped if locked is None else apply_locked_point(shipped, locked)


def _card_sha256(folder: Path) -> str:
    try:
        return hashlib.sha256((folder / CARD_FILE).read_bytes()).hexdigest()
    except OSError:
        return ""


@st.cache_resource(show_spinner="Opening the model and testing it on its golden patches …")
def _classifier(folder: Path, card_sha256: str, device: str) -> Classifier:
    return open_classifier(folder, device=device)


@st.cache_resource(show_spinner=False, max_entries=4)
def validation_scores(folder: Path, sha256: str) -> ValidationScores:
    """Return the bundle's validation scores, checked against the hash in its card."""
    return read_validation(folder, sha256)


def validation_roc(folder: Path, card: Card) -> Curve:
    """Return the ROC curve of the validation scores, thinned for drawing."""
    return _roc(folder, card.validation.scores_sha256)


@st.cache_resource(show_spinner=False, max_entries=4)
def _roc(folder: Path, sha256: str) -> Curve:
    scores = validation_scores(folder, sha256)
    return roc_curve(OperatingTable.of(Evidence.of(scores.labels, scores.scores))).thinned(300)


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
    journal = store.journal(job)
    stamp = (journal.stat().st_mtime_ns, journal.stat().st_size) if journal.exists() else (0, 0)
    if store.is_held(job):
        return store.progress(job)
    return _progress_on_disk(store, job, job.id, stamp)


@st.cache_data(show_spinner=False, max_entries=256)
def _progress_on_disk(
    _store: JobStore,
    _job: Job,
    job_id: str,
    stamp: tuple[int, int],
) -> JobProgress:
    return _store.progress(_job)


def rows(store: JobStore, job: Job) -> tuple[ScoreRow, ...]:
    """Return the rows that a job has by now."""
    journal = store.journal(job)
    if not journal.exists():
        return ()
    found = journal.stat()
    return _rows(store, job, job.id, (found.st_ino, found.st_mtime_ns, found.st_size))


@st.cache_resource(show_spinner=False, max_entries=8)
def _rows(
    _store: JobStore,
    _job: Job,
    job_id: str,
    stamp: tuple[int, int, int],
) -> tuple[ScoreRow, ...]:
    return tuple(_store.rows(_job))


@st.cache_data(show_spinner=False, max_entries=4_000)
def _thumbnail(_source: PatchSource, job_id: str, position: int) -> str | None:
    item = _source.read(position)
    return pictures.thumbnail_uri(item.image_rgb_u8) if isinstance(item, Patch) else None


def thumbnails(store: JobStore, job: Job, positions: list[int]) -> list[str | None]:
    """Return small pictures of some rows as data URIs, None where there is no picture."""
    opened = source(store, job)
    return [_thumbnail(opened, job.id, position) for position in positions]


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


def detail(store: JobStore, job: Job, position: int, *, outlined: bool) -> bytes | None:
    """Return a row's patch enlarged as PNG, None where it cannot be read."""
    return _detail(source(store, job), job.id, position, outlined)


def forget_jobs() -> None:
    """Forget everything kept of any job, pictures included, because one is being removed."""
    for cached in (_source, _input_report, _rows, _progress_on_disk, _thumbnail, _detail):
        cached.clear()


@st.cache_data(show_spinner=False, max_entries=16)
def drawn_sample(path: Path) -> bytes | None:
    """Return a drawn sample enlarged and outlined as PNG, None where the samples are missing."""
    return pictures.enlarged_file(path) if path.is_file() else None


def review_store(chosen: Settings) -> ReviewStore:
    """Return the one record of verdicts.

    Raises:
        StoreError: The file is none, or cannot be written; nothing is cached then.
    """
    return _review_store(chosen.review_store)


@st.cache_resource(show_spinner=False)
def _review_store(path: Path) -> ReviewStore:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return ReviewStore(path)


def review_patches(chosen: Settings) -> PatchFolder:
    """Return the patches of opened cases."""
    return PatchFolder(chosen.review_patches_dir)


@st.cache_data(show_spinner=False, max_entries=2_000)
def _review_picture(folder: Path, sha256: str) -> str:
    return pictures.png_uri(PatchFolder(folder).image(sha256))


def review_picture(kept: PatchFolder, sha256: str) -> str:
    """Return a kept patch, 96 × 96, as PNG in a data URI.

    Raises:
        StoreError: It is gone, or has changed; nothing is cached then.
    """
    return _review_picture(kept.folder, sha256)
