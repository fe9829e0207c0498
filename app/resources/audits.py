"""Audits: their tables under some limits, and pictures of audited patches; keyed by job."""

import hashlib
from pathlib import Path

import streamlit as st

from app.resources.memory import spare_the_garbage_collector
from app.resources.stamp import file_stamp
from core import pictures
from core.audit import Audit, QualityLimits, open_audit
from core.audit.browse import AuditView, Distribution, distribution
from core.audit.store import AuditStore
from core.jobs import Job
from core.patches import Patch, PatchSource
from core.settings import SAMPLES_TABLE, Settings


def audit_store(chosen: Settings) -> AuditStore:
    """Return the one store of audits below the data folder."""
    samples = SAMPLES_TABLE.parent.resolve()
    return _audit_store(chosen.audits_dir, (*chosen.server_roots, samples))


@st.cache_resource(show_spinner=False)
def _audit_store(folder: Path, server_roots: tuple[Path, ...]) -> AuditStore:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    spare_the_garbage_collector()  # this page opens no model, which would do so
    return AuditStore(folder, server_roots=server_roots)


def audit_view(store: AuditStore, job: Job, limits: QualityLimits) -> AuditView:
    """Return an audit as far as it is, under some limits.

    Raises:
        RunError: It has not begun.
    """
    key = _audit_key(store, job)
    return _audit_view(_audit(store, job, key), key, limits)


def _audit_key(store: AuditStore, job: Job) -> str:
    """Return what changes when an audit's tables do, not when it only counts on."""
    folder = store.folder(job)
    progress = folder.read_progress()
    stamps = (file_stamp(folder.table("patches")), len(folder.part_files()))
    said = repr((progress.finished, sorted(progress.skipped), stamps))
    return f"{job.id}-{hashlib.sha256(said.encode()).hexdigest()[:16]}"


@st.cache_resource(show_spinner="Opening the audit …", max_entries=4)
def _audit(_store: AuditStore, _job: Job, key: str) -> Audit:
    return open_audit(_store.folder(_job).path)


@st.cache_resource(show_spinner=False, max_entries=12)
def _audit_view(_opened: Audit, key: str, limits: QualityLimits) -> AuditView:
    return AuditView.of(key, _opened, limits)


def audit_distribution(view: AuditView, measure: str) -> Distribution | None:
    """Return how a measure is distributed in each class."""
    return _distribution(view, view.key, measure)


@st.cache_resource(show_spinner=False, max_entries=64)
def _distribution(_view: AuditView, key: str, measure: str) -> Distribution | None:
    return distribution(_view, measure)


def audit_source(store: AuditStore, job: Job) -> PatchSource:
    """Return the audited patches, opened once.

    Raises:
        SourceError: They are gone, or not what they claim to be.
    """
    return _audit_source(store, job, job.id)


@st.cache_resource(show_spinner="Opening the data set …", max_entries=4)
def _audit_source(_store: AuditStore, _job: Job, job_id: str) -> PatchSource:
    return _store.jobs.open(_job)


def audit_picture(source: PatchSource, row: int, sha256: str, orientation: int = 0) -> str | None:
    """Return an audited patch as PNG in a data URI, turned; None if it is not what was audited.

    Args:
        source: From `audit_source`.
        row: Which input.
        sha256: Of it, when it was audited.
        orientation: 0 to 7, see `core.audit.relations.orientation.turn`.
    """
    return _audit_picture(source, sha256, orientation, row) if sha256 else None


@st.cache_data(show_spinner=False, max_entries=1_500)
def _audit_picture(_source: PatchSource, sha256: str, orientation: int, row: int) -> str | None:
    item = _source.read(row) if row < len(_source) else None
    if not isinstance(item, Patch) or item.sha256 != sha256:
        return None
    return pictures.png_uri(pictures.turned(item.image_rgb_u8, orientation))


def forget_audits() -> None:
    """Forget everything kept of any audit, pictures included, because one is being removed."""
    for cached in (_audit, _audit_view, _distribution, _audit_source):
        cached.clear()
    _audit_picture.clear()
