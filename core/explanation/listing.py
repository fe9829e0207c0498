"""Lists of explained patches: which are worth explaining, filtered and sorted by a measure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from core.explanation.reliance import Decisive
from core.explanation.rows import ExplanationRow, MapState, number
from core.scoring import Filter, Order, Outcome, ScoreRow, Status, outcome, select
from core.wording import percent

MOST_EXPLAINED: Final = 1_000
"""Of a larger batch, the patches with the highest scores."""


def worth_explaining(rows: Sequence[ScoreRow]) -> tuple[tuple[int, ...], int]:
    """Return the positions of scored rows, highest score first, and how many were too many."""
    scored = [
        position
        for position in select(rows, Filter(), Order.HIGHEST)
        if rows[position].status is Status.SCORED
    ]
    return tuple(scored[:MOST_EXPLAINED]), max(0, len(scored) - MOST_EXPLAINED)


def is_tested(row: ExplanationRow) -> bool:
    """Return whether the centre and the orientations of a patch were tested."""
    return row.explanation is None or (row.reliance is not None and row.views is not None)


@dataclass(frozen=True)
class MeasureOrder:
    """A measure to sort by.

    Attributes:
        name: What the reader calls it.
        get: The measure of a row, None where it is not known.
        tested: Whether it needs the tests.
        lowest_first: Which end is worth looking at first.
        percent: Whether it reads as a percentage.
        of_map: Whether it is a measure of the map.
        of_score: Whether it is the score itself, which every tile shows anyway.
    """

    name: str
    get: Callable[[ExplanationRow], float | None]
    tested: bool = False
    lowest_first: bool = False
    percent: bool = False
    of_map: bool = False
    of_score: bool = False

    def text(self, row: ExplanationRow) -> str:
        """Return the measure as a reader wants it."""
        value = self.get(row)
        if value is None:
            made = row.explanation is not None and (not self.tested or is_tested(row))
            return "none" if made else "not measured"
        return percent(value, 0) if self.percent else f"{value:.2f}"


def _score(row: ExplanationRow) -> float | None:
    return row.score.prob_tumour


def _distance(row: ExplanationRow) -> float | None:
    score = row.score.prob_tumour
    return None if score is None else abs(score - row.score.threshold)


_share, _evidence = number("centre_share"), number("evidence_for")
_reliance, _around = number("centre_reliance"), number("surroundings_reliance")
_ORDERS: Final = (
    MeasureOrder("Score, highest first", _score, of_score=True),
    MeasureOrder("Score, lowest first", _score, lowest_first=True, of_score=True),
    MeasureOrder("Nearest to the threshold", _distance, lowest_first=True),
    MeasureOrder("Most evidence in the centre", _share, percent=True, of_map=True),
    MeasureOrder(
        "Least evidence in the centre", _share, lowest_first=True, percent=True, of_map=True
    ),
    MeasureOrder("Strongest evidence", _evidence, of_map=True),
    MeasureOrder("Weakest evidence", _evidence, lowest_first=True, of_map=True),
    MeasureOrder("Lowest centre reliance", _reliance, tested=True, lowest_first=True),
    MeasureOrder("Highest centre reliance", _reliance, tested=True),
    MeasureOrder("Highest reliance on the surroundings", _around, tested=True),
    MeasureOrder("Orientations disagree most", number("d4_spread_logit"), tested=True),
)
ORDERS: Final = {order.name: order for order in _ORDERS}

FILTERS: Final[dict[str, Callable[[ExplanationRow], bool]]] = {
    "Decided by the surroundings": lambda row: (
        row.reliance is not None and row.reliance.decisive is Decisive.RING
    ),
    "Weak evidence": lambda row: row.explanation is not None and bool(row.explanation.weak),
    "Map did not pass its check": lambda row: row.map_state is MapState.UNRELIABLE,
    "Orientations flip the call": lambda row: row.views is not None and row.views.flips > 0,
    "Called tumour": lambda row: outcome(row.score) is Outcome.TUMOUR,
}
NEED_TESTS: Final = frozenset(
    {"Decided by the surroundings", "Map did not pass its check", "Orientations flip the call"}
)
NEED_MAPS: Final = frozenset({"Weak evidence", "Map did not pass its check"})


def listed(
    rows: dict[int, ExplanationRow], filters: Sequence[str], order: MeasureOrder
) -> list[int]:
    """Return the positions whose rows pass every filter, sorted; unknown measures come last."""
    kept = [at for at, row in rows.items() if all(FILTERS[name](row) for name in filters)]

    def rank(position: int) -> tuple[bool, float]:
        value = order.get(rows[position])
        if value is None:
            return (True, 0.0)
        return (False, value if order.lowest_first else -value)

    return sorted(kept, key=rank)
