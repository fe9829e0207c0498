"""Audits: their tables under some limits, and pictures of audited patches; keyed by job."""

import hashlib

from app.resources.caching import cached_by, file_stamp
from app.resources.installation import guard_jobs
from core import pictures
from core.audit import Audit, QualityLimits, open_audit
from core.audit.browse import AuditView, Distribution, distribution
from core.audit.classes import ClassLook, class_looks
from core.audit.store import AuditStore
from core.jobs import Job
from core.patches import Patch, PatchSource
from core.patches.patch import turn
from core.settings import SAMPLES_TABLE, Settings


@cached_by(lambda chosen: (chosen.audits_dir, chosen.server_roots, chosen.keep_days))
def audit_store(chosen: Settings) -> AuditStore:
    """Return the one store of audits below the data folder."""
    samples = SAMPLES_TABLE.parent.resolve()
    store = AuditStore(chosen.audits_dir, server_roots=(*chosen.server_roots, samples))
    guard_jobs(store.jobs, chosen.keep_days)
    return store


def audit_key(store: AuditStore, job: Job) -> str:
    """Return what changes when an audit's tables do, not when it only counts on."""
    folder = store.folder(job)
    progress = folder.read_progress()
    tables = map(file_stamp, (folder.table("patches"), folder.table("scores")))
    stamps = (*tables, len(folder.part_files()))
    state = repr((progress.finished, sorted(progress.skipped), stamps))
    return f"{job.id}-{hashlib.sha256(state.encode()).hexdigest()[:16]}"


@cached_by(audit_key, entries=4, spinner="Opening the audit …")
def _audit(store: AuditStore, job: Job) -> Audit:
    return open_audit(store.folder(job).path)


@cached_by(lambda store, job, limits: (audit_key(store, job), limits), entries=12)
def audit_view(store: AuditStore, job: Job, limits: QualityLimits) -> AuditView:
    """Return an audit as far as it is, under some limits.

    Raises:
        RunError: It has not begun.
    """
    return AuditView(audit_key(store, job), _audit(store, job), limits)


@cached_by(lambda view, measure: (view.key, measure), entries=64)
def audit_distribution(view: AuditView, measure: str) -> Distribution | None:
    """Return how a measure is distributed in each class."""
    return distribution(view, measure)


@cached_by(
    lambda view, source: view.key, entries=8, spinner="Comparing the classes, pixel by pixel …"
)
def audit_looks(view: AuditView, source: PatchSource) -> tuple[ClassLook, ...]:
    """Return what the patches of each class look like together."""
    return class_looks(view.patches, source)


@cached_by(
    lambda store, job: (job.id, file_stamp(store.folder(job).path / "audit.json")),
    entries=4,
    spinner="Opening the data set …",
)
def audit_source(store: AuditStore, job: Job) -> PatchSource:
    """Return the audited patches, opened once.

    Raises:
        SourceError: They are gone, or not what they claim to be.
    """
    source = store.inputs(job).source
    if len(source) == open_audit(store.folder(job).path).spec.inputs:
        return source
    source.close()
    return store.jobs.open(job)  # audited when a table among the files counted as an input


@cached_by(
    lambda source, row, sha256, orientation=0: (row, sha256, orientation),
    entries=1_500,
    copied=True,
)
def audit_picture(source: PatchSource, row: int, sha256: str, orientation: int = 0) -> str | None:
    """Return an audited patch as PNG in a data URI, turned; None if it is not what was audited.

    Args:
        source: From `audit_source`.
        row: Which input.
        sha256: Of it, when it was audited; "" for an input that could not be read.
        orientation: 0 to 7, see `core.patches.patch.turn`.
    """
    item = source.read(row) if sha256 and row < len(source) else None
    if not isinstance(item, Patch) or item.sha256 != sha256:
        return None
    return pictures.png_uri(turn(item.image_rgb_u8[None], orientation)[0])


def forget_audits() -> None:
    """Forget everything kept of any audit, pictures included, because one is being removed."""
    for kept in (_audit, audit_view, audit_distribution, audit_looks, audit_source, audit_picture):
        kept.clear()
