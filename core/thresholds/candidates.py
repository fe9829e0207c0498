"""The thresholds a rule may choose from, with their counts."""

from dataclasses import dataclass, field

import numpy as np

from core.statistics.evidence import FloatArray
from core.statistics.metrics import MetricName, measure
from core.statistics.operating import OperatingTable, SlideGrid


@dataclass(frozen=True, eq=False)
class Candidates:
    """Counts at B candidate thresholds, highest first, over any leading shape (...).

    Attributes:
        tp: (..., B) flagged tumour patches.
        fp: (..., B) flagged tumour-free patches.
        positives: (..., 1) all tumour patches.
        negatives: (..., 1) all tumour-free patches.
        grid: the same by slide, for bounds over slides; None where slides play no part.
        slide_positives: (S,) all tumour patches of each slide; empty without a grid.
        slide_negatives: (S,) all tumour-free patches of each slide; empty without a grid.
    """

    tp: FloatArray
    fp: FloatArray
    positives: FloatArray
    negatives: FloatArray
    grid: SlideGrid | None = None
    slide_positives: FloatArray = field(default_factory=lambda: np.empty(0))
    slide_negatives: FloatArray = field(default_factory=lambda: np.empty(0))

    @classmethod
    def of_table(cls, table: OperatingTable) -> "Candidates":
        """Every distinct score of a table as a candidate."""
        return cls(
            tp=table.tp.astype(np.float64),
            fp=table.fp.astype(np.float64),
            positives=np.array([table.positives], dtype=np.float64),
            negatives=np.array([table.negatives], dtype=np.float64),
        )

    @classmethod
    def of_grid(cls, grid: SlideGrid, positives: FloatArray, negatives: FloatArray) -> "Candidates":
        """The thresholds of a slide grid; positives and negatives are (S,) totals of the slides."""
        return cls(
            tp=grid.tp.sum(axis=1),
            fp=grid.fp.sum(axis=1),
            positives=positives.sum(keepdims=True),
            negatives=negatives.sum(keepdims=True),
            grid=grid,
            slide_positives=positives,
            slide_negatives=negatives,
        )

    def value(self, name: MetricName) -> FloatArray:
        """(..., B) one metric at every candidate; see `measure`."""
        return measure(name, self.tp, self.fp, self.positives - self.tp, self.negatives - self.fp)
