"""What is kept between reruns and shared by sessions: the only use of Streamlit's caches.

Everything is keyed by what decides it: the model by the hash of its card, rows by the journal that
they are in, pictures by job and row.
"""

import os

from app.resources.audits import (
    audit_distribution,
    audit_picture,
    audit_source,
    audit_store,
    audit_view,
    forget_audits,
)
from app.resources.batches import (
    drawn_sample,
    forget_batches,
    input_report,
    job_store,
    patch_uri,
    poor_quality,
    progress,
    rows,
    scored_batch,
    source,
    thumbnails,
)
from app.resources.explanations import (
    explained,
    explainer,
    forget_explanations,
    job_collection,
    picture_uri,
    sample_collection,
)
from app.resources.locks import folder_lock
from app.resources.model import (
    classifier,
    operating_points,
    shipped_classifier,
    validation_roc,
    validation_scores,
)
from app.resources.reviews import review_maps, review_patches, review_picture, review_store
from app.resources.thresholds import bundle_study, csv_study, run_study
from core.settings import Settings

__all__ = [
    "audit_distribution",
    "audit_picture",
    "audit_source",
    "audit_store",
    "audit_view",
    "bundle_study",
    "classifier",
    "csv_study",
    "drawn_sample",
    "explained",
    "explainer",
    "folder_lock",
    "forget_audits",
    "forget_jobs",
    "input_report",
    "job_collection",
    "job_store",
    "operating_points",
    "patch_uri",
    "picture_uri",
    "poor_quality",
    "progress",
    "review_maps",
    "review_patches",
    "review_picture",
    "review_store",
    "rows",
    "run_study",
    "sample_collection",
    "scored_batch",
    "settings",
    "shipped_classifier",
    "source",
    "thumbnails",
    "validation_roc",
    "validation_scores",
]


def settings() -> Settings:
    """Return what the operator decided; read anew each time, because it costs nothing."""
    return Settings.from_environment(os.environ)


def forget_jobs() -> None:
    """Forget everything kept of any job, pictures included, because one is being removed."""
    forget_batches()
    forget_explanations()
