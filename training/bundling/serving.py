"""What serving may change about a model's calls, measured on validation patches for its card."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit
from sklearn.metrics import roc_auc_score

from core.bundle import Card, read_card, write_card
from core.bundle.card import FastPrecision, Orientations
from core.engine import Precision
from core.errors import RunError
from core.explanation.fillers import Filler, FillerKind, keep_centre
from core.patches import ImageU8, Patch
from core.scoring import Classifier, open_classifier
from training.bundling.scoring import in_passes, labelled_source
from training.options import MeasureOptions


def run_measure(options: MeasureOptions) -> Card:
    """Score validation patches in the ways below, and write what that changes to the card.

    They are scored in eight orientations, in 16 bits, and in the surroundings of other patches.

    Raises:
        RunError: The data have one class only.
        NodelensError: There is no usable model, or no labelled patch.
    """
    exact = open_classifier(options.model, device=options.device)
    images, labels = _validation(options.data, options.split)
    views = in_passes(images, exact.engine.d4_logits)
    card = read_card(options.model).model_copy(
        update={
            "orientations": measure_orientations(exact, views),
            "centre_auroc": measure_centre(exact, images, labels),
        }
    )
    fast = open_classifier(options.model, device=options.device, precision=Precision.FAST).engine
    if fast.precision is Precision.FAST:
        found = in_passes(images, fast.logits)
        measured = measure_fast(
            exact, views[:, 0], found, labels, f"{fast.name}, {fast.arithmetic}"
        )
        card = card.model_copy(update={"fast": measured})
    write_card(options.model, card)
    return card


def measure_orientations(classifier: Classifier, views: NDArray[np.float32]) -> Orientations:
    """Return what the mean over eight orientations changes.

    Args:
        classifier: The model at its shipped threshold.
        views: (N, 8) logits, the given orientation first.
    """
    once, mean = views[:, 0], views.mean(axis=1)
    band = float(np.abs(mean - once).max())
    threshold = logit(classifier.bundle.card.operating_point.threshold) * classifier.temperature
    near = np.abs(once - float(threshold)) <= band
    return Orientations(
        patches=len(views),
        band_logit=band,
        share=float(near.mean()),
        changed_calls=_changed(classifier, once, mean),
    )


def measure_fast(
    classifier: Classifier,
    exact: NDArray[np.float32],
    fast: NDArray[np.float32],
    labels: NDArray[np.int8],
    arithmetic: str,
) -> FastPrecision:
    """Return what 16-bit arithmetic changes, for logits (N,) and labels (N,).

    Raises:
        RunError: All labels are the same.
    """
    if len(np.unique(labels)) < 2:
        raise RunError("The patches are of one class only. Give patches with and without tumour.")
    return FastPrecision(
        patches=len(labels),
        arithmetic=arithmetic,
        changed_calls=_changed(classifier, exact, fast),
        auroc_difference=float(roc_auc_score(labels, fast) - roc_auc_score(labels, exact)),
        largest_difference_logit=float(np.abs(fast - exact).max()),
    )


def measure_centre(classifier: Classifier, images: ImageU8, labels: NDArray[np.int8]) -> float:
    """Return `Card.centre_auroc`: the centre's label in surroundings of the other label.

    Raises:
        RunError: All labels are the same.
    """
    mixed = swapped(images, labels, other=True)
    return float(roc_auc_score(labels, in_passes(mixed, classifier.engine.logits)))


def swapped(
    images: ImageU8, labels: NDArray[np.int8], *, other: bool, seam_px: float = 4.0, seed: int = 0
) -> ImageU8:
    """Return each centre in the ring of a random patch with the other, or the same, label.

    Raises:
        RunError: All labels are the same.
    """
    random = np.random.default_rng(seed)
    by_label = [np.flatnonzero(labels == label) for label in (0, 1)]
    if min(map(len, by_label)) == 0:
        raise RunError("The patches are of one class only. Give patches with and without tumour.")
    partners = [random.choice(by_label[1 - label if other else label]) for label in labels]
    return np.stack(
        [
            keep_centre(
                image,
                Filler("partner", FillerKind.DONOR, images[partner].astype(np.float32)),
                seam_px,
            )
            for image, partner in zip(images, partners, strict=True)
        ]
    )


def _changed(
    classifier: Classifier, before: NDArray[np.float32], after: NDArray[np.float32]
) -> int:
    threshold = classifier.bundle.card.operating_point.threshold
    calls = [classifier.probability(logits) >= threshold for logits in (before, after)]
    return int((calls[0] != calls[1]).sum())


def _validation(data: Path, split: str) -> tuple[ImageU8, NDArray[np.int8]]:
    with labelled_source(data, split) as source:
        patches = [item for item in source.stream() if isinstance(item, Patch)]
    labels = np.array([patch.entry.label for patch in patches], np.int8)
    return np.stack([patch.image_rgb_u8 for patch in patches]), labels
