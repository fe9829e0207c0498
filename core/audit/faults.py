"""Findings about single inputs: unreadable, unlabelled, badly listed, of poor quality."""

from collections.abc import Iterator
from typing import Final

import pandas as pd

from core.audit.finding import MOST_ROWS, Area, Finding, Severity, counted, of_rows
from core.audit.limits import QualityLimits, quality_flags
from core.errors import Fault

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
        "Damaged or truncated: {n}.",
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
        Fault.UNSUPPORTED,
        Severity.ERROR,
        "Unsupported format: {n}; the files are intact.",
        "Export these patches as described in the table.",
    ),
    (
        Fault.NOT_AN_IMAGE,
        Severity.NOTE,
        "Files that are not patch images: {n}.",
        "Move them out of the folder if they do not belong there.",
    ),
)


def unreadable_findings(patches: pd.DataFrame) -> Iterator[Finding]:
    """Yield what could not be read, by fault, and what was remarked on what could."""
    noted = patches[patches["note"] != ""]
    for note, group in noted.groupby("note"):
        yield from of_rows(
            "remark",
            (Area.INTEGRITY, Severity.NOTE),
            f"{str(note)[:1].upper()}{str(note)[1:]}: {{n}}.",
            "Export these patches again if this is not what you meant.",
            group["row"],
        )
    for fault, severity, headline, action in _FAULTS:
        rows = patches.loc[patches["fault"] == fault, "row"]
        yield from of_rows(str(fault), (Area.INTEGRITY, severity), headline, action, rows)


def label_findings(patches: pd.DataFrame) -> Iterator[Finding]:
    """Yield missing labels, shared ids, unknown slides."""
    images = patches["fault"] != Fault.NOT_AN_IMAGE
    split = patches["split"].fillna("")
    has_labels = patches["label"].notna().groupby(split).transform("any")
    without = images & has_labels & patches["label"].isna()
    yield from of_rows(
        "patch-without-label",
        (Area.INTEGRITY, Severity.ERROR),
        "Label missing in a labelled part of the data: {n}.",
        "Add their labels, or move them out.",
        patches.loc[without, "row"],
    )
    repeated = images & patches["id"].duplicated(keep=False)
    yield from of_rows(
        "repeated-patch-id",
        (Area.INTEGRITY, Severity.ERROR),
        "Sharing an ID with another patch: {n}.",
        "Give each patch its own ID; labels are matched by ID.",
        patches.loc[repeated, "row"],
    )
    unknown = images & patches["slide"].isna()
    if unknown.any():
        yield from of_rows(
            "slide-unknown",
            (Area.SPLITS, Severity.WARNING),
            "Without a slide ID: {n}, so leakage between splits cannot be checked for them.",
            "Add a table that assigns patches to slides (patch_id_wsi.csv).",
            patches.loc[unknown, "row"],
        )


_FLAGS: Final = (
    ("flat", Severity.WARNING, "One flat colour: {n}.", "Check whether the export failed."),
    ("blank", Severity.WARNING, "Blank glass: {n}.", "Leave them out."),
    (
        "dark",
        Severity.WARNING,
        "Dark or black: {n}.",
        "Leave out patches that show nothing.",
    ),
    ("blurred", Severity.WARNING, "Blurred: {n}.", "Check them; rescan their slides."),
    ("pen", Severity.WARNING, "With pen or tissue ink: {n}.", "Check them; leave out the marks."),
    ("grey_image", Severity.WARNING, "Grey, without colour: {n}.", "Export them in colour."),
    (
        "extreme_stain",
        Severity.NOTE,
        "Stained far more or less strongly than the rest: {n}.",
        "Check them; their slides may come from a different laboratory.",
    ),
    (
        "low_saturation",
        Severity.NOTE,
        "No tissue by PCam's own rule (saturation below 0.07): {n}.",
        "A few are expected; PCam excluded such patches.",
    ),
    ("low_tissue", Severity.NOTE, "Little tissue: {n}.", "Some are expected: fat and glass."),
)


def quality_findings(patches: pd.DataFrame, limits: QualityLimits) -> Iterator[Finding]:
    """Yield one finding for each quality flag that is raised."""
    flags = quality_flags(patches, limits)
    for flag, severity, headline, action in _FLAGS:
        rows = patches.loc[flags[flag], "row"]
        yield from of_rows(flag, (Area.QUALITY, severity), headline, action, rows)


_TABLE_FAULTS: Final = {
    "repeated-id": (Severity.WARNING, "listed more than once", "Delete the repeated rows."),
    "conflicting-rows": (
        Severity.ERROR,
        "listed more than once with different values",
        "Find out which row is right and delete the others.",
    ),
    "unknown-id": (Severity.WARNING, "listed but without a patch", "Find the missing patches."),
    "empty-id": (Severity.ERROR, "empty", "Fill in the IDs."),
    "label-without-patch": (
        Severity.ERROR,
        "labelled but without a patch",
        "Copy the missing files again, or take their rows out of the table.",
    ),
}


def table_findings(faults: pd.DataFrame) -> Iterator[Finding]:
    """Yield the faults of the tables, by kind and table, and what was mended in them."""
    colours = faults["kind"] == "colours"
    for note in faults.loc[colours, "detail"]:
        yield Finding(
            "red-and-blue-swapped",
            Area.QUALITY,
            Severity.ERROR,
            note,
            "Look at a few patches: nuclei are blue to purple, the rest pink.",
            1,
        )
    mended = faults["kind"] == "mended"
    for note in faults.loc[mended, "detail"]:
        yield Finding(
            "table-mended",
            Area.INTEGRITY,
            Severity.NOTE,
            note,
            "Correct the table if this is not what you meant.",
            1,
        )
    for (kind, table), group in faults[~mended & ~colours].groupby(["kind", "table"]):
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
