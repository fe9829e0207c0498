"""The cells of a slide: which are tissue, which are scored, and with what."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final, Self

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from core.scoring import ScoreRow, Status

NO_CALL: Final = -1
_SMALL: Final = 1e-6
_ALL: Final = slice(None)
_SIDES: Final = np.array([[1, 0, 1]], np.uint8)
_AT_A_CORNER: Final = np.array([[0, 1, 0], [0, 1, 1], [0, 0, 0]], np.uint8)
_TO_ITS_CELL: Final = np.array([[0, 0, 0], [0, 0, 0], [1, 0, 0]], np.uint8)


class CellState(IntEnum):
    """What became of a cell; UNSCORED is glass, or tissue that coarse to fine passed over."""

    UNSCORED = 0
    SCORED = 1
    FAILED = 2
    WITHHELD = 3


_STATES: Final = {
    Status.SCORED: CellState.SCORED,
    Status.FAILED: CellState.FAILED,
    Status.WITHHELD: CellState.WITHHELD,
}


@dataclass(frozen=True)
class CellResult:
    """One cell's score.

    Attributes:
        row: Of the grid.
        column: Of the grid.
        state: Never UNSCORED.
        logit: Before temperature, NaN unless scored.
        prob_tumour: Calibrated, 0..1, NaN unless scored.
        call: 1 tumour, 0 none, -1 no call.
        domain_distance: From the training patches, above 1 is unlike them; NaN where unknown.
    """

    row: int
    column: int
    state: CellState
    logit: float
    prob_tumour: float
    call: int
    domain_distance: float

    @classmethod
    def of(cls, row: int, column: int, scored: ScoreRow) -> Self:
        """Return the result of a cell that was scored as a patch."""
        return cls(
            row,
            column,
            _STATES[scored.status],
            or_nan(scored.logit),
            or_nan(scored.prob_tumour),
            NO_CALL if scored.predicted_label is None else scored.predicted_label,
            or_nan(scored.domain_distance),
        )


def or_nan(value: float | None) -> float:
    """Return a number; NaN where there is none."""
    return float("nan") if value is None else value


class Cells:
    """All cells of a slide, one value each; every array is (rows, columns).

    Attributes:
        tissue_share: Share of the cell that is tissue, float32.
        tissue: Which have enough of it to be judged.
        first: Which of these coarse to fine begins with: one of every 2 × 2.
        state: Of `CellState`, uint8.
        logit: float32, NaN unless scored.
        prob_tumour: float64, NaN unless scored.
        call: 1, 0 or -1, int8.
        domain_distance: float32, NaN where unknown.
    """

    def __init__(self, tissue_share: NDArray[np.float32], tissue: NDArray[np.bool_]) -> None:
        """Begin with no cell scored."""
        shape = tissue.shape
        self.tissue_share = tissue_share
        self.tissue = tissue
        self.first = min((_one_of_each_square(tissue, start) for start in (0, 1)), key=np.sum)
        self.state = np.zeros(shape, np.uint8)
        self.logit = np.full(shape, np.nan, np.float32)
        self.prob_tumour = np.full(shape, np.nan)
        self.call = np.full(shape, NO_CALL, np.int8)
        self.domain_distance = np.full(shape, np.nan, np.float32)

    def put(self, results: Sequence[CellResult]) -> None:
        """Take results."""
        for one in results:
            at = one.row, one.column
            self.state[at] = one.state
            self.logit[at] = one.logit
            self.prob_tumour[at] = one.prob_tumour
            self.call[at] = one.call
            self.domain_distance[at] = one.domain_distance

    @property
    def flagged(self) -> NDArray[np.bool_]:
        """Which cells are called tumour."""
        flagged: NDArray[np.bool_] = self.call == 1
        return flagged

    def flagged_first(self, count: int) -> NDArray[np.int64]:
        """Return rows and columns (N, 2) of so many flagged cells, the highest score first."""
        return _least(np.where(self.flagged, -self.prob_tumour, np.nan), count)

    def doubtful_first(self, count: int, threshold: float) -> NDArray[np.int64]:
        """Return rows and columns (N, 2) of so many scored cells, nearest to a threshold first."""
        odds = logit(np.clip(self.prob_tumour, _SMALL, 1 - _SMALL))
        return _least(np.abs(odds - logit(threshold)), count)

    def share_begun(self) -> float:
        """Return which share of the cells that coarse to fine begins with is done, 0..1."""
        done = self.first & (self.state != CellState.UNSCORED)
        return float(done.sum() / max(self.first.sum(), 1))

    def still_to_score(
        self, rows: slice = _ALL, columns: slice = _ALL, *, all_cells: bool
    ) -> NDArray[np.bool_]:
        """Return which cells of tissue in a window are still to be scored.

        Coarse to fine wants `first`, and then what could complete a square of 2 × 2 cells none of
        which is called free of tumour: left and right of a first one; where one of these is not
        called free of tumour either, above and below the first one; then the cell between two such.
        Every square of 2 × 2 cells holds one of the first kind, so that of every flagged one all
        four are scored, whatever the order. Flagged cells in no such square may be passed over.
        """
        top, bottom, _ = rows.indices(self.tissue.shape[0])
        left, right, _ = columns.indices(self.tissue.shape[1])
        window = np.s_[top:bottom, left:right]
        still: NDArray[np.bool_] = self.tissue[window] & (self.state[window] == CellState.UNSCORED)
        if all_cells:
            return still
        up, before = max(top - 2, 0), max(left - 2, 0)
        around = np.s_[up : bottom + 2, before : right + 2]
        doubtful = (self.state[around] == CellState.SCORED) & (self.call[around] != 0)
        chosen = _completing(doubtful.astype(np.uint8), self.first[around].astype(np.uint8))[
            top - up :, left - before :
        ][: bottom - top, : right - left]
        return still & (self.first[window] | (chosen > 0))


def _completing(doubtful: NDArray[np.uint8], first: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return which cells, known or not, could complete a square of doubtful ones."""
    begun = doubtful & first
    beside: Any = begun & np.asarray(cv2.dilate(doubtful, _SIDES))
    mask: Any = cv2.bitwise_or(cv2.dilate(begun, _SIDES), cv2.dilate(beside, _SIDES.T))
    for turn in range(4):
        corner, cell = (np.rot90(one, turn).copy() for one in (_AT_A_CORNER, _TO_ITS_CELL))
        whole = begun & np.asarray(cv2.erode(doubtful, corner, borderValue=[0]), np.uint8)
        mask |= np.asarray(cv2.dilate(whole, cell))
    completing: NDArray[np.uint8] = mask
    return completing


