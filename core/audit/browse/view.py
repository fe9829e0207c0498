"""An audit under some limits, as the page shows it, and rows of it as they are downloaded."""

import io
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.audit import FLAGS, Audit, Finding, QualityLimits
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
        found = np.full(len(self.patches), "no label or call", dtype=object)
        if self.scores is not None:
            label = self.patches["label"].to_numpy(float, na_value=np.nan)
            call = self.scores["predicted_label"].to_numpy(float, na_value=np.nan)
            found[label == call] = "called right"
            found[(label == 1) & (call == 0)] = "missed tumour"
            found[(label == 0) & (call == 1)] = "false alarm"
        return found

    def finding(self, kind: str) -> Finding | None:
        """Return the finding of a kind."""
        return next((found for found in self.findings if found.kind == kind), None)


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
    """Return rows with everything that is known of them, as they are taken home."""
    part = view.patches.iloc[rows].assign(flags=[", ".join(view.flags_of[row]) for row in rows])
    if view.scores is None:
        return part
    known = view.scores.iloc[rows]
    return part.assign(prob_tumour=known["prob_tumour"], predicted_label=known["predicted_label"])


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """Return a table as CSV whose text cannot be run by a spreadsheet."""
    return guarded(frame).to_csv(index=False).encode()


def parquet_bytes(frame: pd.DataFrame) -> bytes:
    """Return a table as Parquet."""
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()
