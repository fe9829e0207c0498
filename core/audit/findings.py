"""From tables to findings, each a sentence with its number."""

from collections.abc import Iterable, Iterator
from typing import Final, Protocol

import numpy as np
import pandas as pd

from core.audit.finding import MOST_ROWS, Area, Fault, Finding, Severity
from core.audit.limits import QualityLimits, quality_flags

_SEVERITIES: Final = tuple(Severity)
_BALANCE_GAP: Final = 0.1
"""Tumour share of two splits that differ by more than this is worth a warning."""
_TELLING_AUROC: Final = 0.7


class Tables(Protocol):
    """What findings are drawn from; `Audit` has it. None: not there yet."""

    @property
    def patches(self) -> pd.DataFrame:
        """One row per input."""

    @property
    def table_faults(self) -> pd.DataFrame | None:
        """Faults of the tables."""

    @property
    def balance(self) -> pd.DataFrame | None:
        """Patches and tumour share."""

    @property
    def associations(self) -> pd.DataFrame | None:
        """AUROC of each measure alone."""

    @property
    def pairs(self) -> pd.DataFrame | None:
        """Related patches."""


def find(tables: Tables, limits: QualityLimits) -> tuple[Finding, ...]:
    """Return the findings, errors first, then in the order of `Area`, the largest count first."""
    patches = tables.patches
    if patches.empty:
        return ()
    found = [*_unreadable(patches), *_labels(patches), *_quality(patches, limits)]
    if tables.table_faults is not None:
        found += _table_faults(tables.table_faults)
    if tables.balance is not None:
        found += _balance(tables.balance)
    if tables.pairs is not None:
        found += _pairs(tables.pairs)
    if tables.associations is not None:
        found += _associations(tables.associations)
    areas = list(Area)
    return tuple(
        sorted(
            found,
            key=lambda each: (
                _SEVERITIES.index(each.severity),
                areas.index(each.area),
                -each.count,
            ),
        )
    )


def _of_rows(
    kind: str, where: tuple[Area, Severity], headline: str, action: str, rows: Iterable[int]
) -> Iterator[Finding]:
    """Yield the finding unless there is no row; `{n}` in the headline becomes the count."""
    numbers = [int(row) for row in rows]
    if numbers:
        text = headline.replace("{n}", counted(len(numbers)))
        yield Finding(kind, *where, text, action, len(numbers), tuple(numbers[:MOST_ROWS]))


def counted(count: int, one: str = "patch", many: str = "patches") -> str:
    """Return "1 patch" or "1,234 patches"."""
    return f"{count:,} {one if count == 1 else many}"


_FAULTS: Final = (
    (
        Fault.MISSING,
        Severity.ERROR,
        "Labelled but not there: {n}.",
        "Copy the missing files again, or take their rows out of the table.",
    ),
    (
        Fault.DAMAGED,
        Severity.ERROR,
        "Damaged or cut off: {n}.",
        "Copy or export these files again.",
    ),
    (
        Fault.WRONG_SIZE,
        Severity.ERROR,
        "Not 96 × 96 pixels: {n}.",
        "Cut these patches again; do not resize them.",
    ),
    (
        Fault.WRONG_MODE,
        Severity.ERROR,
        "Not 8-bit RGB: {n}.",
        "Export these patches as 8-bit RGB without transparency.",
    ),
    (
        Fault.NOT_AN_IMAGE,
        Severity.NOTE,
        "Files that are no patch images: {n}.",
        "Move them out of the folder if they do not belong there.",
    ),
)


def _unreadable(patches: pd.DataFrame) -> Iterator[Finding]:
    for fault, severity, headline, action in _FAULTS:
        rows = patches.loc[patches["fault"] == fault, "row"]
        yield from _of_rows(str(fault), (Area.INTEGRITY, severity), headline, action, rows)


