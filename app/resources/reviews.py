"""The record of verdicts, the patches that it is about, and their maps."""

from contextlib import suppress

from app.resources.caching import cached_by
from app.resources.model import model_key, shipped_classifier
from core import pictures
from core.review import ReviewStore
from core.review.anchors import AnchorFile
from core.review.maps import MapMaker, PreparedMaps
from core.review.patches import PatchFolder
from core.settings import Settings


@cached_by(lambda chosen: (chosen.review_store, chosen.review_anchors))
def review_store(chosen: Settings) -> ReviewStore:
    """Return the one record of verdicts.

    Raises:
        StoreError: The file is none, or cannot be written; nothing is cached then.
    """
    path = chosen.review_store
    with suppress(OSError):  # the store says that the folder is missing
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return ReviewStore(path, anchors=AnchorFile(chosen.review_anchors))


def review_patches(chosen: Settings) -> PatchFolder:
    """Return the patches of opened cases."""
    return PatchFolder(chosen.review_patches_dir)


@cached_by(lambda kept, sha256: (kept.folder, sha256), entries=2_000, copied=True)
def review_picture(kept: PatchFolder, sha256: str) -> str:
    """Return a kept patch, 96 × 96, as PNG in a data URI.

    Raises:
        StoreError: It is gone, or has changed; nothing is cached then.
    """
    return pictures.png_uri(kept.image(sha256))


@cached_by(
    lambda chosen: (model_key(shipped_classifier(chosen)), chosen.review_patches_dir), entries=2
)
def review_maps(chosen: Settings) -> PreparedMaps:
    """Return the maps of reviewed patches by the installed model.

    Raises:
        NodelensError: There is no usable model, or it cannot be explained; nothing is cached then.
    """
    maker = MapMaker(shipped_classifier(chosen), chosen.map_checks)
    return PreparedMaps(maker, review_patches(chosen).image)