def _one_of_each_square(tissue: NDArray[np.bool_], start: int) -> NDArray[np.bool_]:
    """Return few cells that leave no 2 × 2 cells of tissue without one, (rows, columns).

    They lie in every second row. There a run of squares needs every second cell from where the
    first square ends. Of tissue that lies in no square, every second cell gives a glimpse. The rows
    begin with `start`, 0 or 1.
    """
    whole = np.pad(tissue, 1)
    square = whole[:-1, :-1] & whole[1:, :-1] & whole[:-1, 1:] & whole[1:, 1:]  # by lower right
    ends = square[:-1] | square[1:]  # above and below a row
    runs = ends[start::2]
    begins = runs & ~np.pad(runs, ((0, 0), (1, 0)))[:, :-1]
    place = np.arange(runs.shape[1], dtype=np.int32)
    since = place - np.maximum.accumulate(np.where(begins, place, 0), axis=1)
    chosen = tissue & ~(ends[:, :-1] | ends[:, 1:])
    chosen[::2, ::2] = chosen[1::2, 1::2] = False
    chosen[start::2] |= (runs & (since % 2 == 0))[:, :-1]
    return chosen


def _least(values: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Return where the least of an array are, (N, 2); NaN is never among them."""
    order = np.argsort(values, axis=None, kind="stable")
    indices = order[: min(count, int(np.isfinite(values).sum()))]
    return np.stack(np.unravel_index(indices, values.shape), axis=1)