def _labels(patches: pd.DataFrame) -> Iterator[Finding]:
    images = patches["fault"] != Fault.NOT_AN_IMAGE
    split = patches["split"].fillna("")
    has_labels = patches["label"].notna().groupby(split).transform("any")
    without = images & has_labels & patches["label"].isna()
    yield from _of_rows(
        "patch-without-label",
        (Area.INTEGRITY, Severity.ERROR),
        "Without a label in a labelled part of the data: {n}.",
        "Add their labels, or move them out.",
        patches.loc[without, "row"],
    )
    repeated = images & patches["id"].duplicated(keep=False)
    yield from _of_rows(
        "repeated-patch-id",
        (Area.INTEGRITY, Severity.ERROR),
        "Sharing an id with another patch: {n}.",
        "Give each patch an id of its own; a label is found by its id.",
        patches.loc[repeated, "row"],
    )
    unknown = images & patches["slide"].isna()
    if unknown.any():
        yield from _of_rows(
            "slide-unknown",
            (Area.SPLITS, Severity.WARNING),
            "Of unknown slide: {n}; whether a slide is in two splits cannot be seen for them.",
            "Add the map from patch to slide (patch_id_wsi.csv).",
            patches.loc[unknown, "row"],
        )


_FLAGS: Final = (
    ("flat", Severity.WARNING, "One flat colour: {n}.", "Look whether the export failed."),
    ("blank", Severity.WARNING, "Blank, nothing but glass: {n}.", "Leave them out."),
    (
        "dark",
        Severity.WARNING,
        "Dark or black: {n}.",
        "Leave out what shows nothing.",
    ),
    ("blurred", Severity.WARNING, "Blurred: {n}.", "Look at them; scan their slides again."),
    ("pen", Severity.WARNING, "With pen or tissue ink: {n}.", "Look at them; leave out the marks."),
    ("grey_image", Severity.WARNING, "Grey, without any colour: {n}.", "Export them in colour."),
    (
        "extreme_stain",
        Severity.NOTE,
        "Stained far more or less than the rest: {n}.",
        "Look at them; their slides may come from another laboratory.",
    ),
    (
        "low_saturation",
        Severity.NOTE,
        "Without tissue by PCam's own rule (no saturation of 0.07): {n}.",
        "Expect a few; PCam left these out when it was made.",
    ),
    ("low_tissue", Severity.NOTE, "With little tissue: {n}.", "Expect some: fat and glass."),
)


def _quality(patches: pd.DataFrame, limits: QualityLimits) -> Iterator[Finding]:
    flags = quality_flags(patches, limits)
    for flag, severity, headline, action in _FLAGS:
        rows = patches.loc[flags[flag], "row"]
        yield from _of_rows(flag, (Area.QUALITY, severity), headline, action, rows)


_TABLE_FAULTS: Final = {
    "repeated-id": (Severity.WARNING, "listed more than once", "Delete the repeated rows."),
    "conflicting-rows": (
        Severity.ERROR,
        "listed more than once with different values",
        "Find out which row is right and delete the others.",
    ),
    "unknown-id": (Severity.WARNING, "listed but of no patch", "Look for the missing patches."),
    "empty-id": (Severity.ERROR, "empty", "Fill in the ids."),
    "label-without-patch": (
        Severity.ERROR,
        "labelled but of no patch",
        "Copy the missing files again, or take their rows out of the table.",
    ),
}


def _table_faults(faults: pd.DataFrame) -> Iterator[Finding]:
    for (kind, table), group in faults.groupby(["kind", "table"]):
        severity, what, action = _TABLE_FAULTS[str(kind)]
        yield Finding(
            str(kind),
            Area.INTEGRITY,
            severity,
            f"{table}: {counted(len(group), 'id', 'ids')} {what}.",
            action,
            len(group),
            ids=tuple(group["id"].head(MOST_ROWS)),
        )


