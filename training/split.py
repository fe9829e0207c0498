"""Which patches train and which validate: no slide on both sides."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold, StratifiedShuffleSplit

from core.errors import RunError

IntArray = NDArray[np.int64]
TextArray = NDArray[np.str_]

VALIDATION_NAMES: Final = frozenset({"val", "valid", "validation"})
TRAIN_NAME: Final = "train"
_SHOWN: Final = 3


@dataclass(frozen=True, eq=False)
class PatchTable:
    """What is known of N labelled patches.

    Attributes:
        ids: (N,) patch ids.
        labels: (N,) int8, 1 tumour in the centre, 0 none.
        slides: (N,) slide or slide group, "" where unknown.
        splits: (N,) the part of the data set that a patch is declared to be in, "" where unknown.
    """

    ids: TextArray
    labels: NDArray[np.int8]
    slides: TextArray
    splits: TextArray

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, eq=False)
class Split:
    """Rows of a `PatchTable`, ascending.

    Attributes:
        train: (T,) rows that train.
        val: (V,) rows that validate.
        origin: How it was made, in words.
        warnings: What a reader of the scores must know.
    """

    train: IntArray
    val: IntArray
    origin: str
    warnings: tuple[str, ...] = ()


def split_patches(
    table: PatchTable, *, seed: int, val_share: float = 0.1, at_random: bool = False
) -> Split:
    """Return the split that the data declare, else a stratified one by whole slides.

    Patches whose slide is unknown only train, unless the data declare them validation.

    Args:
        table: The patches.
        seed: Of the split by slides.
        val_share: Share of the patches with a slide that validates, where nothing is declared.
        at_random: Split patches without regard to slides; the scores then mislead.

    Raises:
        RunError: A slide is on both sides, slides are too few or unknown, or a side lacks a class.
    """
    if at_random:
        split = _at_random(table, seed, val_share)
    elif np.isin(table.splits, list(VALIDATION_NAMES)).any():
        split = _declared(table)
    else:
        split = _by_slide(table, seed, val_share)
    _require_both_classes(table, split)
    if not at_random:
        require_disjoint_slides(table, split)
    return split


def require_disjoint_slides(table: PatchTable, split: Split) -> None:
    """Check that no known slide both trains and validates.

    Raises:
        RunError: One does.
    """
    shared = np.intersect1d(table.slides[split.train], table.slides[split.val])
    shared = shared[shared != ""]
    if len(shared):
        raise RunError(
            f"Found {len(shared)} slides both in training and in validation "
            f"({', '.join(shared[:_SHOWN])}); expected none, because scores on a slide that was "
            "trained on are too good. Correct split.csv or patch_id_wsi.csv."
        )


def _declared(table: PatchTable) -> Split:
    val = np.flatnonzero(np.isin(table.splits, list(VALIDATION_NAMES)))
    train = np.flatnonzero(table.splits == TRAIN_NAME)
    warnings = []
    if unknown := int((table.slides[val] == "").sum()):
        warnings.append(
            f"{unknown:,} of {len(val):,} validation patches have no known slide; whether their "
            "slides are in training cannot be checked."
        )
    return Split(train, val, "as the data declare it", (*warnings, *_unknown_slides(table, train)))


def _by_slide(table: PatchTable, seed: int, val_share: float) -> Split:
    known = np.flatnonzero(table.slides != "")
    folds = max(2, round(1 / val_share))
    slides = len(np.unique(table.slides[known]))
    if slides < folds:
        raise RunError(
            f"Found {slides} known slides; a split by slides needs at least {folds}. Put "
            "patch_id_wsi.csv (id,wsi) or split.csv (id,split) beside train_labels.csv. "
            "--random-split goes on without, but validation on slides that were trained on says "
            "0.99 where new slides give 0.84 to 0.92."
        )
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    _, fold = next(splitter.split(known, table.labels[known], table.slides[known]))
    val = np.sort(known[fold])
    train = np.setdiff1d(np.arange(len(table)), val)
    origin = f"stratified by label, grouped by slide, 1 of {folds} folds, seed {seed}"
    return Split(train, val, origin, _unknown_slides(table, train))


def _at_random(table: PatchTable, seed: int, val_share: float) -> Split:
    splitter = StratifiedShuffleSplit(1, test_size=val_share, random_state=seed)
    try:
        train, val = next(splitter.split(np.arange(len(table)), table.labels))
    except ValueError as error:
        raise RunError(f"The patches cannot be split ({error}). Add patches.") from None
    return Split(
        np.sort(train),
        np.sort(val),
        f"at random, stratified by label, seed {seed}",
        (
            "The split is random: patches of one slide train and validate, so the validation "
            "scores are too good. Peers report 0.99 that falls to 0.84 to 0.92 on other slides.",
        ),
    )


def _unknown_slides(table: PatchTable, train: IntArray) -> tuple[str, ...]:
    unknown = int((table.slides[train] == "").sum())
    if not unknown:
        return ()
    return (
        f"{unknown:,} of {len(train):,} training patches have no known slide; some of them may "
        "share a slide with validation.",
    )


def _require_both_classes(table: PatchTable, split: Split) -> None:
    for name, rows in (("training", split.train), ("validation", split.val)):
        positives = int(table.labels[rows].sum())
        if positives in {0, len(rows)}:
            raise RunError(
                f"Found {len(rows):,} {name} patches, {positives:,} of them with tumour; expected "
                "both classes. Add patches or correct split.csv."
            )
