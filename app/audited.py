"""An audit as the page shows it: which rows are looked at, why, in which order; no Streamlit."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.audit import CHANNELS, FLAGS, MEASURES, Audit, Finding, QualityLimits

Rows = NDArray[np.int64]

DECIDED_BY: Final = {
    "flat": ("channel_sd", False),
    "blank": ("white_share", True),
    "dark": ("grey_mean", False),
    "low_saturation": ("saturation_max", False),
    "low_tissue": ("tissue_share", False),
    "blurred": ("detail_share", False),
    "pen": ("ink_share", True),
    "extreme_stain": ("whole_haematoxylin_mean", True),
    "grey_image": ("colour_spread", False),
}
"""The measure that a quality flag goes by, and whether a high value is what is flagged."""
BINS: Final = 40
_LABELS: Final = {"tumour": 1, "no tumour": 0}


class Order(StrEnum):
    """What comes first among the patches that are shown."""

    AS_FOUND = "most telling first"
    RANDOM = "random"
    LISTED = "as in the data set"
    HIGHEST = "highest measure"
    LOWEST = "lowest measure"


@dataclass(frozen=True)
class Shown:
    """What is looked at.

    Attributes:
        kind: "all", "finding", "slide", "split", "bins", "measure", "contrast" or "rows".
        value: Which one; for bins, `measure|region of bins`.
        rows: The rows of a selection by hand; empty for every other kind.
    """

    kind: str = "all"
    value: str = ""
    rows: tuple[int, ...] = ()

    @classmethod
    def parse(cls, text: str | None) -> "Shown":
        """Return what a URL names; everything if it names nothing that can be kept in one."""
        kind, _, value = (text or "all").partition(":")
        return cls(kind, value) if kind in _IN_URL else cls()

    def __str__(self) -> str:
        """Return the text that `parse` understands."""
        return f"{self.kind}:{self.value}" if self.value else self.kind


_IN_URL: Final = frozenset({"all", "finding", "slide", "split", "bins", "measure", "contrast"})


@dataclass(frozen=True)
class PatchFilter:
    """Which of the shown patches pass, and their order.

    Attributes:
        labels: "tumour", "no tumour", "unknown"; all if empty.
        splits: Names; all if empty.
        flags: Quality flags of which one must be set; all patches if empty.
        text: Must be part of id, path or slide.
        order: What comes first.
        measure: What HIGHEST and LOWEST go by.
        seed: Of the random order.
    """

    labels: frozenset[str] = frozenset()
    splits: frozenset[str] = frozenset()
    flags: frozenset[str] = frozenset()
    text: str = ""
    order: Order = Order.AS_FOUND
    measure: str = "detail_share"
    seed: int = 0


@dataclass(frozen=True)
class Chosen:
    """Rows to look at.

    Attributes:
        rows: In the order in which they tell most.
        sentence: What they are.
        measure: What the order goes by; "" if by no measure.
        of: How many there are in all, where only the first of them are known by row.
    """

    rows: Rows
    sentence: str
    measure: str = ""
    of: int = 0


@dataclass(frozen=True, eq=False)
class AuditView:
    """An audit under some limits.

    Attributes:
        key: Changes when the tables do.
        audit: Its tables.
        limits: Of quality.
        flags: One column of booleans for each of `FLAGS`.
        findings: Errors first.
    """

    key: str
    audit: Audit
    limits: QualityLimits
    flags: pd.DataFrame
    findings: tuple[Finding, ...]

    @classmethod
    def of(cls, key: str, audit: Audit, limits: QualityLimits) -> "AuditView":
        """Return the audit as it is under some limits."""
        empty = audit.patches.empty
        flags = pd.DataFrame(columns=list(FLAGS)) if empty else audit.flags(limits)
        return cls(key, audit, limits, flags, audit.findings(limits))

    @property
    def patches(self) -> pd.DataFrame:
        """One row per input; the position is the row in the source."""
        return self.audit.patches

    @cached_property
    def label_words(self) -> NDArray[np.object_]:
        """The label of each row in words."""
        words = self.patches["label"].map({1: "tumour", 0: "no tumour"}).fillna("unknown")
        return words.to_numpy(object)

    @cached_property
    def flag_words(self) -> NDArray[np.object_]:
        """The quality flags of each row, joined."""
        found = np.full(len(self.flags), "", dtype=object)
        for name in FLAGS:
            chosen = self.flags[name].to_numpy(bool)
            found[chosen] = [f"{text}, {name}" if text else name for text in found[chosen]]
        return found

    @property
    def job_id(self) -> str:
        """Which audit it is; the same while its tables grow."""
        return self.key.partition("-")[0]

    @property
    def splits(self) -> list[str]:
        """The names of the splits."""
        return sorted(self.patches["split"].dropna().unique())

    @cached_property
    def standardised(self) -> NDArray[np.float64]:
        """Colour and stain means of centre and ring, each of mean 0 and SD 1 over the patches."""
        names = [
            f"{region}_{channel}_mean"
            for region in ("centre", "ring")
            for channel in CHANNELS
            if channel != "hue"
        ]
        values = self.patches[names].to_numpy(np.float64)
        spread = np.nanstd(values, axis=0)
        found: NDArray[np.float64] = (values - np.nanmean(values, axis=0)) / np.where(
            spread > 0, spread, 1
        )
        return found

    @cached_property
    def relations_of(self) -> dict[int, list[int]]:
        """Positions in `pairs` by row."""
        found: dict[int, list[int]] = {}
        pairs = self.audit.pairs
        if pairs is not None:
            for place, (a, b) in enumerate(zip(pairs["row_a"], pairs["row_b"], strict=True)):
                found.setdefault(int(a), []).append(place)
                found.setdefault(int(b), []).append(place)
        return found

    def finding(self, kind: str) -> Finding | None:
        """Return the finding of a kind."""
        return next((found for found in self.findings if found.kind == kind), None)


def choose(view: AuditView, shown: Shown) -> Chosen:
    """Return the rows that are looked at; all of them if what was named is not there any more."""
    found = _CHOOSERS.get(shown.kind, _all)(view, shown)
    return found if found is not None else _all(view, shown)


def _all(view: AuditView, _: Shown) -> Chosen:
    return Chosen(np.arange(len(view.patches)), "All patches")


def _of_finding(view: AuditView, shown: Shown) -> Chosen | None:
    found = view.finding(shown.value)
    if found is None:
        if shown.value not in FLAGS:
            return None
        return Chosen(np.empty(0, np.int64), "None at these limits")
    if shown.value in FLAGS:
        measure, high = DECIDED_BY[shown.value]
        rows = np.flatnonzero(view.flags[shown.value].to_numpy(bool))
        return Chosen(_by_measure(view, rows, measure, high=high), found.headline, measure)
    if found.rows:
        return Chosen(np.array(found.rows, np.int64), found.headline, of=found.count)
    names = set(found.ids)
    patches = view.patches
    rows = np.flatnonzero((patches["id"].isin(names) | patches["slide"].isin(names)).to_numpy())
    return Chosen(rows, found.headline) if len(rows) else None


def _of_column(view: AuditView, shown: Shown) -> Chosen | None:
    names = shown.value.split("|")
    rows = np.flatnonzero(view.patches[shown.kind].isin(names).to_numpy())
    said = shown.kind.capitalize() + "s" * (len(names) > 1)
    return Chosen(rows, f"{said} {', '.join(names)}") if len(rows) else None


def _of_bins(view: AuditView, shown: Shown) -> Chosen | None:
    """Take `measure|label:low:high|…`."""
    measure, *parts = shown.value.split("|")
    if measure not in MEASURES or not parts:
        return None
    values = view.patches[measure].to_numpy(np.float64)
    chosen = np.zeros(len(values), bool)
    lows, highs = [], []
    try:
        for part in parts:
            label, low, high = part.split(":")
            inside = (values >= float(low)) & (values <= float(high))
            chosen |= inside & (view.label_words == label)
            lows.append(float(low))
            highs.append(float(high))
    except ValueError:
        return None
    rows = _by_measure(view, np.flatnonzero(chosen), measure, high=True)
    return Chosen(rows, f"{measure} from {min(lows):.4g} to {max(highs):.4g}", measure)


def _of_measure(view: AuditView, shown: Shown) -> Chosen | None:
    if shown.value not in MEASURES:
        return None
    known = np.flatnonzero(np.isfinite(view.patches[shown.value].to_numpy(np.float64)))
    rows = _by_measure(view, known, shown.value, high=True)
    return Chosen(rows, f"All patches, highest {shown.value} first", shown.value)


def _of_contrast(view: AuditView, shown: Shown) -> Chosen | None:
    """Take `channel|label`: that class, the largest difference between centre and ring first."""
    channel, _, label = shown.value.partition("|")
    centre = f"centre_{channel}_mean"
    if centre not in MEASURES or label not in _LABELS:
        return None
    patches = view.patches
    values = np.abs(patches[centre].to_numpy(float) - patches[f"ring_{channel}_mean"].to_numpy())
    rows = np.flatnonzero((view.label_words == label) & np.isfinite(values))
    rows = rows[np.argsort(-values[rows], kind="stable")]
    words = f"Label {label}: centre and ring differ most in {channel}"
    return Chosen(rows, words, centre)


def _of_rows(view: AuditView, shown: Shown) -> Chosen | None:
    rows = np.array([row for row in shown.rows if 0 <= row < len(view.patches)], np.int64)
    return Chosen(rows, shown.value or "Selected") if len(rows) else None


_CHOOSERS: Final = {
    "finding": _of_finding,
    "slide": _of_column,
    "split": _of_column,
    "bins": _of_bins,
    "measure": _of_measure,
    "contrast": _of_contrast,
    "rows": _of_rows,
}


def _by_measure(view: AuditView, rows: Rows, measure: str, *, high: bool) -> Rows:
    values = view.patches[measure].to_numpy(np.float64)[rows]
    ordered: Rows = rows[np.argsort(-values if high else values, kind="stable")]
    return ordered


def listed(view: AuditView, chosen: Chosen, wanted: PatchFilter) -> Rows:
    """Return the chosen rows that pass a filter, in its order."""
    rows = chosen.rows
    patches = view.patches
    if wanted.labels:
        rows = rows[np.isin(view.label_words[rows].astype(str), list(wanted.labels))]
    if wanted.splits:
        rows = rows[patches["split"].isin(wanted.splits).to_numpy()[rows]]
    if wanted.flags:
        rows = rows[view.flags[list(wanted.flags)].any(axis=1).to_numpy(bool)[rows]]
    if wanted.text:
        part = patches.iloc[rows]
        inside = np.zeros(len(part), bool)
        for column in ("id", "path", "slide"):
            text = part[column].fillna("").astype(str)
            inside |= text.str.contains(wanted.text, case=False, regex=False).to_numpy(bool)
        rows = rows[inside]
    if wanted.order is Order.RANDOM:
        return np.random.default_rng(wanted.seed).permutation(rows)
    if wanted.order is Order.LISTED:
        return np.sort(rows)
    if wanted.order in {Order.HIGHEST, Order.LOWEST}:
        return _by_measure(view, rows, wanted.measure, high=wanted.order is Order.HIGHEST)
    return rows


@dataclass(frozen=True, eq=False)
class Distribution:
    """Counts of a measure in bins of equal width, by label.

    Attributes:
        edges: (BINS + 1,).
        counts: By label in words, each (BINS,).
        outside: How many values lie beyond the bins, which span the middle 99.8 %.
    """

    edges: NDArray[np.float64]
    counts: dict[str, NDArray[np.int64]]
    outside: int


def distribution(view: AuditView, measure: str) -> Distribution | None:
    """Return how a measure is distributed in each class; None without a value."""
    values = view.patches[measure].to_numpy(np.float64)
    known = np.isfinite(values)
    if not known.any():
        return None
    low, high = np.quantile(values[known], [0.001, 0.999])
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, BINS + 1)
    counts = {
        label: np.histogram(values[known & (view.label_words == label)], edges)[0]
        for label in ("no tumour", "tumour", "unknown")
    }
    inside = sum(int(count.sum()) for count in counts.values())
    shown = {label: count for label, count in counts.items() if count.any()}
    return Distribution(edges, shown, int(known.sum()) - inside)


def nearest(view: AuditView, row: int, count: int = 12) -> Rows:
    """Return the rows nearest to a row in the colour and stain means of centre and ring."""
    points = view.standardised
    distance = ((points - points[row]) ** 2).sum(axis=1)
    order = np.argsort(distance, kind="stable")  # NaN last
    near: Rows = order[np.isfinite(distance[order]) & (order != row)][:count]
    return near


def exported(view: AuditView, rows: Rows) -> pd.DataFrame:
    """Return rows with everything that is known of them, as they are taken home."""
    part = view.patches.iloc[rows]
    return part.assign(flags=view.flag_words[rows])


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """Return a table as CSV whose text cannot be run by a spreadsheet."""
    text = frame.select_dtypes(include=["object", "str"]).columns
    safe = frame.assign(**{name: frame[name].map(_no_formula) for name in text})
    return safe.to_csv(index=False).encode()


def _no_formula(cell: object) -> object:
    """Return text with a quote before what a spreadsheet would take for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in {"=", "+", "-", "@", "\t"} else cell


def parquet_bytes(frame: pd.DataFrame) -> bytes:
    """Return a table as Parquet."""
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()


def review_table(view: AuditView, rows: Sequence[int]) -> pd.DataFrame:
    """Return what names patches to a reader: id, path, hash, label, slide, split."""
    columns = ["id", "path", "sha256", "label", "slide", "split"]
    return view.patches.iloc[list(rows)][columns]