def _balance(balance: pd.DataFrame) -> Iterator[Finding]:
    shared = balance[(balance["by"] == "slide") & (balance["splits"] > 1)]
    if len(shared):
        yield Finding(
            "slide-in-two-splits",
            Area.SPLITS,
            Severity.ERROR,
            f"In more than one split: {counted(len(shared), 'slide', 'slides')}. "
            "Scores on such a split are too good.",
            "Split by slide, so that every slide is in one part only.",
            len(shared),
            ids=tuple(shared["name"].head(MOST_ROWS)),
        )
    whole = balance[balance["by"] == "all"].iloc[0]
    if whole["labelled"]:
        yield Finding(
            "class-balance",
            Area.STATISTICS,
            Severity.NOTE,
            f"{whole['prevalence']:.1%} of {counted(int(whole['labelled']), 'label', 'labels')} "
            "are tumour: the make-up of this set, not of any clinic.",
            "State a prevalence before reading predictive values.",
            int(whole["labelled"]),
        )
    splits = balance[(balance["by"] == "split") & (balance["labelled"] > 0)]
    shares = splits["prevalence"]
    if len(splits) > 1 and shares.max() - shares.min() > _BALANCE_GAP:
        parts = ", ".join(
            f"{name} {share:.0%}" for name, share in zip(splits["name"], shares, strict=True)
        )
        yield Finding(
            "splits-differ-in-balance",
            Area.SPLITS,
            Severity.WARNING,
            f"The splits differ in their share of tumour: {parts}.",
            "Choose no threshold on a split that is made up differently from the next.",
            len(splits),
            ids=tuple(splits["name"]),
        )


_PAIRS: Final = {
    "same-bytes": "the same file",
    "same-pixels": "the same picture in another file",
    "same-under-orientation": "the same picture turned or mirrored",
    "near": "nearly the same picture",
    "overlap": "overlapping crops of one place",
}


def _pairs(pairs: pd.DataFrame) -> Iterator[Finding]:
    def rows_of(chosen: pd.DataFrame) -> tuple[int, ...]:
        both = np.unique(chosen[["row_a", "row_b"]].to_numpy(np.int64))
        return tuple(int(row) for row in both[:MOST_ROWS])

    def true(column: str) -> "pd.Series[bool]":
        return pairs[column].astype("boolean").fillna(value=False).astype(bool)

    for kind, words in _PAIRS.items():
        chosen = pairs[pairs["kind"].astype(str) == kind]
        if len(chosen):
            severity = Severity.NOTE if kind == "overlap" else Severity.WARNING
            yield Finding(
                kind,
                Area.RELATIONS,
                severity,
                f"{counted(len(chosen), 'pair is', 'pairs are')} {words}.",
                "Keep one of each, or keep them in one split.",
                len(chosen),
                rows_of(chosen),
            )
    for column, kind, area, words, action in (
        (
            "across_splits",
            "related-across-splits",
            Area.SPLITS,
            "across two splits: the same tissue is learned and tested",
            "Put both of each pair into one split.",
        ),
        (
            "label_conflict",
            "related-with-other-label",
            Area.LABELS,
            "with different labels",
            "Look at both; one label may be wrong. Overlapping crops have other centres and may "
            "differ rightly.",
        ),
    ):
        crossing = pairs[true(column)]
        if len(crossing):
            yield Finding(
                kind,
                area,
                Severity.ERROR,
                f"Related {counted(len(crossing), 'pair', 'pairs')} {words}.",
                action,
                len(crossing),
                rows_of(crossing),
            )


def _associations(associations: pd.DataFrame) -> Iterator[Finding]:
    ring = associations[associations["measure"].str.startswith("ring_")]
    for kind, table, what in (
        ("plain-measure-tells-label", associations, "{measure} alone tells the label"),
        (
            "ring-tells-label",
            ring,
            "{measure} alone, from outside the centre that decides the label, tells it",
        ),
    ):
        if table.empty:
            continue
        best = table.iloc[0]
        strength = max(best["auroc"], 1 - best["auroc"])
        interval = (
            ""
            if np.isnan(best["low"])
            else f" (95 % interval {best['low']:.2f}–{best['high']:.2f})"
        )
        words = what.format(measure=str(best["measure"]).replace("_", " "))
        yield Finding(
            kind,
            Area.STATISTICS,
            Severity.WARNING if strength >= _TELLING_AUROC else Severity.NOTE,
            f"{words[0].upper()}{words[1:]} with an AUROC of {best['auroc']:.2f}{interval}.",
            "A model that reaches no more than this may have learned nothing else.",
            int(best["patches"]),
        )
