"""What is kept between reruns and shared by sessions: the only use of Streamlit's caches.

Everything is keyed by what decides it: the model by the hash of its card, rows by how many there
are, pictures by job and row. Job ids are only ever taken from jobs that the owner's token opened.
"""

import atexit
import base64
import gc
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import streamlit as st

from app import pictures
from app.explained import ExplainedPatches, PatchCollection
from app.review_maps import PreparedMaps
from core.bundle import Card, ValidationScores, read_validation
from core.bundle.bundle import CARD_FILE
from core.explanation import DonorPool, Explainer, Method, Target, choose_donors
from core.explanation.listing import worth_explaining
from core.jobs import InputReport, Job, JobProgress, JobStore, inspect_source
from core.operating_points import OperatingPointStore, apply_locked_point
from core.patches import Patch, PatchSource, open_source
from core.review import ReviewStore
from core.review.anchors import AnchorFile
from core.review.maps import MapMaker
from core.review.patches import PatchFolder
from core.review.quality import image_quality
from core.review.quality import poor_quality as ranked_quality
from core.scoring import Classifier, ScoreRow, Status, open_classifier
from core.settings import SAMPLES_TABLE, Settings
from core.statistics import Curve, Evidence, OperatingTable, roc_curve
from core.thresholds import (
    RUN_SCORES_FILE,
    Batch,
    ThresholdStudy,
    bundle_scores,
    read_scores_csv,
    run_scores,
    threshold_part,
)

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
    """Return the model at the operating point in force: shipped, or locked and put in force.

    Raises:
        NodelensError: There is no usable model, or the lock in force was damaged.
    """
    shipped = shipped_classifier(chosen)
    locked = operating_points(chosen).in_force(shipped.bundle.card.weights_sha256)
    return shipped if locked is None else apply_locked_point(shipped, locked)


def _card_sha256(folder: Path) -> str:
    try:
        return hashlib.sha256((folder / CARD_FILE).read_bytes()).hexdigest()
    except OSError:
        return ""


@st.cache_resource(show_spinner="Opening the model and testing it on its golden patches …")
def _classifier(folder: Path, card_sha256: str, device: str) -> Classifier:
    found = open_classifier(folder, device=device)
    _spare_the_garbage_collector()
    return found


def _spare_the_garbage_collector() -> None:
    """Tell the garbage collector not to look again at what is here to stay.

    Streamlit collects all garbage after each run of a script. With PyTorch, pandas and Plotly
    loaded that was measured to take 280 ms, in which no session gets an answer; after this, 10.
    """
    gc.collect()
    gc.freeze()
    atexit.register(gc.unfreeze)  # or libraries report what they take for leaks at the end


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
    stamp = _stamp(store.journal(job))
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
    return _rows(store, job, job.id, _stamp(journal))


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
    for kept in (_job_collection, _explained, picture_uri):
        kept.clear()


@st.cache_data(show_spinner=False, max_entries=16)
def drawn_sample(path: Path) -> bytes | None:
    """Return a drawn sample enlarged and outlined as PNG, None where the samples are missing."""
    return pictures.enlarged_file(path) if path.is_file() else None


def job_collection(store: JobStore, job: Job, *, drawn: bool) -> PatchCollection:
    """Return the scored patches of a finished job, as a collection to be explained.

    Raises:
        SourceError: The source is gone or not what it claims to be.
    """
    return _job_collection(store, job, job.id, _stamp(store.journal(job)), drawn)


def _stamp(path: Path) -> tuple[int, int, int]:
    """Return what changes when a file does; zeros while there is none."""
    if not path.is_file():
        return 0, 0, 0
    found = path.stat()
    return found.st_ino, found.st_mtime_ns, found.st_size


@st.cache_resource(show_spinner=False, max_entries=8)
def _job_collection(
    _store: JobStore, _job: Job, job_id: str, stamp: tuple[int, int, int], drawn: bool
) -> PatchCollection:
    found = rows(_store, _job)
    opened = source(_store, _job)
    positions, left_out = worth_explaining(found)
    digest = hashlib.sha256(job_id.encode())
    for position in positions:
        digest.update(f"{position} {found[position].sha256}\n".encode())
    donors = None if drawn else choose_donors(opened, found)
    return PatchCollection(
        f"{job_id}-{digest.hexdigest()[:16]}",
        _job.name,
        opened,
        positions,
        left_out,
        drawn,
        donors,
        found[0].model_id if found else "",
    )


@st.cache_resource(show_spinner=False, max_entries=1)
def sample_collection() -> PatchCollection:
    """Return the drawn samples as a collection to be explained.

    Raises:
        SourceError: They are missing.
    """
    opened = open_source(SAMPLES_TABLE)
    return PatchCollection(
        f"samples-{opened.fingerprint()}",
        "Drawn samples",
        opened,
        tuple(range(len(opened))),
        drawn=True,
    )


def explainer(
    classifier: Classifier,
    method: Method | None,
    layer: str | None,
    target: Target,
    collection: PatchCollection | None = None,
) -> Explainer:
    """Return the model with a way to explain it; replacing takes the collection's donors.

    Raises:
        RunError: Method, layer and network do not fit.
    """
    donors = None
    if method is Method.REPLACEMENT and collection is not None:
        donors = collection.donors
    key = "" if donors is None or collection is None else collection.key
    return _explainer(donors, classifier, _model_key(classifier), method, layer, target, key)


