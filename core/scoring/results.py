"""A job's rows as a reader looks at them: what was called, filtered, ordered and counted."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import scipy

from core.scoring.rows import ScoreRow, Status
from core.statistics.curves import Histogram


class Outcome(StrEnum):
    """What an input ended as; every input has exactly one."""

    TUMOUR = "tumour"
    GREY_ZONE = "grey zone"
    NO_TUMOUR = "no tumour"
    WITHHELD = "withheld"
    FAILED = "unreadable"


class Order(StrEnum):
    """How rows are sorted; inputs without a score always come last, in input order."""

    HIGHEST = "Highest score first"
    LOWEST = "Lowest score first"
    NEAREST = "Nearest to the threshold first"
    UNSTEADY = "Least agreement of orientations first"
    UNLIKE = "Least like the training data first"
    AROUND = "Decided by the surroundings first"
    INPUT = "As in the input"
    PATH = "By file name"
    INPUT_BACKWARDS = "As in the input, last first"
    PATH_BACKWARDS = "By file name, Z first"


@dataclass(frozen=True)
class Filter:
    """Which rows to show.

    Attributes:
        outcomes: Only these; empty shows all.
        score_low: Only scores from here; 0 also keeps inputs without a score.
        score_high: Only scores up to here; 1 also keeps inputs without a score.
        text: Only rows whose path, slide, reason or note holds it, in either case; the folders that
            all rows share count only for a text with a slash.
        unlike: Only patches unlike the training data.
        around: Only tumour calls that the surroundings decide.
    """

    outcomes: frozenset[Outcome] = frozenset()
    score_low: float = 0.0
    score_high: float = 1.0
    text: str = ""
    unlike: bool = False
    around: bool = False


@dataclass(frozen=True)
class Unlike:
    """How many patches of a batch are unlike the training data.

    Attributes:
        unlike: How many.
        compared: Of how many.
        expected: The share of patches of other slides, cut like the training data, that are.
    """

    unlike: int
    compared: int
    expected: float

    @property
    def more_than_chance(self) -> bool:
        """Whether so many would come of such patches less often than once in a hundred batches."""
        return bool(scipy.special.bdtrc(self.unlike - 1, self.compared, self.expected) < _RARE)


_RARE: Final = 0.01


def unlike_training(rows: Sequence[ScoreRow], expected: float) -> Unlike:
    """Return how many rows are unlike the training data; `expected` is the card's share."""
    compared = [row.unlike_training for row in rows if row.unlike_training is not None]
    return Unlike(sum(compared), len(compared), expected)


def outcome(row: ScoreRow) -> Outcome:
    """Return what an input ended as."""
    if row.status is Status.FAILED:
        return Outcome.FAILED
    if row.status is Status.WITHHELD:
        return Outcome.WITHHELD
    if row.predicted_label is None:
        return Outcome.GREY_ZONE
    return Outcome.TUMOUR if row.predicted_label == 1 else Outcome.NO_TUMOUR


def outcome_counts(rows: Sequence[ScoreRow]) -> dict[Outcome, int]:
    """Return how many inputs ended as each, zeros included."""
    counts = Counter(outcome(row) for row in rows)
    return {kind: counts[kind] for kind in Outcome}


def remarks(rows: Iterable[ScoreRow]) -> list[str]:
    """Return what is to be said of images that were read, the most frequent first."""
    counts = Counter(row.note for row in rows if row.note)
    return [
        f"{count:,} patch{'es' if count > 1 else ''}: {note}."
        for note, count in counts.most_common()
    ]


def shared_folder(paths: Iterable[str]) -> str:
    """Return the folder that files with "/" in their paths share, with its slash; "" without."""
    folders = {path[: path.rfind("/") + 1] for path in paths}
    common = os.path.commonprefix(list(folders))  # noqa: RUF071 - cut at a slash
    return common[: common.rfind("/") + 1]


def select(
    rows: Sequence[ScoreRow],
    criteria: Filter,
    order: Order,
    margins: Mapping[int, float] | None = None,
    folder: str | None = None,
) -> list[int]:
    """Return the positions of the rows that pass a filter, in an order.

    Args:
        rows: Of a batch.
        criteria: The filter.
        order: The order.
        margins: By how much the surroundings decide a tumour call, by position, as far as that is
            known; below 0 they do not.
        folder: That all files of the batch share; None takes the one that these rows share.
    """
    margins = margins or {}
    text = criteria.text.strip().casefold()
    # A search for the name of the folder that was chosen would find all of it.
    shared = 0
    if text and "/" not in text:
        shared = len(shared_folder(row.path for row in rows) if folder is None else folder)
    bounded = criteria.score_low > 0 or criteria.score_high < 1
    kept = []
    for position, row in enumerate(rows):
        if criteria.outcomes and outcome(row) not in criteria.outcomes:
            continue
        if criteria.unlike and row.unlike_training != 1:
            continue
        if criteria.around and not margins.get(position, -1.0) >= 0:
            continue
        if bounded and (
            row.prob_tumour is None
            or not criteria.score_low <= row.prob_tumour <= criteria.score_high
        ):
            continue
        if text:
            known = (row.path[shared:], row.slide or "", row.reason, row.note)
            if text not in "\n".join(known).casefold():
                continue
        kept.append(position)
    if order in {Order.INPUT, Order.INPUT_BACKWARDS}:
        return kept if order is Order.INPUT else kept[::-1]
    if order in {Order.PATH, Order.PATH_BACKWARDS}:
        backwards = order is Order.PATH_BACKWARDS
        return sorted(kept, key=lambda position: rows[position].path, reverse=backwards)
    if order is Order.AROUND:
        return sorted(kept, key=lambda position: -margins.get(position, -np.inf))

    def rank(position: int) -> tuple[bool, float]:
        row = rows[position]
        score = row.prob_tumour
        return (True, 0.0) if score is None else (False, _RANKS[order](row, score))

    return sorted(kept, key=rank)


_RANKS: Final[Mapping[Order, Callable[[ScoreRow, float], float]]] = {
    Order.HIGHEST: lambda _, score: -score,
    Order.LOWEST: lambda _, score: score,
    Order.NEAREST: lambda row, score: abs(score - row.threshold),
    Order.UNSTEADY: lambda row, _: -(row.d4_sd_logit or 0.0),
    Order.UNLIKE: lambda row, _: -(row.domain_distance or 0.0),
}
"""What comes first where rows are ordered by their scores."""


def score_histogram(rows: Sequence[ScoreRow]) -> Histogram[Outcome]:
    """Return the spread of the scores in equal bins; the calls are counted, not guessed by bin."""
    scores: dict[Outcome, list[float]] = {
        kind: [] for kind in (Outcome.NO_TUMOUR, Outcome.GREY_ZONE, Outcome.TUMOUR)
    }
    for row in rows:
        of_kind = scores.get(outcome(row))
        if row.prob_tumour is not None and of_kind is not None:
            of_kind.append(row.prob_tumour)
    return Histogram.of(scores, 50)
