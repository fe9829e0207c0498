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
        Fault.UNSUPPORTED,
        Severity.ERROR,
        "In a form that is not read here: {n}; the files are intact.",
        "Export these patches as the reasons in the table say.",
    ),
    (
        Fault.NOT_AN_IMAGE,
        Severity.NOTE,
        "Files that are no patch images: {n}.",
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
        "Without a label in a labelled part of the data: {n}.",
        "Add their labels, or move them out.",
        patches.loc[without, "row"],
    )
    repeated = images & patches["id"].duplicated(keep=False)
    yield from of_rows(
        "repeated-patch-id",
        (Area.INTEGRITY, Severity.ERROR),
        "Sharing an id with another patch: {n}.",
        "Give each patch an id of its own; a label is found by its id.",
        patches.loc[repeated, "row"],
    )
    unknown = images & patches["slide"].isna()
    if unknown.any():
        yield from of_rows(
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
    "unknown-id": (Severity.WARNING, "listed but of no patch", "Look for the missing patches."),
    "empty-id": (Severity.ERROR, "empty", "Fill in the ids."),
    "label-without-patch": (
        Severity.ERROR,
        "labelled but of no patch",
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