def _model_key(classifier: Classifier) -> str:
    """Return what decides scores, calls and maps: weights, temperature, operating point, device."""
    point = classifier.operating_point
    parts = (
        classifier.bundle.card.weights_sha256,
        repr(classifier.temperature),
        point.model_dump_json(),
        classifier.engine.device,
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@st.cache_resource(show_spinner=False, max_entries=12)
def _explainer(
    _donors: DonorPool | None,
    _classifier: Classifier,
    model_key: str,
    method: Method | None,
    layer: str | None,
    target: Target,
    donors_of: str,
) -> Explainer:
    return Explainer(_classifier, method=method, layer=layer, target=target, donors=_donors)


def explained(chosen: Explainer, collection: PatchCollection) -> ExplainedPatches:
    """Return what is known of a collection's patches by now; it grows when asked to measure."""
    return _explained(
        chosen,
        collection.donors,
        collection.key,
        _model_key(chosen.classifier),
        chosen.method,
        chosen.layer.name,
        chosen.target,
    )


@st.cache_resource(show_spinner=False, max_entries=12)
def _explained(
    _chosen: Explainer,
    _donors: DonorPool | None,
    key: str,
    model_key: str,
    method: Method,
    layer: str,
    target: Target,
) -> ExplainedPatches:
    return ExplainedPatches(_chosen, _donors)


@st.cache_data(show_spinner=False, max_entries=2_000)
def picture_uri(_draw: Callable[[], bytes], key: str) -> str:
    """Return a PNG as a data URI, drawn unless there is one of this key."""
    return "data:image/png;base64," + base64.b64encode(_draw()).decode()


def bundle_study(folder: Path, card: Card, *, whole: bool) -> ThresholdStudy:
    """Return the study of the bundle's validation scores.

    Args:
        folder: The bundle.
        card: Its card.
        whole: Of all slides; else only of those that the temperature was not fitted on, where the
            card tells which these are.

    Raises:
        NodelensError: The scores are missing or altered, or lack a class.
    """
    return _bundle_study(folder, card, card.weights_sha256, card.validation.scores_sha256, whole)


@st.cache_resource(show_spinner="Preparing the validation scores …", max_entries=4)
def _bundle_study(
    folder: Path, _card: Card, weights_sha256: str, scores_sha256: str, whole: bool
) -> ThresholdStudy:
    scores = bundle_scores(folder, _card)
    part = None if whole else threshold_part(scores, _card)
    return ThresholdStudy.of(scores if part is None else part)


def run_study(folder: Path) -> ThresholdStudy:
    """Return the study of a training run's validation scores.

    Raises:
        NodelensError: There are none, or none that can be used.
    """
    return _run_study(folder, _stamp(folder / RUN_SCORES_FILE))


@st.cache_resource(show_spinner="Preparing the run's scores …", max_entries=4)
def _run_study(folder: Path, stamp: tuple[int, int, int]) -> ThresholdStudy:
    return ThresholdStudy.of(run_scores(folder))


def csv_study(name: str, data: bytes) -> ThresholdStudy:
    """Return the study of an uploaded table of scores.

    Raises:
        NodelensError: It cannot be used; the message names the rows.
    """
    return _csv_study(name, data, hashlib.sha256(data).hexdigest())


@st.cache_resource(show_spinner="Reading and sorting the scores …", max_entries=4)
def _csv_study(name: str, _data: bytes, sha256: str) -> ThresholdStudy:
    return ThresholdStudy.of(read_scores_csv(name, _data))


def scored_batch(store: JobStore, job: Job, temperature: float) -> Batch:
    """Return the scored patches of a job, their probabilities at a temperature."""
    return _scored_batch(store, job, job.id, _stamp(store.journal(job)), temperature)


@st.cache_resource(show_spinner=False, max_entries=8)
def _scored_batch(
    _store: JobStore,
    _job: Job,
    job_id: str,
    stamp: tuple[int, int, int],
    temperature: float,
) -> Batch:
    return Batch.of(_job.name, rows(_store, _job), temperature)


def review_store(chosen: Settings) -> ReviewStore:
    """Return the one record of verdicts.

    Raises:
        StoreError: The file is none, or cannot be written; nothing is cached then.
    """
    return _review_store(chosen.review_store, chosen.review_anchors)


@st.cache_resource(show_spinner=False)
def _review_store(path: Path, anchors: Path) -> ReviewStore:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _spare_the_garbage_collector()  # who only reads never opens the model
    return ReviewStore(path, anchors=AnchorFile(anchors))


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


def review_maps(chosen: Settings) -> PreparedMaps:
    """Return the maps of reviewed patches by the installed model.

    Raises:
        NodelensError: There is no usable model, or it cannot be explained; nothing is cached then.
    """
    found = shipped_classifier(chosen)
    return _review_maps(found, _model_key(found), chosen.review_patches_dir)


@st.cache_resource(show_spinner=False, max_entries=2)
def _review_maps(_classifier: Classifier, model_key: str, folder: Path) -> PreparedMaps:
    return PreparedMaps(MapMaker(_classifier), PatchFolder(folder).image)


QUALITY_INPUTS = 10_000
"""How many patches of a batch are measured for their quality; a second is about a thousand."""


def poor_quality(store: JobStore, job: Job) -> dict[str, float]:
    """Return how poor each patch of a batch is among the others, 0..1, by SHA-256."""
    return _poor_quality(store, job, job.id, _stamp(store.journal(job)))


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
