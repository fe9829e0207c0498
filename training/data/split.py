"""Which patches train and which validate: no slide on both sides."""

import warnings
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, StratifiedShuffleSplit

from core.errors import RunError
from training.options import Fold

IntArray = NDArray[np.int64]
TextArray = NDArray[np.str_]

VAL_NAME: Final = "val"
TRAIN_NAME: Final = "train"
TEST_NAME: Final = "test"
RANDOM_WARNING: Final = (
    "The split is random: patches of one slide train and validate, so the validation scores are "
    "too good. Others report an AUC of 0.99 that falls to 0.84 to 0.92 on other slides."
)
WHERE_PARTS_ARE: Final = "the column split (in split.csv or in the table of labels)"
"""What declares the parts, in words."""
_SHOWN: Final = 3
_SUBSET: Final = 3
"""Keeps the draw of a subset apart from the other draws of a seed."""
_NOBODY: Final[IntArray] = np.empty(0, np.int64)


@dataclass(frozen=True, eq=False)
class PatchTable:
    """What is known of N patches.

    Attributes:
        ids: (N,) patch ids.
        labels: (N,) int8, 1 tumour in the centre, 0 none.
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

    def columns(self, rows: IntArray) -> tuple[TextArray, NDArray[np.int8], TextArray]:
        """Return ids, labels and slides of some rows."""
        return self.ids[rows], self.labels[rows], self.slides[rows]


@dataclass(frozen=True, eq=False)
class Split:
    """Rows of a `PatchTable`, ascending.

    Attributes:
        train: (T,) rows that train.
        val: (V,) rows that validate; none where all slides train.
        origin: How it was made, in words.
        warnings: What a reader of the scores must know.
        at_random: Whether it has no regard to slides.
        teach: (K,) rows that neither train nor validate, but get a score for a student to learn.
    """

    train: IntArray
    val: IntArray
    origin: str
    warnings: tuple[str, ...] = ()
    at_random: bool = False
    teach: IntArray = field(default_factory=lambda: _NOBODY)


def split_patches(
    table: PatchTable, *, seed: int, val_share: float = 0.1, at_random: bool = False
) -> Split:
    """Return the split that the data declare, else a stratified one by whole slides.

    Patches that the data declare as "test" take no part. Patches whose slide is unknown only
    train, unless the data declare them validation.

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
    elif (table.splits == VAL_NAME).any():
        split = _declared(table)
    else:
        split = _by_slide(table, seed, val_share)
    return _checked(table, split)


def split_none(table: PatchTable) -> Split:
    """Return the split in which every patch trains that is not declared as "test".

    Raises:
        RunError: A class is absent.
    """
    train = _usable(table)
    return _checked(table, Split(train, _NOBODY, "every patch trains, none validates"))


def split_fold(
    table: PatchTable,
    fold: Fold,
    *,
    seed: int,
    at_random: bool = False,
    teach_unknown: bool = False,
) -> Split:
    """Return one fold of a stratified cross-validation by whole slides.

    Patches that the data declare as "test" take no part. Patches whose slide is unknown train in
    every fold and validate in none: nobody can say whether their slide is in training too.

    Args:
        table: The patches.
        fold: Which one.
        seed: Of the folds; the same for all of them.
        at_random: Make folds of patches without regard to slides; the scores then mislead.
        teach_unknown: Give patches of unknown slide folds at random, in which they do not train
            but get a score, for a student to learn from and not to be judged by.

    Raises:
        RunError: Slides are too few or unknown, or a side lacks a class.
    """
    usable = _usable(table)
    known = usable if at_random else usable[table.slides[usable] != ""]
    if not at_random:
        _require_slides(table, known, fold.of, f"{fold.of} folds by slides need")
    parts = _parts(table, known, fold.of, seed, at_random=at_random)
    val = np.sort(known[parts[fold.number]])
    teach = _NOBODY
    if teach_unknown and not at_random:
        unknown = np.setdiff1d(usable, known)
        if len(unknown):
            shares = _parts(table, unknown, fold.of, seed, at_random=True)
            teach = np.sort(unknown[shares[fold.number]])
    train = np.setdiff1d(usable, np.union1d(val, teach))
    how = "at random" if at_random else "grouped by slide"
    origin = f"fold {fold.number + 1} of {fold.of}, stratified by label, {how}, seed {seed}"
    notes = (RANDOM_WARNING,) if at_random else _unknown_slides(table, train)
    return _checked(table, Split(train, val, origin, notes, at_random, teach))


def _parts(
    table: PatchTable, rows: IntArray, count: int, seed: int, *, at_random: bool
) -> list[IntArray]:
    """Return, for each of `count` stratified parts, where in `rows` its patches stand."""
    splitter: StratifiedKFold | StratifiedGroupKFold
    if at_random:
        splitter = StratifiedKFold(count, shuffle=True, random_state=seed)
    else:
        splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # A class with fewer patches than parts is told below, where a side lacks it.
        warnings.filterwarnings("ignore", "The least populated class")
        try:
            groups = None if at_random else table.slides[rows]
            return [part for _, part in splitter.split(rows, table.labels[rows], groups)]
        except ValueError:
            raise _too_few(table, rows, f"{count} parts with both classes") from None


