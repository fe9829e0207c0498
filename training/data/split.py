"""Which patches train and which validate: no slide on both sides."""

import warnings
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, StratifiedShuffleSplit

from core.errors import RunError
from core.patches import PatchSource
from training.options import Fold

IntArray = NDArray[np.int64]
TextArray = NDArray[np.str_]

VAL_NAME: Final = "val"
TRAIN_NAME: Final = "train"
TEST_NAME: Final = "test"
UNKNOWN_LABEL: Final = -1
RANDOM_WARNING: Final = (
    "The split is random: patches of one slide train and validate, so the validation scores are "
    "too good. Peers report 0.99 that falls to 0.84 to 0.92 on other slides."
)
_SHOWN: Final = 3
_SUBSET: Final = 3
"""Keeps the draw of a subset apart from the other draws of a seed."""


@dataclass(frozen=True, eq=False)
class PatchTable:
    """What is known of N patches.

    Attributes:
        ids: (N,) patch ids.
        labels: (N,) int8, 1 tumour in the centre, 0 none; -1 unknown, which only pre-training
            can do with.
        slides: (N,) slide or slide group, "" where unknown.
        splits: (N,) the part of the data set that a patch is declared to be in, in the words of
            `core.tables.split_name`, "" where unknown.
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
        at_random: Whether it has no regard to slides.
    """

    train: IntArray
    val: IntArray
    origin: str
    warnings: tuple[str, ...] = ()
    at_random: bool = False


def split_patches(
    table: PatchTable, *, seed: int, val_share: float = 0.1, at_random: bool = False
) -> Split:
    """Return the split that the data declare, else a stratified one by whole slides.

    Patches whose slide is unknown only train, unless the data declare them validation. Patches
    that the data declare as test take no part, however the others are split.

    Args:
        table: The patches.
        seed: Of the split by slides.
        val_share: Share of the patches with a slide that validates, where nothing is declared.
        at_random: Split patches without regard to slides; the scores then mislead.

    Raises:
        RunError: A slide is on both sides, slides are too few or unknown, or a side lacks a class.
    """
    _require_known_parts(table)
    if at_random:
        split = _at_random(table, seed, val_share)
    elif (table.splits == VAL_NAME).any():
        split = _declared(table)
    else:
        split = _by_slide(table, seed, val_share)
    _require_both_classes(table, split)
    if not at_random:
        require_disjoint_slides(table, split)
    return split


