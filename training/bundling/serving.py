"""What serving may change about a model's calls, measured on validation patches for its card."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit
from sklearn.metrics import roc_auc_score

from core.bundle import Card, read_card, write_card
from core.bundle.card import FastPrecision, Orientations
from core.engine import Precision, in_passes
from core.errors import RunError
from core.explanation.fillers import Filler, FillerKind, centre_mask, keep
from core.patches import ImageU8, Patch
from core.scoring import Classifier, open_classifier
from training.bundling.export import run_export
from training.bundling.scoring import ALL, labelled_source
from training.bundling.validated import read_validation_logits
from training.options import ExportOptions, MeasureOptions
from training.runs.folder import folds_of

Judge = tuple[Path, ImageU8, NDArray[np.int8]]
"""A bundle's folder with labelled patches that it was not trained on: (N, 96, 96, 3), (N,)."""


def run_measure(options: MeasureOptions) -> Card:
    """Score validation patches in the ways below, and write what that changes to the card.

    They are scored in eight orientations, in 16 bits, and in the surroundings of other patches.
    A model that was trained on all patches is judged by those of its cross-validation, each on the
    slides that it did not see.

    Raises:
        RunError: The data have one class only, or the cross-validation is not finished.
        NodelensError: There is no usable model, or no labelled patch.
    """
    shipped = open_classifier(options.model, device=options.device)
    with TemporaryDirectory() as folder:
        if options.crossval is None:
            judges = [(options.model, *_patches(options.data, options.split)[:2])]
        else:
            judges = _of_folds(options.crossval, options.data, Path(folder))
        labels = np.concatenate([own for _, _, own in judges])
        views, mixed, fast = [], [], []
        arithmetic = ""
        for model, images, own in judges:
            exact = open_classifier(model, device=options.device).engine
            views.append(in_passes(images, exact.d4_logits))
            mixed.append(in_passes(swapped(images, own, other=True), exact.logits))
            engine = open_classifier(model, device=options.device, precision=Precision.FAST).engine
            if engine.precision is Precision.FAST:
                arithmetic = f"{engine.name}, {engine.arithmetic}"
                fast.append(in_passes(images, engine.logits))
    every_view = np.concatenate(views)
    card = read_card(options.model).model_copy(
        update={
            "orientations": measure_orientations(shipped, every_view),
            "centre_auroc": float(roc_auc_score(labels, np.concatenate(mixed))),
        }
    )
    if fast:
        measured = measure_fast(shipped, every_view[:, 0], np.concatenate(fast), labels, arithmetic)
        card = card.model_copy(update={"fast": measured})
    write_card(options.model, card)
    return card


def _of_folds(crossval: Path, data: Path, folder: Path) -> list[Judge]:
    """Return each fold's model, as a bundle in a folder, with the patches that it did not see."""
    folds = folds_of(crossval)
    images, labels, ids = _patches(data, ALL)
    row_of = {one: row for row, one in enumerate(ids)}
    judges = []
    for run in folds:
        model = folder / run.root.name
        run_export(ExportOptions(run.root, to=model))
        rows = [row_of[one] for one in read_validation_logits(run.scores).ids]
        judges.append((model, images[rows], labels[rows]))
    return judges


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
    """Return what 16-bit arithmetic changes, for logits (N,) and labels (N,) of both classes."""
    return FastPrecision(
        patches=len(labels),
        arithmetic=arithmetic,
        changed_calls=_changed(classifier, exact, fast),
        auroc_difference=float(roc_auc_score(labels, fast) - roc_auc_score(labels, exact)),
        largest_difference_logit=float(np.abs(fast - exact).max()),
    )


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
            keep(
                image,
                Filler("partner", FillerKind.DONOR, images[partner].astype(np.float32)),
                centre_mask(seam_px),
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


def _patches(data: Path, split: str) -> tuple[ImageU8, NDArray[np.int8], list[str]]:
    with labelled_source(data, split) as source:
        patches = [item for item in source.stream() if isinstance(item, Patch)]
    labels = np.array([patch.entry.label for patch in patches], np.int8)
    images = np.stack([patch.image_rgb_u8 for patch in patches])
    return images, labels, [patch.entry.id for patch in patches]
