"""The thresholds a rule may choose from, with their counts, and what a rule is."""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from core.statistics.evidence import FloatArray, IntArray
from core.statistics.operating import OperatingTable
from core.statistics.slide_grid import SlideGrid


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

    @property
    def fn(self) -> FloatArray:
        """(..., B) tumour patches not flagged."""
        return self.positives - self.tp

    @property
    def tn(self) -> FloatArray:
        """(..., B) tumour-free patches not flagged."""
        return self.negatives - self.fp


class Rule(Protocol):
    """What every rule can do."""

    @property
    def name(self) -> str:
        """Short name for a menu."""

    @property
    def description(self) -> str:
        """One sentence that lets a reader repeat the choice."""

    @property
    def over_slides(self) -> bool:
        """Whether it reads `Candidates.grid`."""

    def rows(self, candidates: Candidates) -> IntArray:
        """(...) the chosen row of B, or -1 where no candidate satisfies the rule."""

    def attainable(self, candidates: Candidates) -> str:
        """The best that could be had, in words, for the error when nothing satisfies the rule."""