def limit_training(table: PatchTable, split: Split, patches: int, *, seed: int) -> Split:
    """Return a split that trains on some of its training patches only; validation stays.

    The patches are the first of one permutation, so that a smaller set lies in every larger one.

    Raises:
        RunError: There are not as many, or a class is absent from them.
    """
    if not 2 <= patches <= len(split.train):
        raise RunError(
            f"Found --train-patches {patches:,}; expected 2 to {len(split.train):,}, the number of "
            "training patches."
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
            f"trained on are too good. Correct {WHERE_PARTS_ARE}, or the slides."
        )


def _declared(table: PatchTable) -> Split:
    _require_known_parts(table)
    val = np.flatnonzero(table.splits == VAL_NAME)
    train = np.flatnonzero(table.splits == TRAIN_NAME)
    warnings = []
    if unknown := int((table.slides[val] == "").sum()):
        warnings.append(
            f"{unknown:,} of {len(val):,} validation patches have no known slide, so it cannot be "
            "checked whether their slides are in training."
        )
    return Split(train, val, "as the data declare it", (*warnings, *_unknown_slides(table, train)))


def _by_slide(table: PatchTable, seed: int, val_share: float) -> Split:
    usable = _usable(table)
    known = usable[table.slides[usable] != ""]
    folds = max(2, round(1 / val_share))
    _require_slides(table, known, folds, "a split by slides needs")
    val = np.sort(known[_parts(table, known, folds, seed, at_random=False)[0]])
    train = np.setdiff1d(usable, val)
    origin = f"stratified by label, grouped by slide, 1 of {folds} folds, seed {seed}"
    return Split(train, val, origin, _unknown_slides(table, train))


def _at_random(table: PatchTable, seed: int, val_share: float) -> Split:
    usable = _usable(table)
    splitter = StratifiedShuffleSplit(1, test_size=val_share, random_state=seed)
    try:
        train, val = next(splitter.split(usable, table.labels[usable]))
    except ValueError:
        raise _too_few(table, usable, "two parts with both classes") from None
    origin = f"at random, stratified by label, seed {seed}"
    return Split(np.sort(usable[train]), np.sort(usable[val]), origin, (RANDOM_WARNING,), True)


def _usable(table: PatchTable) -> IntArray:
    """Rows that may train or validate: not those that the data declare as test."""
    _require_known_parts(table)
    usable = np.flatnonzero(table.splits != TEST_NAME)
    if not len(usable):
        raise RunError(
            f"All {len(table):,} patches are declared test and left out. Correct "
            f"{WHERE_PARTS_ARE}, or name data with a part to train on."
        )
    return usable


def _require_slides(table: PatchTable, known: IntArray, least: int, what: str) -> None:
    slides = len(np.unique(table.slides[known]))
    if slides < least:
        raise RunError(
            f"Found {slides} known slides; {what} at least {least}. Put patch_id_wsi.csv (id,wsi) "
            "or split.csv (id,split) beside train_labels.csv, or a column wsi into PCam's meta "
            "tables, or ask for fewer folds. --random-split works without, but validation on "
            "training slides reports 0.99 where new slides give 0.84 to 0.92."
        )


def _too_few(table: PatchTable, rows: IntArray, parts: str) -> RunError:
    positives = int(table.labels[rows].sum())
    of = " of known slide" if (table.slides[rows] != "").all() else ""
    return RunError(
        f"Found {len(rows):,} patches{of}, {positives:,} with tumour and "
        f"{len(rows) - positives:,} without; they cannot make {parts}. Add patches, or ask for "
        "fewer parts."
    )


def _checked(table: PatchTable, split: Split) -> Split:
    """Return the split with what is to be said of declared test patches; refuse a wrong one."""
    _require_both_classes(table, split)
    if not split.at_random:
        require_disjoint_slides(table, split)
    test = table.splits == TEST_NAME
    if not test.any():
        return split
    notes = [f"{int(test.sum()):,} patches are declared test and neither train nor validate."]
    used = np.concatenate([split.train, split.val])
    shared = np.intersect1d(table.slides[test], table.slides[used])
    if count := int((shared != "").sum()):
        notes.append(
            f"{count:,} slides have patches in the declared test part and in training or "
            "validation; scores on that test part will be too good."
        )
    return replace(split, warnings=(*split.warnings, *notes))


def _require_known_parts(table: PatchTable) -> None:
    """Refuse parts whose role nobody can know: they would train without a word."""
    names, counts = np.unique(table.splits, return_counts=True)
    parts = dict(zip(names.tolist(), counts.tolist(), strict=True))
    foreign = [name for name in parts if name not in {"", TRAIN_NAME, VAL_NAME, TEST_NAME}]
    if foreign:
        named = ", ".join(f"{name!r} ({parts[name]:,} patches)" for name in foreign[:_SHOWN])
        raise RunError(
            f"The data declare the parts {named}; expected train, val or test. Correct "
            f"{WHERE_PARTS_ARE}."
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
        if positives in {0, len(rows)} and not (name == "validation" and rows is _NOBODY):
            raise RunError(
                f"Found {len(rows):,} {name} patches, {positives:,} of them with tumour; expected "
                f"both classes. Add patches, or correct {WHERE_PARTS_ARE}."
            )
