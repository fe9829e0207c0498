"""Patches to be explained, who explains them, and what is known of them by now."""

import base64
import hashlib
from collections.abc import Callable

import streamlit as st

from app.resources.batches import rows, source
from app.resources.model import model_key
from app.resources.stamp import file_stamp
from core.explanation import DonorPool, Explainer, Method, Target, choose_donors
from core.explanation.explained import ExplainedPatches, PatchCollection
from core.explanation.listing import worth_explaining
from core.jobs import Job, JobStore
from core.patches import open_source
from core.scoring import Classifier
from core.settings import SAMPLES_TABLE


def job_collection(store: JobStore, job: Job, *, drawn: bool) -> PatchCollection:
    """Return the scored patches of a finished job, as a collection to be explained.

    Raises:
        SourceError: The source is gone or not what it claims to be.
    """
    return _job_collection(store, job, job.id, file_stamp(store.journal(job)), drawn)


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
    return _explainer(donors, classifier, model_key(classifier), method, layer, target, key)


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
        model_key(chosen.classifier),
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


def forget_explanations() -> None:
    """Forget every explained patch, pictures included."""
    for kept in (_job_collection, _explained, picture_uri):
        kept.clear()