def split_fold(table: PatchTable, fold: Fold, *, seed: int, at_random: bool = False) -> Split:
    """Return one fold of a stratified cross-validation by whole slides.

    Patches that the data declare as "test" take no part. Patches whose slide is unknown train in
    every fold and validate in none: nobody can say whether their slide is in training too.

    Args:
        table: The patches.
        fold: Which one.
        seed: Of the folds; the same for all of them.
        at_random: Make folds of patches without regard to slides; the scores then mislead.

    Raises:
        RunError: Slides are too few or unknown, or a side lacks a class.
    """
    _require_known_parts(table)
    usable = np.flatnonzero(table.splits != TEST_NAME)
    known = usable if at_random else usable[table.slides[usable] != ""]
    slides = len(np.unique(table.slides[known]))
    if not at_random and slides < fold.of:
        raise RunError(
            f"Found {slides} known slides; {fold.of} folds by slides need at least {fold.of}. Put "
            "patch_id_wsi.csv (id,wsi) beside train_labels.csv, or ask for fewer folds. "
            "--random-split goes on without, but scores on slides that were trained on say 0.99 "
            "where new slides give 0.84 to 0.92."
        )
    splitter: StratifiedKFold | StratifiedGroupKFold
    if at_random:
        splitter = StratifiedKFold(fold.of, shuffle=True, random_state=seed)
    else:
        splitter = StratifiedGroupKFold(fold.of, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # A class with fewer patches than folds is told below, where a side lacks it.
        warnings.filterwarnings("ignore", "The least populated class")
        try:
            groups = None if at_random else table.slides[known]
            parts = list(splitter.split(known, table.labels[known], groups))
        except ValueError as error:
            raise RunError(
                f"The patches cannot be split into {fold.of} folds ({error}). Add patches or ask "
                "for fewer folds."
            ) from None
    val = np.sort(known[parts[fold.number][1]])
    train = np.setdiff1d(usable, val)
    how = "at random" if at_random else "grouped by slide"
    origin = f"fold {fold.number + 1} of {fold.of}, stratified by label, {how}, seed {seed}"
    notes = (RANDOM_WARNING,) if at_random else _unknown_slides(table, train)
    split = Split(train, val, origin, (*notes, *_test_slides(table, usable)), at_random)
    _require_both_classes(table, split)
    if not at_random:
        require_disjoint_slides(table, split)
    return split


def limit_training(table: PatchTable, split: Split, patches: int, *, seed: int) -> Split:
    """Return a split that trains on some of its training patches only; validation stays.

    The patches are the first of one permutation, so that a smaller set lies in every larger one.

    Raises:
        RunError: There are not as many, or a class is absent from them.
    """
    if not 2 <= patches <= len(split.train):
        raise RunError(
            f"Found --train-patches {patches:,}; expected 2 to {len(split.train):,}, the training "
            "patches that there are."
        )
    order = np.random.default_rng([seed, _SUBSET]).permutation(len(split.train))
    origin = f"{split.origin}; {patches:,} of {len(split.train):,} training patches, seed {seed}"
    limited = replace(split, train=np.sort(split.train[order[:patches]]), origin=origin)
    _require_both_classes(table, limited)
    return limited


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
    val = np.flatnonzero(table.splits == VAL_NAME)
    train = np.flatnonzero(table.splits == TRAIN_NAME)
    warnings = []
    if unknown := int((table.slides[val] == "").sum()):
        warnings.append(
            f"{unknown:,} of {len(val):,} validation patches have no known slide; whether their "
            "slides are in training cannot be checked."
        )
    notes = (
        *warnings,
        *_unknown_slides(table, train),
        *_test_slides(table, np.union1d(train, val)),
    )
    return Split(train, val, "as the data declare it", notes)


def _by_slide(table: PatchTable, seed: int, val_share: float) -> Split:
    usable = np.flatnonzero(table.splits != TEST_NAME)
    known = usable[table.slides[usable] != ""]
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
    try:
        _, fold = next(splitter.split(known, table.labels[known], table.slides[known]))
    except ValueError as error:
        positives = int(table.labels[known].sum())
        raise RunError(
            f"Found {len(known):,} patches of known slide, {positives:,} with tumour and "
            f"{len(known) - positives:,} without; a split into {folds} parts needs {folds} of "
            f"each ({error}). Add patches, or ask for a larger --val-share."
        ) from None
    val = np.sort(known[fold])
    train = np.setdiff1d(usable, val)
    origin = f"stratified by label, grouped by slide, 1 of {folds} folds, seed {seed}"
    notes = (*_unknown_slides(table, train), *_test_slides(table, usable))
    return Split(train, val, origin, notes)


def _at_random(table: PatchTable, seed: int, val_share: float) -> Split:
    usable = np.flatnonzero(table.splits != TEST_NAME)
    splitter = StratifiedShuffleSplit(1, test_size=val_share, random_state=seed)
    try:
        train, val = next(splitter.split(usable, table.labels[usable]))
    except ValueError as error:
        raise RunError(f"The patches cannot be split ({error}). Add patches.") from None
    return Split(
        np.sort(usable[train]),
        np.sort(usable[val]),
        f"at random, stratified by label, seed {seed}",
        (RANDOM_WARNING, *_test_slides(table, usable)),
        at_random=True,
    )


def _test_slides(table: PatchTable, used: IntArray) -> tuple[str, ...]:
    """What is held out as test, and whether its slides train all the same."""
    test = table.splits == TEST_NAME
    if not test.any():
        return ()
    notes = [f"{int(test.sum()):,} patches are declared test: they neither train nor validate."]
    shared = np.intersect1d(table.slides[test], table.slides[used])
    if count := int((shared != "").sum()):
        notes.append(
            f"{count:,} slides have patches in the declared test part and in training or "
            "validation; scores on that test part will be too good."
        )
    return tuple(notes)


def _require_known_parts(table: PatchTable) -> None:
    """Refuse parts whose role nobody can know: they would train without a word."""
    names, counts = np.unique(table.splits, return_counts=True)
    parts = dict(zip(names.tolist(), counts.tolist(), strict=True))
    foreign = [name for name in parts if name not in {"", TRAIN_NAME, VAL_NAME, TEST_NAME}]
    if foreign:
        named = ", ".join(f"{name!r} ({parts[name]:,} patches)" for name in foreign[:_SHOWN])
        raise RunError(
            f"The data declare the parts {named}; expected train, val or test. Correct split.csv."
        )


def require_consistent(source: PatchSource) -> None:
    """Refuse labels, slides or splits that the tables give in two ways.

    Raises:
        RunError: There are some; nobody can say which one is right.
    """
    if source.contradictions:
        raise RunError(
            " ".join(source.contradictions)
            + " Nothing is trained on or judged by such tables. Correct them; `python -m core "
            "audit` lists the ids."
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
