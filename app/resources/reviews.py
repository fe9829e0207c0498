"""The record of verdicts, the patches that it is about, and their maps."""

from pathlib import Path

import streamlit as st

from app.resources.memory import spare_the_garbage_collector
from app.resources.model import model_key, shipped_classifier
from core import pictures
from core.review import ReviewStore
from core.review.anchors import AnchorFile
from core.review.maps import MapMaker
from core.review.patches import PatchFolder
from core.review.prepared_maps import PreparedMaps
from core.scoring import Classifier
from core.settings import Settings


def review_store(chosen: Settings) -> ReviewStore:
    """Return the one record of verdicts.

    Raises:
        StoreError: The file is none, or cannot be written; nothing is cached then.
    """
    return _review_store(chosen.review_store, chosen.review_anchors)


@st.cache_resource(show_spinner=False)
def _review_store(path: Path, anchors: Path) -> ReviewStore:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    spare_the_garbage_collector()  # who only reads never opens the model
    return ReviewStore(path, anchors=AnchorFile(anchors))


def review_patches(chosen: Settings) -> PatchFolder:
    """Return the patches of opened cases."""
    return PatchFolder(chosen.review_patches_dir)


def review_picture(kept: PatchFolder, sha256: str) -> str:
    """Return a kept patch, 96 × 96, as PNG in a data URI.

    Raises:
        StoreError: It is gone, or has changed; nothing is cached then.
    """
    return _review_picture(kept.folder, sha256)


@st.cache_data(show_spinner=False, max_entries=2_000)
def _review_picture(folder: Path, sha256: str) -> str:
    return pictures.png_uri(PatchFolder(folder).image(sha256))


def review_maps(chosen: Settings) -> PreparedMaps:
    """Return the maps of reviewed patches by the installed model.

    Raises:
        NodelensError: There is no usable model, or it cannot be explained; nothing is cached then.
    """
    found = shipped_classifier(chosen)
    return _review_maps(found, model_key(found), chosen.review_patches_dir)


@st.cache_resource(show_spinner=False, max_entries=2)
def _review_maps(_classifier: Classifier, model_key: str, folder: Path) -> PreparedMaps:
    return PreparedMaps(MapMaker(_classifier), PatchFolder(folder).image)
