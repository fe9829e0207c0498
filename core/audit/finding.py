"""What an audit can find: each kind with its part of the audit, its weight and its sentences."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from core.errors import Fault

MOST_ROWS: Final = 1000
"""Rows that a finding lists; `count` is exact whatever it is."""


class Severity(StrEnum):
    """How much a finding matters; a clean data set has none above NOTE."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Area(StrEnum):
    """Which part of the audit a finding belongs to, in the order of a report."""

    INTEGRITY = "integrity"
    SPLITS = "splits"
    RELATIONS = "relations"
    LABELS = "labels"
    QUALITY = "quality"
    STATISTICS = "statistics"


@dataclass(frozen=True)
class Finding:
    """One thing that the audit found.

    Attributes:
        kind: Stable name such as "blurred" or "slide-in-two-splits".
        area: Part of the audit.
        severity: How much it matters.
        headline: One sentence with the number in it.
        action: What to do about it, one sentence.
        count: How many patches, slides, ids or pairs, as the headline says; exact.
        rows: Rows of `patches` that show it, at most `MOST_ROWS`; empty where it is not of rows.
        ids: Ids or slide names that show it where there is no row, at most `MOST_ROWS`.
    """

    kind: str
    area: Area
    severity: Severity
    headline: str
    action: str
    count: int
    rows: tuple[int, ...] = ()
    ids: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the finding as JSON content."""
        return asdict(self) | {"rows": list(self.rows), "ids": list(self.ids)}


def counted(count: int, one: str = "patch", many: str = "patches") -> str:
    """Return "1 patch" or "1,234 patches"."""
    return f"{count:,} {one if count == 1 else many}"


def finding(
    kind: str,
    count: int,
    *,
    rows: Iterable[int] = (),
    ids: Iterable[str] = (),
    severity: Severity | None = None,
    **said: str,
) -> Iterator[Finding]:
    """Yield the finding of a kind unless its count is 0.

    Args:
        kind: One of the kinds below.
        count: Of whatever the headline counts.
        rows: That show it.
        ids: That show it.
        severity: Instead of the usual one.
        said: What else stands in the headline; `n` is the count unless given.
    """
    if not count:
        return
    area, usual, headline, action = KINDS[kind]
    text = headline.format(**{"n": counted(count), **said})
    listed = tuple(map(int, rows))[:MOST_ROWS], tuple(map(str, ids))[:MOST_ROWS]
    yield Finding(kind, area, severity or usual, text, action, count, *listed)


_COPY_AGAIN: Final = "Copy the missing files again, or take their rows out of the table."
_NOTHING_ELSE: Final = "A model that does no better than this may have learned nothing else."
_KEEP_ONE: Final = "Keep one of each, or keep them in one split."
_VARY: Final = (
    "Colour can stand in for anything else that differs between slides. Vary the stain in training."
)
_COLOUR: Final = (
    "The colour of the ring alone predicts the {told}: {measure} {score}; chance level {chance}."
)
_INTEGRITY_ERRORS: Final = {
    str(Fault.MISSING): ("Labelled but not there: {n}.", _COPY_AGAIN),
    str(Fault.DAMAGED): ("Damaged or truncated: {n}.", "Copy or export these files again."),
    str(Fault.WRONG_SIZE): (
        "Not 96 × 96 pixels: {n}.",
        "Cut these patches again; do not resize them.",
    ),
    str(Fault.WRONG_MODE): (
        "Not 8-bit RGB: {n}.",
        "Export these patches as 8-bit RGB without transparency.",
    ),
    str(Fault.UNSUPPORTED): (
        "Unsupported format: {n}; the files are intact.",
        "Export these patches as described in the table.",
    ),
    "patch-without-label": (
        "Label missing in a labelled part of the data: {n}.",
        "Add their labels, or move them out.",
    ),
    "repeated-patch-id": (
        "Sharing an ID with another patch: {n}.",
        "Give each patch its own ID; labels are matched by ID.",
    ),
    "conflicting-rows": (
        "{table}: {n} listed more than once with different values.",
        "Find out which row is right and delete the others.",
    ),
    "empty-id": ("{table}: {n} empty.", "Fill in the IDs."),
    "label-without-patch": ("{table}: {n} labelled but without a patch.", _COPY_AGAIN),
}
_INTEGRITY_NOTES: Final = {
    "remark": ("{note}: {n}.", "Export these patches again if this is not what you meant."),
    str(Fault.NOT_AN_IMAGE): (
        "Files that are not patch images: {n}.",
        "Move them out of the folder if they do not belong there.",
    ),
    "table-mended": ("{note}", "Correct the table if this is not what you meant."),
}
_INTEGRITY_WARNINGS: Final = {
    "repeated-id": ("{table}: {n} listed more than once.", "Delete the repeated rows."),
    "unknown-id": ("{table}: {n} listed but without a patch.", "Find the missing patches."),
}
_QUALITY_WARNINGS: Final = {
    "flat": ("One flat colour: {n}.", "Check whether the export failed."),
    "blank": ("Blank glass: {n}.", "Leave them out."),
    "dark": ("Dark or black: {n}.", "Leave out patches that show nothing."),
    "blurred": ("Blurred: {n}.", "Check them; rescan their slides."),
    "pen": ("With pen or tissue ink: {n}.", "Check them; leave out the marks."),
    "grey_image": ("Grey, without colour: {n}.", "Export them in colour."),
}
_QUALITY_NOTES: Final = {
    "extreme_stain": (
        "Stained far more or less strongly than the rest: {n}.",
        "Check them; their slides may come from a different laboratory.",
    ),
    "low_saturation": (
        "No tissue by PCam's own rule (saturation below 0.07): {n}.",
        "A few are expected; PCam excluded such patches.",
    ),
    "low_tissue": ("Little tissue: {n}.", "Some are expected: fat and glass."),
}
_RELATED: Final = {
    "same-bytes": ("{n} the same file.", _KEEP_ONE),
    "same-pixels": ("{n} the same image in a different file.", _KEEP_ONE),
    "same-under-orientation": ("{n} the same image rotated or mirrored.", _KEEP_ONE),
    "near": ("{n} nearly the same image.", _KEEP_ONE),
}
_SPLIT_ERRORS: Final = {
    "slide-in-two-splits": (
        "In more than one split: {n}. Performance measured on such a split is too optimistic.",
        "Split by slide, so that every slide is in one part only.",
    ),
    "related-across-splits": (
        "{n} of the same tissue in two splits: used for both training and testing.",
        "Put both patches of each pair into the same split.",
    ),
    "split-touched": (
        "In split {split}, {n} of {of} show tissue that is also in another split.",
        "Put related patches into the same split; interpret results on this split with care.",
    ),
}
_SPLIT_WARNINGS: Final = {
    "slide-unknown": (
        "Without a slide ID: {n}, so leakage between splits cannot be checked for them.",
        "Add a table that assigns patches to slides (patch_id_wsi.csv).",
    ),
    "splits-differ-in-balance": (
        "The splits differ in their proportion of tumour: {parts}.",
        "Do not choose a threshold on a split whose composition differs from the others.",
    ),
}
_STATISTICS_NOTES: Final = {
    "class-balance": (
        "{share} of {n} are tumour. This is not a clinical prevalence.",
        "State a prevalence before you use predictive values.",
    ),
    "plain-measure-tells-label": (
        "{measure} alone predicts the label with an AUROC of {strength}; it is {direction} in "
        "tumour.",
        _NOTHING_ELSE,
    ),
    "ring-tells-label": (
        "{measure} alone, measured outside the centre, predicts the label with an AUROC of "
        "{strength}; it is {direction} in tumour.",
        _NOTHING_ELSE,
    ),
    "slide-told-from-colour": (_COLOUR, _VARY),
    "split-told-from-colour": (_COLOUR, _VARY),
}
_OVERLAP: Final = {"overlap": ("{n} overlapping crops of the same area.", _KEEP_ONE)}
_LABEL_ERRORS: Final = {
    "copy-with-other-label": (
        "{n} of the same image with different labels.",
        "Check both: one label is wrong.",
    )
}
_LABEL_WARNINGS: Final = {
    "doubtful-label": (
        "Labels that the scores contradict: {n}.{caution}",
        "Check them, the most doubtful first; the scores may be wrong instead.",
    )
}
_LABEL_NOTES: Final = {
    "overlap-with-other-label": (
        "{n} of overlapping crops with different labels.",
        "Some are expected because their centres differ; check those that nearly coincide.",
    )
}
_COLOURS: Final = {
    "red-and-blue-swapped": (
        "{note}",
        "Look at a few patches: nuclei are blue to purple, the rest pink.",
    )
}
KINDS: Final[dict[str, tuple[Area, Severity, str, str]]] = {
    kind: (area, severity, *sentences)
    for area, severity, kinds in (
        (Area.INTEGRITY, Severity.ERROR, _INTEGRITY_ERRORS),
        (Area.INTEGRITY, Severity.WARNING, _INTEGRITY_WARNINGS),
        (Area.INTEGRITY, Severity.NOTE, _INTEGRITY_NOTES),
        (Area.SPLITS, Severity.ERROR, _SPLIT_ERRORS),
        (Area.SPLITS, Severity.WARNING, _SPLIT_WARNINGS),
        (Area.RELATIONS, Severity.WARNING, _RELATED),
        (Area.RELATIONS, Severity.NOTE, _OVERLAP),
        (Area.LABELS, Severity.ERROR, _LABEL_ERRORS),
        (Area.LABELS, Severity.WARNING, _LABEL_WARNINGS),
        (Area.LABELS, Severity.NOTE, _LABEL_NOTES),
        (Area.QUALITY, Severity.ERROR, _COLOURS),
        (Area.QUALITY, Severity.WARNING, _QUALITY_WARNINGS),
        (Area.QUALITY, Severity.NOTE, _QUALITY_NOTES),
        (Area.STATISTICS, Severity.NOTE, _STATISTICS_NOTES),
    )
    for kind, sentences in kinds.items()
}
