"""How a measure is distributed in each class."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.audit.browse.view import AuditView

BINS: Final = 40


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
