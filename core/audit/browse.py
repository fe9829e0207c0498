"""An audit as the page shows it: which rows are looked at, why, in which order; no Streamlit."""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.audit import FLAGS, MEASURES, Audit, Finding, QualityLimits
from core.audit.columns import measure_text
from core.audit.limits import DECIDED_BY
from core.audit.scores import aligned
from core.files import guarded

Rows = NDArray[np.int64]
BINS: Final = 40


@dataclass(frozen=True, eq=False)
class AuditView:
    """An audit under some limits.

    Attributes:
        key: Changes when the tables do.
        audit: Its tables.
        limits: Of quality.
    """

    key: str
    audit: Audit
    limits: QualityLimits

    @cached_property
    def flags(self) -> pd.DataFrame:
        """One column of booleans for each of `FLAGS`."""
        empty = self.patches.empty
        return pd.DataFrame(columns=list(FLAGS)) if empty else self.audit.flags(self.limits)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What was found, errors first."""
        return self.audit.findings(self.limits)

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
    def flags_of(self) -> tuple[tuple[str, ...], ...]:
        """The quality flags of each row."""
        raised = self.flags[list(FLAGS)].to_numpy(bool)
        return tuple(tuple(np.array(FLAGS)[row].tolist()) for row in raised)

    @property
    def job_id(self) -> str:
        """Which audit it is; the same while its tables grow."""
        return self.key.partition("-")[0]

    @property
    def splits(self) -> list[str]:
        """The names of the splits."""
        return sorted(self.patches["split"].dropna().unique())

    @cached_property
    def scores(self) -> pd.DataFrame | None:
        """Rows of `scores`, one for each of `patches`; None while none is known."""
        scores = self.audit.table("scores")
        return None if scores is None or not len(scores) else aligned(self.patches, scores)

    @cached_property
    def errors(self) -> NDArray[np.object_]:
        """How the call of each scored patch compares with its label, in words."""
        outcomes = np.full(len(self.patches), "no label or call", dtype=object)
        if self.scores is not None:
            label = self.patches["label"].to_numpy(float, na_value=np.nan)
            call = self.scores["predicted_label"].to_numpy(float, na_value=np.nan)
            outcomes[label == call] = "called right"
            outcomes[(label == 1) & (call == 0)] = "missed tumour"
            outcomes[(label == 0) & (call == 1)] = "false alarm"
        return outcomes

    def finding(self, kind: str) -> Finding | None:
        """Return the finding of a kind."""
        return next((finding for finding in self.findings if finding.kind == kind), None)


def by_measure(view: AuditView, rows: Rows, measure: str, *, high: bool) -> Rows:
    """Return rows in the order of a measure, NaN last."""
    values = view.patches[measure].to_numpy(np.float64)[rows]
    return rows[np.argsort(-values if high else values, kind="stable")]


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


def exported(view: AuditView, rows: Rows) -> pd.DataFrame:
    """Return rows with everything that is known of them, as they are downloaded."""
    part = view.patches.iloc[rows].assign(flags=[", ".join(view.flags_of[row]) for row in rows])
    part = part.rename(columns=lambda name: re.sub("^ring_", "surroundings_", name))
    if view.scores is None:
        return part
    known = view.scores.iloc[rows]
    return part.assign(prob_tumour=known["prob_tumour"], predicted_label=known["predicted_label"])


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """Return a table as CSV whose text cannot be run by a spreadsheet."""
    return guarded(frame).to_csv(index=False).encode()


def parquet_bytes(frame: pd.DataFrame) -> bytes:
    """Return a table as Parquet."""
    return frame.to_parquet(index=False)


_LABELS: Final = {"tumour": 1, "no tumour": 0}
_IN_URL: Final = frozenset({"all", "finding", "label", "slide", "split", "bins", "measure"})


@dataclass(frozen=True)
class PatchChoice:
    """What is looked at.

    Attributes:
        kind: "all", "finding", "label", "slide", "split", "bins", "measure" or "rows".
        value: Which one; for bins, `measure|region of bins`.
        rows: The rows of a selection by hand; empty for every other kind.
    """

    kind: str = "all"
    value: str = ""
    rows: tuple[int, ...] = ()

    @classmethod
    def parse(cls, text: str | None) -> "PatchChoice":
        """Return what a URL names; everything if it names nothing that can be kept in one."""
        kind, _, value = (text or "all").partition(":")
        return cls(kind, value) if kind in _IN_URL else cls()

    def __str__(self) -> str:
        """Return the text that `parse` understands."""
        return f"{self.kind}:{self.value}" if self.value else self.kind


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


def choose(view: AuditView, shown: PatchChoice) -> Chosen:
    """Return the rows that are looked at; all of them if what was named is not there any more."""
    selection = _CHOOSERS.get(shown.kind, _all)(view, shown)
    return selection if selection is not None else _all(view, shown)


def _all(view: AuditView, _: PatchChoice) -> Chosen:
    return Chosen(np.arange(len(view.patches)), "All patches")


def _of_finding(view: AuditView, shown: PatchChoice) -> Chosen | None:
    finding = view.finding(shown.value)
    if finding is None:
        if shown.value not in FLAGS:
            return None
        return Chosen(np.empty(0, np.int64), "None at these limits")
    if shown.value in FLAGS:
        measure, high = DECIDED_BY[shown.value]
        rows = np.flatnonzero(view.flags[shown.value].to_numpy(bool))
        return Chosen(by_measure(view, rows, measure, high=high), finding.headline, measure)
    if finding.rows:
        return Chosen(np.array(finding.rows, np.int64), finding.headline, of=finding.count)
    names = set(finding.ids)
    patches = view.patches
    rows = np.flatnonzero((patches["id"].isin(names) | patches["slide"].isin(names)).to_numpy())
    return Chosen(rows, finding.headline) if len(rows) else None


def _of_column(view: AuditView, shown: PatchChoice) -> Chosen | None:
    names = shown.value.split("|")
    cells = view.label_words if shown.kind == "label" else view.patches[shown.kind].to_numpy()
    rows = np.flatnonzero(pd.Series(cells).isin(names))
    subject = shown.kind.capitalize() + "s" * (len(names) > 1)
    return Chosen(rows, f"{subject} {', '.join(names)}") if len(rows) else None


def _of_bins(view: AuditView, shown: PatchChoice) -> Chosen | None:
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
    rows = by_measure(view, np.flatnonzero(chosen), measure, high=True)
    subject = measure_text(measure).capitalize()
    phrases = [f"{subject} from {min(lows):.4g} to {max(highs):.4g}"]
    phrases += sorted(set(view.label_words[rows])) + [f"{len(parts)} bars"] * (len(parts) > 1)
    return Chosen(rows, ", ".join(phrases), measure)


def _of_measure(view: AuditView, shown: PatchChoice) -> Chosen | None:
    if shown.value not in MEASURES:
        return None
    known = np.flatnonzero(np.isfinite(view.patches[shown.value].to_numpy(np.float64)))
    rows = by_measure(view, known, shown.value, high=True)
    return Chosen(rows, f"All patches, highest {measure_text(shown.value)} first", shown.value)


def _of_rows(view: AuditView, shown: PatchChoice) -> Chosen | None:
    rows = np.array([row for row in shown.rows if 0 <= row < len(view.patches)], np.int64)
    return Chosen(rows, shown.value or "Selected") if len(rows) else None


_CHOOSERS: Final = {
    "finding": _of_finding,
    **dict.fromkeys(("label", "slide", "split"), _of_column),
    "bins": _of_bins,
    "measure": _of_measure,
    "rows": _of_rows,
}


class PatchOrder(StrEnum):
    """What comes first among the patches that are shown."""

    AS_FOUND = "most informative first"
    RANDOM = "random"
    LISTED = "as in the data set"
    HIGHEST = "highest measure"
    LOWEST = "lowest measure"


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
    order: PatchOrder = PatchOrder.AS_FOUND
    measure: str = "detail_share"
    seed: int = 0


def listed(view: AuditView, chosen: Chosen, criteria: PatchFilter) -> Rows:
    """Return the chosen rows that pass a filter, in its order."""
    rows = chosen.rows
    patches = view.patches
    if criteria.labels:
        rows = rows[np.isin(view.label_words[rows].astype(str), list(criteria.labels))]
    if criteria.splits:
        rows = rows[patches["split"].isin(criteria.splits).to_numpy()[rows]]
    if criteria.flags:
        rows = rows[view.flags[list(criteria.flags)].any(axis=1).to_numpy(bool)[rows]]
    if criteria.text:
        part = patches.iloc[rows]
        inside = np.zeros(len(part), bool)
        for column in ("id", "path", "slide"):
            text = part[column].fillna("").astype(str)
            inside |= text.str.contains(criteria.text, case=False, regex=False).to_numpy(bool)
        rows = rows[inside]
    if criteria.order is PatchOrder.RANDOM:
        return np.random.default_rng(criteria.seed).permutation(rows)
    if criteria.order is PatchOrder.LISTED:
        return np.sort(rows)
    if criteria.order in {PatchOrder.HIGHEST, PatchOrder.LOWEST}:
        return by_measure(view, rows, criteria.measure, high=criteria.order is PatchOrder.HIGHEST)
    return rows
